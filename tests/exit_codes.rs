//! Every exit code, through the real program. Stores refuse over real sockets, as S3, GCS and Azure do: what is said is
//! three lines, the right ones, and never a key, a signature or a query.

mod fixtures;
#[path = "support/key_server.rs"]
mod key_server;
#[path = "support/refusing_server.rs"]
mod refusing_server;

use fixtures::{Run, command, end_of, entries, finish, hour_folder, ids, ledger, start, write};
use key_server::{BUCKET, KeyServer, Object};
use refusing_server::{RefusingServer, Rule, when};
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const OPENS: &str = "users_messages_email_open";
const LOAD: &str = "load --source currents --warehouse w";
const FROM_S3: &str = "load --source s3://bench/currents --warehouse w --retry-for 1s";
/// The secret of every cloud here, in Base64 as Azure wants it.
const SECRET: &str = "UVVJVEUtU0VDUkVULTQ3MTE=";
/// What no message may hold: secrets (that one decoded, too), parts of a signature, of a query, of a body.
const NEVER: [&str; 12] = [
    SECRET,
    "QUITE-SECRET",
    "AKID",
    "Signature=",
    "SIGNED",
    "AWS4-HMAC",
    "Credential=",
    "list-type",
    "comp=list",
    "prefix=",
    "?",
    "<",
];

/// A folder with a small export in `currents`, where warehouses are made.
struct Desk {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Desk {
    /// Three hours of email opens.
    fn new() -> Desk {
        let desk = Desk { dir: tempfile::tempdir().unwrap(), variables: Vec::new() };
        for hour in 0..3 {
            desk.add(&format!("h{hour}.json"), hour, &format!("{{\"id\":\"o-{hour}\"}}\n"));
        }
        desk
    }

    /// One whose S3 is at this endpoint.
    fn on_s3(endpoint: &str) -> Desk {
        let mut desk = Desk::new();
        desk.set(&[("AWS_ENDPOINT", endpoint), ("AWS_ALLOW_HTTP", "true"), ("AWS_REGION", "us-east-1")]);
        desk.set(&[("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
        desk
    }

    fn on_gcs(endpoint: &str) -> Desk {
        let mut desk = Desk::new();
        let account = format!(
            "{{\"gcs_base_url\":\"{endpoint}\",\"disable_oauth\":true,\"client_email\":\"\",\"private_key\":\"{SECRET}\",\
             \"private_key_id\":\"\"}}"
        );
        desk.set(&[("GOOGLE_SERVICE_ACCOUNT_KEY", &account), ("GOOGLE_ALLOW_HTTP", "true")]);
        desk
    }

    fn on_azure(endpoint: &str) -> Desk {
        let mut desk = Desk::new();
        desk.set(&[("AZURE_STORAGE_ACCOUNT_NAME", "account"), ("AZURE_STORAGE_ACCOUNT_KEY", SECRET)]);
        desk.set(&[("AZURE_ENDPOINT", &format!("{endpoint}/account")), ("AZURE_ALLOW_HTTP", "true")]);
        desk
    }

    fn set(&mut self, variables: &[(&'static str, &str)]) {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, value.to_string())));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn add(&self, name: &str, hour: usize, text: &str) {
        let folder = hour_folder("users.messages.email.Open", &format!("2026-03-02-{hour:02}"));
        write(&self.path("currents").join(folder).join(name), text.as_bytes());
    }

    fn command(&self, line: &str) -> Command {
        let mut command = command(self.dir.path(), &line.split(' ').collect::<Vec<_>>());
        command.envs(self.variables.iter().map(|(name, value)| (*name, value.as_str())));
        command
    }

    fn run(&self, line: &str) -> Run {
        finish(self.command(line))
    }

    /// Runs what must be refused: with this code, this first line, this cause and a hint that holds this.
    #[track_caller]
    fn refused(&self, line: &str, code: i32, what: &str, because: &str, hint: &str) -> Run {
        let began = Instant::now();
        let run = self.run(line).ends(code);
        assert!(began.elapsed() < Duration::from_secs(20), "{line} took {:?}", began.elapsed());
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{line}: {}", run.stderr);
        assert_eq!(lines[0], format!("error: {what}"), "{line}");
        assert_eq!(lines[1], format!("because: {because}"), "{line}");
        assert!(lines[2].starts_with("hint: ") && lines[2].contains(hint), "{line}: {}", lines[2]);
        is_discreet(&run.stderr);
        is_discreet(&run.stdout);
        if line.contains("--warehouse w") {
            is_discreet(&self.latest().to_string());
        }
        run
    }

    /// A pass from the store, one into it, and a look at a warehouse there, all refused alike.
    #[track_caller]
    fn refused_everywhere(&self, scheme: &str, code: i32, because: &str, hint: &str) {
        let place = format!("{scheme}://{BUCKET}");
        let load = format!("load --source {place}/currents --warehouse w --retry-for 1s");
        self.refused(&load, code, &format!("cannot list {place}/currents"), because, hint);
        let what = format!("cannot read meta/dataset.json in {place}/w");
        let into = format!("load --source currents --warehouse {place}/w --retry-for 1s");
        self.refused(&into, code, &what, because, hint);
        self.refused(&format!("status --warehouse {place}/w --retry-for 1s"), code, &what, because, hint);
        // The log of what happens inside says more, and no secret either.
        let run = self.run(&format!("{load} --log json")).ends(code);
        for text in ["QUITE-SECRET", SECRET, "SIGNED", "list-type", "comp=list"] {
            assert!(!run.stderr.contains(text), "{text}: {}", run.stderr);
        }
    }

    /// The report of the last pass.
    fn latest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("w/meta/reports/latest.json")).unwrap()).unwrap()
    }
}

#[track_caller]
fn is_discreet(text: &str) {
    for never in NEVER {
        assert!(!text.contains(never), "{never}: {text}");
    }
}

/// S3's body of a refusal. It repeats what was asked, as some do.
fn s3(code: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>Said by {code}.</Message>\
         <AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId><StringToSign>AWS4-HMAC-SHA256 SIGNED</StringToSign>\
         <SignatureProvided>SIGNED</SignatureProvided><RequestId>R</RequestId></Error>"
    )
}

fn gcs(code: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>Said by {code}.</Message>\
         <Details>x@y.iam.gserviceaccount.com does not have storage.objects.list access. SIGNED</Details></Error>"
    )
}

fn azure(code: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>Said by {code}.\n\
         RequestId:r\nTime:2026-03-02T00:00:00Z</Message><AuthenticationErrorDetail>The MAC signature found in the HTTP \
         request 'SIGNED' is not the same as any computed signature.</AuthenticationErrorDetail></Error>"
    )
}

fn refusing(rule: Rule) -> RefusingServer {
    RefusingServer::start(vec![rule])
}

/// Where nobody listens.
fn nowhere() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

/// The export as objects of a bucket, `files` of them in so many hours.
fn bucket(files: usize) -> KeyServer {
    let object = |hour: usize| {
        let folder =
            hour_folder("users.messages.email.Open", &format!("2026-03-{:02}-{:02}", 2 + hour / 24, hour % 24));
        Object::holding(&format!("currents/{folder}/h{hour}.json"), format!("{{\"id\":\"o-{hour:02}\"}}\n").as_bytes())
    };
    KeyServer::start((0..files).map(object).collect())
}

fn opens(files: usize) -> Vec<String> {
    (0..files).map(|hour| format!("o-{hour:02}")).collect()
}

const FORBIDDEN: &str = "the credentials are valid and lack this permission";
const BAD_KEYS: &str = "the store does not accept the credentials: unknown, expired, or wrongly signed";
const NO_BUCKET: &str = "there is no such bucket or container";
const NO_ANSWER: &str = "nobody answers there, or the connection keeps breaking";
const REGION: &str = "the bucket lives in another region, or behind another endpoint";
const THROTTLED: &str = "the store kept saying to slow down";
const BROKEN: &str = "the store kept answering with an error of its own";

#[test]
fn code_0_is_for_done_and_for_nothing_new() {
    let desk = Desk::new();
    let run = desk.run(LOAD).ends(0);
    assert!(run.stdout.starts_with("loaded ") && run.stderr.is_empty(), "{run:?}");
    let run = desk.run(LOAD).ends(0);
    assert!(run.stdout.starts_with("nothing new") && run.stderr.is_empty(), "{run:?}");
    desk.run("status --warehouse w --check").ends(0);
    desk.run("verify --deep --warehouse w").ends(0);
    // What is in quarantine is a warning.
    desk.add("cut.avro", 1, "Obj\u{1}");
    let run = desk.run(LOAD).ends(0);
    assert_eq!(run.stderr, "warning: 1 file is quarantined\n");
}

#[test]
fn code_1_is_for_what_is_broken() {
    // A file where a folder belongs.
    let desk = Desk::new();
    write(&desk.path("w/meta/dataset.json/in-the-way"), b"x");
    let run = desk.run(LOAD).ends(1);
    assert!(
        run.stderr
            .starts_with("error: cannot read meta/dataset.json in w\nbecause: it cannot be created and is not there"),
        "{run:?}"
    );
    // A stranger's object where a cell belongs: it is neither read nor replaced.
    let desk = Desk::new();
    let cell = desk.path(&format!("w/tables/{OPENS}/queue_date=2026-03-02/part-00.parquet"));
    desk.run(LOAD).ends(0);
    fs::write(&cell, "not ours").unwrap();
    desk.add("more.json", 2, "{\"id\":\"more\"}\n");
    let run = desk.run(LOAD).ends(1);
    assert!(run.stderr.starts_with("error: ") && run.stderr.contains("part-00.parquet"), "{run:?}");
    assert_eq!(fs::read_to_string(&cell).unwrap(), "not ours");
    assert_eq!((&desk.latest()["exit_code"], &desk.latest()["kind"]), (&1.into(), &"failed".into()));
    // A log that cannot be read.
    let desk = Desk::new();
    desk.run(LOAD).ends(0);
    fs::write(desk.path("w/meta/log/00000000000000000001.json"), "{\"format\": 1,").unwrap();
    for line in [LOAD, "status --warehouse w", "verify --warehouse w", "plan --source currents --warehouse w"] {
        let run = desk.run(line).ends(1);
        assert!(run.stderr.starts_with("error: cannot read the log entry meta/log/"), "{line}: {run:?}");
        assert!(
            run.stderr.contains("\nbecause: ") && run.stderr.contains("\nhint: `eddyline state rebuild`"),
            "{run:?}"
        );
    }
}

#[test]
fn code_2_is_for_mistakes_of_usage_and_configuration() {
    let mut desk = Desk::new();
    let wrong = |desk: &Desk, line: &str, said: &str| {
        let run = desk.run(line).ends(2);
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(said), "{line}: {}", run.stderr);
        assert!(!desk.path("w").exists(), "{line} made a warehouse");
    };
    for (option, said) in [
        ("--no-such-flag", "--no-such-flag"),
        ("--through tomorrow", "--through: `tomorrow`"),
        ("--retry-for soon", "retry_for: `soon` is not a duration"),
        ("--requests 0", "requests: `0`"),
        ("--requests many", "'many'"),
        ("--memory 1", "--memory"),
        ("--lock-wait a-while", "--lock-wait: `a-while`"),
        ("--every never", "--every: `never`"),
        ("--columns none", "--columns: `none`"),
        ("--from yesterday", "--from: `yesterday`"),
        ("--full-scan hourly", "hourly"),
        ("--check", "--check has nothing to check"),
    ] {
        let source = if option.starts_with("--re") { "s3://bench/currents" } else { "currents" };
        wrong(&desk, &format!("load --source {source} --warehouse w {option}"), said);
    }
    for line in ["", "unload", "load --warehouse w", "sql --warehouse w -c SELECT --no-such-flag"] {
        let run = desk.run(line).ends(2);
        assert!(!run.stderr.is_empty(), "{line}");
    }
    wrong(&desk, "load --source ftp://host/currents --warehouse w", "the `ftp:` address");
    wrong(&desk, "load --source currents --warehouse ftp://host/w", "the `ftp:` address");
    wrong(&desk, "load --source nowhere --warehouse w", "there is no folder nowhere");
    desk.run("status --warehouse w").ends(2);
    for (text, said) in [
        ("wharehouse = \"w\"\n", "eddyline.toml:1: unknown field `wharehouse`"),
        ("[limits]\nmemroy = \"1GiB\"\n", "eddyline.toml:2: unknown field `memroy`"),
        ("[store]\naws_regoin = \"eu-west-1\"\n", "store.aws_regoin, which is no option"),
        ("[store]\nretry_for = \"soon\"\n", "retry_for: `soon` is not a duration"),
        ("[store]\naws_region = 5\n", "eddyline.toml:2: "),
        ("through = \"tomorrow\"\n", "tomorrow"),
        ("source = \n", "eddyline.toml:1: "),
    ] {
        write(&desk.path("eddyline.toml"), text.as_bytes());
        wrong(&desk, "load --source s3://bench/currents --warehouse w", said);
    }
    fs::remove_file(desk.path("eddyline.toml")).unwrap();
    wrong(&desk, &format!("{LOAD} --config none.toml"), "cannot read none.toml");
    desk.set(&[("EDDYLINE_THRUOGH", "day")]);
    wrong(&desk, LOAD, "EDDYLINE_THRUOGH, which is no option");
    desk.variables = vec![("EDDYLINE_THROUGH", "tomorrow".to_string())];
    wrong(&desk, LOAD, "--through: `tomorrow`");
}

#[test]
fn s3_refusals_are_a_sentence_and_a_hint() {
    for (status, code, exit, because, hint) in [
        ("403 Forbidden", "AccessDenied", 3, FORBIDDEN, "eddyline doctor"),
        ("403 Forbidden", "InvalidAccessKeyId", 3, BAD_KEYS, "renew or correct"),
        ("403 Forbidden", "SignatureDoesNotMatch", 3, BAD_KEYS, "renew or correct"),
        ("400 Bad Request", "ExpiredToken", 3, BAD_KEYS, "renew or correct"),
        (
            "403 Forbidden",
            "RequestTimeTooSkewed",
            3,
            "the clock of this machine differs too much from the store's",
            "NTP",
        ),
        ("404 Not Found", "NoSuchBucket", 3, NO_BUCKET, "check the name"),
        ("400 Bad Request", "AuthorizationHeaderMalformed", 4, REGION, "AWS_REGION"),
        ("301 Moved Permanently", "PermanentRedirect", 4, REGION, "AWS_REGION"),
        ("503 Slow Down", "SlowDown", 4, THROTTLED, "--retry-for"),
        ("429 Too Many Requests", "TooManyRequests", 4, THROTTLED, "--requests"),
        ("500 Internal Server Error", "InternalError", 4, BROKEN, "run again later"),
        ("502 Bad Gateway", "", 4, BROKEN, "run again later"),
    ] {
        let server = refusing(when("").says(status, &s3(code)));
        Desk::on_s3(&server.endpoint()).refused_everywhere("s3", exit, because, hint);
        assert!(server.asked("GET /bench?") > 0, "the source was not asked");
    }
}

#[test]
fn gcs_refusals_are_a_sentence_and_a_hint() {
    for (status, code, exit, because, hint) in [
        ("403 Forbidden", "AccessDenied", 3, FORBIDDEN, "eddyline doctor"),
        ("401 Unauthorized", "AuthenticationRequired", 3, BAD_KEYS, "renew or correct"),
        ("404 Not Found", "NoSuchBucket", 3, NO_BUCKET, "check the name"),
        ("503 Service Unavailable", "ServiceUnavailable", 4, THROTTLED, "--retry-for"),
        ("429 Too Many Requests", "SlowDown", 4, THROTTLED, "--requests"),
        ("500 Internal Server Error", "InternalError", 4, BROKEN, "run again later"),
    ] {
        let server = refusing(when("").says(status, &gcs(code)));
        Desk::on_gcs(&server.endpoint()).refused_everywhere("gs", exit, because, hint);
        assert!(server.asked("GET /bench?") > 0, "the source was not asked");
    }
}

#[test]
fn azure_refusals_are_a_sentence_and_a_hint() {
    for (status, code, exit, because, hint) in [
        ("403 Forbidden", "AuthorizationPermissionMismatch", 3, FORBIDDEN, "eddyline doctor"),
        ("403 Forbidden", "AuthenticationFailed", 3, BAD_KEYS, "renew or correct"),
        ("404 Not Found", "ContainerNotFound", 3, NO_BUCKET, "check the name"),
        ("503 Service Unavailable", "ServerBusy", 4, THROTTLED, "--retry-for"),
        ("500 Internal Server Error", "InternalError", 4, BROKEN, "run again later"),
    ] {
        let server = refusing(when("").says(status, &azure(code)));
        Desk::on_azure(&server.endpoint()).refused_everywhere("az", exit, because, hint);
        assert!(server.asked("GET /account/bench?") > 0, "the source was not asked");
    }
}

#[test]
fn a_store_that_is_not_there_is_code_4() {
    let hint = "check the address, the endpoint";
    Desk::on_s3(&nowhere()).refused_everywhere("s3", 4, NO_ANSWER, hint);
    Desk::on_gcs(&nowhere()).refused_everywhere("gs", 4, NO_ANSWER, hint);
    Desk::on_azure(&nowhere()).refused_everywhere("az", 4, NO_ANSWER, hint);
}

#[test]
fn a_store_that_hangs_or_hangs_up_is_code_4() {
    let (hung, rude) = (refusing(when("").hangs()), refusing(when("").hangs_up()));
    for server in [&hung, &rude] {
        let desk = Desk::on_s3(&server.endpoint());
        write(&desk.path("eddyline.toml"), b"[store]\ntimeout = \"1s\"\n");
        desk.refused(FROM_S3, 4, "cannot list s3://bench/currents", NO_ANSWER, "the network");
        let into = "load --source currents --warehouse s3://bench/w --retry-for 1s";
        desk.refused(into, 4, "cannot read meta/dataset.json in s3://bench/w", NO_ANSWER, "the network");
    }
    // The listing goes well and one object never comes.
    let store = bucket(3);
    for rule in [when("h1.json").hangs(), when("h1.json").hangs_up()] {
        let server = RefusingServer::before(&store.endpoint(), vec![rule]);
        let desk = Desk::on_s3(&server.endpoint());
        write(&desk.path("eddyline.toml"), b"[store]\ntimeout = \"1s\"\n");
        let run = desk.run(FROM_S3).ends(4);
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert!(
            lines[0].starts_with("error: cannot read ") && lines[0].ends_with("h1.json in s3://bench/currents"),
            "{run:?}"
        );
        assert_eq!((lines.len(), lines[1]), (3, format!("because: {NO_ANSWER}").as_str()), "{run:?}");
        // Nothing is held against the file: it is taken when the store answers.
        desk.run("status --warehouse w --check").ends(7);
        let mut calm = desk;
        calm.set(&[("AWS_ENDPOINT", &store.endpoint())]);
        calm.run(FROM_S3).ends(0);
        assert_eq!(ids(&calm.path("w"))[OPENS], opens(3));
    }
}

#[test]
fn a_store_that_recovers_fails_nothing() {
    let store = bucket(3);
    for (status, code) in [("503 Slow Down", "SlowDown"), ("500 Internal Server Error", "InternalError")] {
        let rules = vec![
            when("list-type=2").times(3).says(status, &s3(code)),
            when("h1.json").times(3).says(status, &s3(code)),
            when("h2.json").times(2).hangs_up(),
            when("prefix=currents%2Fdataexport").times(2).hangs_up(),
        ];
        let server = RefusingServer::before(&store.endpoint(), rules);
        let desk = Desk::on_s3(&server.endpoint());
        let run = desk.run(&FROM_S3.replace("1s", "60s")).ends(0);
        assert_eq!(run.stderr, "", "{run:?}");
        assert_eq!(ids(&desk.path("w"))[OPENS], opens(3));
        assert!(server.asked("h1.json") >= 4 && server.asked("h2.json") >= 3 && server.asked("list-type=2") >= 4);
    }
}

#[test]
fn without_credentials_it_is_code_3_within_seconds() {
    let because = "there are no credentials: none are given, and no cloud machine's metadata service answers";
    let server = refusing(when("").says("403 Forbidden", &s3("AccessDenied")));
    let mut desk = Desk::on_s3(&server.endpoint());
    desk.variables.retain(|(name, _)| !name.contains("KEY"));
    desk.set(&[("AWS_METADATA_ENDPOINT", &nowhere())]);
    // With the patience of a nightly job.
    let load = "load --source s3://bench/currents --warehouse w";
    desk.refused(load, 3, "cannot list s3://bench/currents", because, "AWS_ACCESS_KEY_ID");
    desk.refused(
        "status --warehouse s3://bench/w",
        3,
        "cannot read meta/dataset.json in s3://bench/w",
        because,
        "AWS_",
    );
    let mut desk = Desk::new();
    let host = nowhere().replace("http://", "");
    desk.set(&[("GCE_METADATA_HOST", &host), ("GCE_METADATA_IP", &host)]);
    let load = "load --source gs://bench/currents --warehouse w";
    desk.refused(load, 3, "cannot list gs://bench/currents", because, "GOOGLE_APPLICATION_CREDENTIALS");
    let mut desk = Desk::on_azure(&server.endpoint());
    desk.variables.retain(|(name, _)| !name.ends_with("_KEY"));
    desk.set(&[("AZURE_MSI_ENDPOINT", &nowhere())]);
    let load = "load --source az://bench/currents --warehouse w";
    desk.refused(load, 3, "cannot list az://bench/currents", because, "AZURE_STORAGE_ACCOUNT_NAME");
    assert_eq!(server.asked(""), 0, "the store was asked without credentials");
}

#[test]
fn objects_that_are_all_refused_are_code_3_and_no_fault_of_theirs() {
    let store = bucket(4);
    let server =
        RefusingServer::before(&store.endpoint(), vec![when("GET /bench/").says("403 Forbidden", &s3("AccessDenied"))]);
    let desk = Desk::on_s3(&server.endpoint());
    let what = "cannot read files in s3://bench/currents, though it can be listed";
    desk.refused(FROM_S3, 3, what, FORBIDDEN, "eddyline doctor");
    assert!(ledger(&desk.path("w")).is_empty(), "files were held to be at fault");
    // Once they may be read, no flag is needed.
    let mut desk = desk;
    desk.set(&[("AWS_ENDPOINT", &store.endpoint())]);
    desk.run(&format!("{FROM_S3} --strict")).ends(0);
    assert_eq!(ids(&desk.path("w"))[OPENS], opens(4));
}

#[test]
fn one_object_that_is_refused_is_quarantined() {
    let store = bucket(4);
    let server =
        RefusingServer::before(&store.endpoint(), vec![when("h2.json").says("403 Forbidden", &s3("AccessDenied"))]);
    let mut desk = Desk::on_s3(&server.endpoint());
    let run = desk.run(FROM_S3).ends(0);
    assert_eq!(run.stderr, "warning: 1 file is quarantined\n");
    is_discreet(&run.stdout);
    assert_eq!(ids(&desk.path("w"))[OPENS], ["o-00", "o-01", "o-03"]);
    let files = ledger(&desk.path("w"));
    let quarantined: Vec<_> = files.iter().filter(|(_, file)| file["fate"] == "quarantined").collect();
    assert_eq!(quarantined.len(), 1, "{files:?}");
    assert!(quarantined[0].0.ends_with("h2.json"), "{quarantined:?}");
    assert_eq!(quarantined[0].1["reason"], format!("refused: {FORBIDDEN}"));
    desk.run(&format!("{FROM_S3} --strict")).ends(6);
    desk.set(&[("AWS_ENDPOINT", &store.endpoint())]);
    // Every pass tries it again: no flag is needed once it may be read.
    desk.run(&format!("{FROM_S3} --strict")).ends(0);
    assert_eq!(ids(&desk.path("w"))[OPENS], opens(4));
}

/// As another user than root, whom no folder refuses; see [`fixtures::eddyline_as_nobody`].
#[test]
fn folders_without_permission_are_code_3() {
    let desk = Desk::new();
    let allow = |name: &str, mode: u32| {
        fs::set_permissions(desk.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    allow("", 0o755);
    fixtures::give_away(desk.dir.path());
    let refused = |line: &str, what: &str| {
        let run = fixtures::eddyline_as_nobody(desk.dir.path(), &line.split(' ').collect::<Vec<_>>()).ends(3);
        let lines: Vec<&str> = run.stderr.lines().collect();
        assert_eq!(lines.len(), 3, "{line}: {}", run.stderr);
        assert!(lines[0].starts_with(&format!("error: {what}")), "{line}: {}", run.stderr);
        assert!(
            lines[1].starts_with("because: ") && lines[1].to_lowercase().contains("permi"),
            "{line}: {}",
            run.stderr
        );
        assert!(lines[2].starts_with("hint: ") && lines[2].contains("user"), "{line}: {}", run.stderr);
    };
    allow("currents", 0o000);
    refused(LOAD, "cannot list the folder currents/");
    allow("currents", 0o755);
    // A warehouse that cannot be made.
    allow("", 0o555);
    refused("load --source currents --warehouse new", "cannot create the folder new");
    allow("", 0o755);
    fixtures::eddyline_as_nobody(desk.dir.path(), &LOAD.split(' ').collect::<Vec<_>>()).ends(0);
    // One whose record may not be written, and one whose record may not be read.
    allow("w/meta/lock", 0o444);
    refused(LOAD, "cannot lock w/meta/lock");
    allow("w/meta/lock", 0o644);
    write(&desk.path("currents/event_type=users.messages.email.Open/date=2026-03-02-05/x.json"), b"{\"id\":\"x\"}");
    allow("w/meta/tmp", 0o555);
    refused(LOAD, "cannot write ");
    allow("w/meta/tmp", 0o755);
    allow("w/meta/dataset.json", 0o000);
    refused("status --warehouse w", "cannot read meta/dataset.json in w");
    refused(LOAD, "cannot read meta/dataset.json in w");
}

#[test]
fn code_5_is_for_a_warehouse_somebody_else_writes_to() {
    let desk = Desk::new();
    desk.run(LOAD).ends(0);
    // Another loader, which a slow store keeps at work.
    let store = bucket(2);
    let server = RefusingServer::before(&store.endpoint(), vec![when("GET /bench/").hangs()]);
    let slow = Desk::on_s3(&server.endpoint());
    let line = format!("load --source s3://bench/currents --warehouse {}", desk.path("w").display());
    let mut other = start(slow.command(&line));
    wait_for("the other loader", || server.asked("GET /bench/") > 0);
    let run = desk.run(&format!("{LOAD} --lock-wait 0s")).ends(5);
    assert!(run.stderr.starts_with("error: another eddyline is writing to w\nhint: "), "{run:?}");
    let began = Instant::now();
    desk.run(&format!("{LOAD} --lock-wait 1s")).ends(5);
    assert!(began.elapsed() >= Duration::from_secs(1));
    // Readers wait for nobody.
    desk.run("status --warehouse w").ends(0);
    other.kill().unwrap();
    other.wait().unwrap();
    desk.run(&format!("{LOAD} --lock-wait 0s")).ends(0);
}

#[test]
fn code_6_is_for_strict_passes_with_something_left_out() {
    let desk = Desk::new();
    desk.add("cut.avro", 1, "Obj\u{1}");
    desk.add("odd.json", 2, "{\"id\":\"fine\"}\n{\"id\":\n");
    let run = desk.run(&format!("{LOAD} --strict")).ends(6);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "error: 1 file is quarantined and 1 record rejected");
    assert!(lines[1].starts_with("hint: everything else is loaded") && lines.len() == 2, "{run:?}");
    assert_eq!(ids(&desk.path("w"))[OPENS], ["fine", "o-0", "o-1", "o-2"]);
    desk.run(LOAD).ends(0);
}

#[test]
fn code_7_is_for_checks_that_fail() {
    let desk = Desk::new();
    desk.run(LOAD).ends(0);
    write(
        &desk.path("currents/event_type=users.moon.Landing/date=2026-03-02-06/x.json"),
        b"{\"id\":\"m\",\"craft\":\"E\"}",
    );
    let run = desk.run(&format!("{LOAD} --columns freeze")).ends(7);
    assert!(run.stderr.starts_with("error: users_moon_landing was not loaded: columns = \"freeze\""), "{run:?}");
    // The last pass failed, so the check does.
    let run = desk.run("status --warehouse w --check").ends(7);
    assert!(run.stderr.starts_with("error: the last pass failed with exit code 7\nhint: "), "{run:?}");
    desk.run("status --warehouse w").ends(0);
    desk.run(LOAD).ends(0);
    desk.run("status --warehouse w --check").ends(0);
    let cell = entries(&desk.path(&format!("w/tables/{OPENS}/queue_date=2026-03-02")))[0].clone();
    let mut bytes = fs::read(&cell).unwrap();
    // In a column's data, which lies at the beginning.
    bytes[100] ^= 0xff;
    fs::write(&cell, &bytes).unwrap();
    let run = desk.run("verify --deep --warehouse w").ends(7);
    assert!(run.stdout.contains("problem: ") && run.stdout.contains("part-00.parquet"), "{run:?}");
    assert!(run.stderr.contains("\nhint: "), "{run:?}");
    fs::remove_file(&cell).unwrap();
    desk.run("verify --warehouse w").ends(7);
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(name).arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn codes_130_and_143_are_for_passes_that_were_stopped() {
    const FILES: usize = 40;
    let store = bucket(FILES);
    for (name, code, every) in
        [("-INT", 130, ""), ("-TERM", 143, ""), ("-INT", 130, " --every 1h"), ("-TERM", 143, " --every 1h")]
    {
        let server =
            RefusingServer::before(&store.endpoint(), vec![when("GET /bench/").dawdles(Duration::from_millis(300))]);
        let mut desk = Desk::on_s3(&server.endpoint());
        let child = start(desk.command(&format!("{FROM_S3} --prefetch 1 --workers 1{every}")));
        wait_for("the first objects", || server.asked("GET /bench/") > 2);
        signal(&child, name);
        let began = Instant::now();
        let run = end_of(child).ends(code);
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
        assert!(run.stderr.starts_with("stopping after the file in hand"), "{run:?}");
        assert!(run.stderr.contains("\nerror: stopped ") && run.stderr.contains("\nhint: "), "{run:?}");
        assert!(server.asked("GET /bench/") < FILES, "the pass was over before the signal came");
        assert_eq!(desk.latest()["exit_code"], code);
        desk.run("verify --deep --warehouse w").ends(0);
        desk.run("status --warehouse w --check").ends(0);
        desk.set(&[("AWS_ENDPOINT", &store.endpoint())]);
        desk.run(FROM_S3).ends(0);
        desk.run("verify --deep --warehouse w").ends(0);
        assert_eq!(ids(&desk.path("w"))[OPENS], opens(FILES));
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let store = bucket(0);
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        // What is being written is waited for.
        let server = RefusingServer::before(&store.endpoint(), vec![when("PUT /bench/w/").hangs()]);
        let desk = Desk::on_s3(&server.endpoint());
        let mut child = start(desk.command("load --source currents --warehouse s3://bench/w"));
        wait_for("the write that does not end", || server.asked("PUT /bench/w/") > 0);
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(700));
        assert!(child.try_wait().unwrap().is_none(), "it did not wait for the write in hand");
        signal(&child, name);
        let began = Instant::now();
        end_of(child).ends(code);
        assert!(began.elapsed() < Duration::from_secs(2), "it took {:?} to stop", began.elapsed());
    }
}

#[test]
fn a_pass_that_waits_for_a_store_can_be_stopped() {
    let store = bucket(3);
    let from_s3 = FROM_S3.replace("1s", "10m");
    let slow_down = |text: &str| when(text).says("503 Slow Down", &s3("SlowDown"));
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        for rule in
            [slow_down("list-type=2"), slow_down("h1.json"), when("list-type=2").hangs(), when("h1.json").hangs()]
        {
            let server = RefusingServer::before(&store.endpoint(), vec![rule]);
            let mut desk = Desk::on_s3(&server.endpoint());
            let mut child = start(desk.command(&from_s3));
            wait_for("the store to be asked", || server.asked("list-type=2") > 0);
            std::thread::sleep(Duration::from_millis(700));
            assert!(child.try_wait().unwrap().is_none(), "it did not wait for the store");
            signal(&child, name);
            let began = Instant::now();
            let run = end_of(child).ends(code);
            assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
            assert!(run.stderr.contains("\nerror: stopped while "), "{run:?}");
            assert!(run.stderr.ends_with("\nhint: what was finished is committed; run again to go on\n"), "{run:?}");
            desk.set(&[("AWS_ENDPOINT", &store.endpoint())]);
            desk.run(FROM_S3).ends(0);
            desk.run("verify --deep --warehouse w").ends(0);
            assert_eq!(ids(&desk.path("w"))[OPENS], opens(3));
        }
    }
}

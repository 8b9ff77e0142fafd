//! Telling the operator, through the real program and real sockets: the reports kept, `--report json`, metrics, push
//! gateway and webhook that answer, refuse or hang, gap alerts, and the log as JSON. The webhook's address is a secret
//! in every run here: it must appear nowhere.

mod fixtures;

use fixtures::{Run, arg, command, end_of, entries, finish, hour_folder, json_files, start, write};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// In the path of every webhook here.
const SECRET: &str = "T0-SECRET-4711";
const OPENS: &str = "users_messages_email_open";

/// What a server got.
#[derive(Debug, Clone)]
struct Call {
    method: String,
    path: String,
    body: String,
}

impl Call {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An HTTP server on a port of its own that answers with these status codes in turn, the last one for ever. Without
/// any it accepts and never answers.
struct Server {
    port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Server {
    fn answering(codes: &'static [u16]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls = Arc::new(Mutex::new(Vec::new()));
        let kept = calls.clone();
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for mut stream in listener.incoming().flatten() {
                let call = read(&mut stream);
                let mut calls = kept.lock().unwrap();
                let code = codes.get(calls.len()).or(codes.last());
                if let Some(code) = code {
                    let _ = write!(stream, "HTTP/1.1 {code} Said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                } else {
                    open.push(stream);
                }
                calls.push(call);
            }
        });
        Server { port, calls }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn hook(&self) -> String {
        self.url(&format!("/services/{SECRET}?key={SECRET}"))
    }

    /// What it got since it was asked last.
    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

fn read(stream: &mut TcpStream) -> Call {
    let mut got = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&got).to_string();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|l| l.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                let mut words = head.split(' ').map(str::to_string);
                let (method, path) = (words.next().unwrap(), words.next().unwrap());
                return Call { method, path, body: body.to_string() };
            }
        }
        let n = stream.read(&mut part).unwrap();
        assert!(n > 0, "the request ended early: {text}");
        got.extend_from_slice(&part[..n]);
    }
}

/// An address where nobody listens.
fn nowhere() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/services/{SECRET}")
}

/// A folder with an export in `currents` and a warehouse in `w`.
struct Desk {
    dir: TempDir,
}

impl Desk {
    /// Email opens in every hour of two days, and an event type with one file.
    fn new() -> Desk {
        let desk = Desk { dir: tempfile::tempdir().unwrap() };
        for hour in 0..48 {
            let hour = format!("2026-03-{:02}-{:02}", 2 + hour / 24, hour % 24);
            desk.add("users.messages.email.Open", &hour, "a.json", &format!("{{\"id\":\"o-{hour}\"}}\n"));
        }
        desk.add("users.messages.email.Bounce", "2026-03-02-07", "a.json", "{\"id\":\"b\"}\n");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn add(&self, event_type: &str, hour: &str, name: &str, text: &str) {
        write(&self.path("currents").join(hour_folder(event_type, hour)).join(name), text.as_bytes());
    }

    fn command(&self, hook: Option<&str>, line: &str) -> Command {
        let args: Vec<&str> = line.split(' ').collect();
        let mut command = command(self.dir.path(), &args);
        command.envs(hook.map(|hook| ("EDDYLINE_WEBHOOK", hook)));
        command
    }

    /// Runs a command with a webhook set, whose address must appear nowhere.
    fn run(&self, hook: Option<&str>, line: &str) -> Run {
        let run = finish(self.command(hook, line));
        self.is_kept_secret(&run);
        run
    }

    fn is_kept_secret(&self, run: &Run) {
        assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "{run:#?}");
        for file in json_files(&self.path("w/meta")) {
            assert!(!fs::read_to_string(&file).unwrap().contains(SECRET), "{}", file.display());
        }
    }

    fn reports(&self) -> Vec<PathBuf> {
        let folders = entries(&self.path("w/meta/reports"));
        folders.iter().filter(|f| f.is_dir()).flat_map(|f| entries(f)).collect()
    }

    fn latest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.path("w/meta/reports/latest.json")).unwrap()).unwrap()
    }

    /// The gauges of the metrics file.
    fn metrics(&self) -> BTreeMap<String, f64> {
        gauges(&fs::read_to_string(self.path("eddyline.prom")).unwrap())
    }

    /// Makes every pass fail until the returned file is removed.
    fn break_log(&self) -> PathBuf {
        let path = self.path("w/meta/log/00000000000000000009.json");
        fs::write(&path, "{").unwrap();
        path
    }
}

/// The samples of a text in Prometheus' format, every one with a line of help and of type.
fn gauges(text: &str) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let bare = name.split('{').next().unwrap();
        assert!(
            text.contains(&format!("# HELP {bare} ")) && text.contains(&format!("# TYPE {bare} gauge\n")),
            "{bare}"
        );
        found.insert(name.to_string(), value.parse().unwrap());
    }
    found
}

const LOAD: &str = "load --source currents --warehouse w";

#[test]
fn a_good_pass_is_told_to_everyone_but_the_webhook() {
    let desk = Desk::new();
    let (gateway, hook) = (Server::answering(&[202]), Server::answering(&[200]));
    let line = format!("{LOAD} --metrics-file eddyline.prom --push-gateway {} --report json", gateway.url("/"));
    let report = desk.run(Some(&hook.hook()), &line).ends(0);
    assert_eq!(report.stderr, "");
    let report = report.json();
    assert_eq!((&report["exit_code"], &report["kind"], &report["error"]), (&0.into(), &Value::Null, &Value::Null));
    assert_eq!(report["last_success"], report["finished"]);

    // The report in the warehouse is the printed one.
    assert_eq!(desk.latest(), report);
    assert_eq!(desk.reports().len(), 1);
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(&desk.reports()[0]).unwrap()).unwrap(), report);

    let metrics = desk.metrics();
    for (name, value) in [
        ("eddyline_last_pass_exit_code", 0.0),
        ("eddyline_last_pass_files", 49.0),
        ("eddyline_last_pass_records", 49.0),
        ("eddyline_last_pass_rows", 49.0),
        ("eddyline_last_pass_cells", 3.0),
        ("eddyline_quarantined_files", 0.0),
        ("eddyline_table_rows{table=\"users_messages_email_open\"}", 48.0),
        ("eddyline_table_gap_alert{table=\"users_messages_email_open\"}", 0.0),
        // 2026-03-03 23:00 UTC.
        ("eddyline_table_newest_hour_timestamp_seconds{table=\"users_messages_email_open\"}", 1_772_578_800.0),
    ] {
        assert_eq!(metrics.get(name), Some(&value), "{name}");
    }
    assert_eq!(metrics["eddyline_last_success_timestamp_seconds"], metrics["eddyline_last_pass_timestamp_seconds"]);
    let pushed = gateway.calls();
    assert_eq!(pushed.len(), 1, "{pushed:?}");
    assert_eq!((pushed[0].method.as_str(), pushed[0].path.as_str()), ("PUT", "/metrics/job/eddyline"));
    assert_eq!(gauges(&pushed[0].body), metrics);

    // Nothing new is a success too, and no reason for a file of its own.
    let again = desk.run(Some(&hook.hook()), &line).ends(0).json();
    assert_eq!((desk.latest(), desk.reports().len()), (again.clone(), 1));
    assert_ne!(again["last_success"], report["last_success"]);
    assert!(hook.calls().is_empty());
    let left: Vec<_> = entries(desk.dir.path()).into_iter().filter(|p| p.is_file()).collect();
    assert_eq!(left, [desk.path("eddyline.prom")]);
}

#[test]
fn a_failed_pass_is_told_to_everyone() {
    let desk = Desk::new();
    let (gateway, hook) = (Server::answering(&[200]), Server::answering(&[200]));
    let line = format!(
        "{LOAD} --metrics-file eddyline.prom --push-gateway {} --report json",
        gateway.url("/metrics/job/braze")
    );
    desk.run(Some(&hook.hook()), &line).ends(0);
    let before = desk.metrics()["eddyline_last_success_timestamp_seconds"];
    let broken = desk.break_log();

    let run = desk.run(Some(&hook.hook()), &line).ends(1);
    assert!(run.stderr.starts_with("error: cannot read the log entry"), "{run:?}");
    assert!(!run.stderr.contains("warning: "), "{run:?}");
    let report = run.json();
    assert_eq!((&report["exit_code"], &report["kind"]), (&1.into(), &"failed".into()));
    assert_eq!(report["error"].as_str().unwrap(), run.stderr.trim_end());
    assert_eq!((desk.latest(), desk.reports().len()), (report.clone(), 2));

    let calls = hook.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!((calls[0].method.as_str(), calls[0].path.contains(SECRET)), ("POST", true));
    let post = calls[0].json();
    let text = post["text"].as_str().unwrap();
    assert!(text.starts_with("eddyline: load failed with exit code 1 (failed): cannot read the log entry"), "{text}");
    assert_eq!((&post["event"], &post["exit_code"]), (&"pass_failed".into(), &1.into()));
    assert_eq!((&post["warehouse"], &post["source"]), (&"w".into(), &"currents".into()));
    assert!(post["what"].as_str().unwrap().contains("00000000000000000009.json"), "{post}");
    assert!(!post["because"].as_array().unwrap().is_empty() && !post["hints"].as_array().unwrap().is_empty(), "{post}");
    assert_eq!(post["started"], report["started"]);

    // The log cannot be read, so the gateway keeps what it knows of the tables.
    let metrics = desk.metrics();
    assert_eq!(metrics["eddyline_last_pass_exit_code"], 1.0);
    assert_eq!(metrics["eddyline_last_success_timestamp_seconds"], before);
    assert!(metrics.keys().all(|name| !name.contains("table")), "{metrics:?}");
    let pushed: Vec<_> = gateway.calls().iter().map(|c| format!("{} {}", c.method, c.path)).collect();
    assert_eq!(pushed, ["PUT /metrics/job/braze", "POST /metrics/job/braze"]);

    // The next good pass leaves nothing of it; until then `status` tells.
    fs::remove_file(broken).unwrap();
    let status = desk.run(None, "status --warehouse w --json").ends(0).json();
    assert_eq!((&status["last_pass"], &status["last_error"]), (&report, &report["error"]));
    let checked = desk.run(None, "status --warehouse w --check").ends(7);
    assert!(checked.stderr.starts_with("error: the last pass failed with exit code 1"), "{checked:?}");
    desk.run(Some(&hook.hook()), &line).ends(0);
    assert!(desk.metrics()["eddyline_last_success_timestamp_seconds"] > before);
    let status = desk.run(None, "status --warehouse w --json --check").ends(0).json();
    assert_eq!((&status["last_error"], &status["last_pass"]["exit_code"]), (&Value::Null, &0.into()));
    assert!(hook.calls().is_empty());
}

#[test]
fn a_pass_that_fails_before_its_work_is_told_too() {
    let desk = Desk::new();
    let hook = Server::answering(&[200]);
    desk.run(Some(&hook.hook()), LOAD).ends(0);
    let before = desk.run(Some(&hook.hook()), &format!("{LOAD} --metrics-file eddyline.prom")).ends(0);
    assert_eq!(before.stderr, "");
    let success = desk.metrics()["eddyline_last_success_timestamp_seconds"];
    for (line, what) in [
        ("load --source nowhere --warehouse w", "there is no folder nowhere"),
        ("load --source currents --warehouse w --types [", "--types: `[` is not a pattern"),
        ("load --source currents --warehouse w --check", "--check has nothing to check"),
        ("load --source currents", "no warehouse is named"),
    ] {
        let run = desk.run(Some(&hook.hook()), &format!("{line} --report json --metrics-file eddyline.prom")).ends(2);
        let report = run.json();
        assert_eq!((&report["exit_code"], &report["kind"]), (&2.into(), &"usage".into()), "{line}");
        assert!(report["error"].as_str().unwrap().contains(what), "{report}");
        assert!(run.stderr.starts_with(&format!("error: {what}")), "{run:?}");
        let calls = hook.calls();
        assert_eq!(calls.len(), 1, "{line}");
        assert_eq!(calls[0].json()["what"], what);
        // The warehouse was not asked; the earlier file knows.
        let metrics = desk.metrics();
        assert_eq!(metrics["eddyline_last_pass_exit_code"], 2.0);
        assert_eq!(metrics["eddyline_last_success_timestamp_seconds"], success);
    }
    // An address that is none is a mistake of the same kind, and told without repeating it.
    for option in ["--webhook", "--push-gateway"] {
        let run = desk.run(None, &format!("{LOAD} --report json {option} {SECRET}")).ends(2);
        assert!(run.json()["error"].as_str().unwrap().contains(option), "{run:?}");
    }
    // A mistake here is a mistake in how to tell.
    desk.run(Some(&hook.hook()), &format!("{LOAD} --report xml")).ends(2);
    assert!(hook.calls().is_empty());
}

#[test]
fn strict_passes_with_quarantined_files_fail() {
    let desk = Desk::new();
    let hook = Server::answering(&[200]);
    desk.add("users.messages.email.Open", "2026-03-02-05", "cut.avro", "Obj\u{1}");
    desk.run(Some(&hook.hook()), LOAD).ends(0);
    // Files in quarantine alone are no failure.
    desk.run(None, "status --warehouse w --check").ends(0);
    assert!(hook.calls().is_empty());
    let report = desk.run(Some(&hook.hook()), &format!("{LOAD} --strict --report json")).ends(6).json();
    assert_eq!((&report["kind"], &report["still_quarantined"]), (&"strict".into(), &1.into()));
    let calls = hook.calls();
    assert_eq!((calls.len(), &calls[0].json()["exit_code"]), (1, &6.into()));
    desk.run(None, "status --warehouse w --check").ends(7);
}

#[test]
fn an_event_type_that_falls_silent_alerts() {
    let desk = Desk::new();
    let hook = Server::answering(&[200]);
    // Longer than these files are old: no alert.
    let calm = desk.run(Some(&hook.hook()), &format!("{LOAD} --gap-alert 9999days --check")).ends(0);
    assert_eq!(calm.stderr, "");

    let first = desk.run(Some(&hook.hook()), &format!("{LOAD} --gap-alert 3h --metrics-file eddyline.prom")).ends(0);
    let said = format!("{OPENS} had a file nearly every hour and has none after 2026-03-03-23: silent for ");
    assert!(first.stderr.starts_with(&format!("warning: {said}")), "{first:?}");
    // One file is no habit.
    assert_eq!(first.stderr.lines().count(), 1, "{first:?}");
    let calls = hook.calls();
    assert_eq!(calls.len(), 1);
    let post = calls[0].json();
    assert_eq!((&post["event"], &post["exit_code"]), (&"gap_began".into(), &0.into()));
    assert!(post["text"].as_str().unwrap().contains(&said), "{post}");
    assert_eq!(post["gap_alerts"][0]["table"], OPENS);
    assert_eq!(desk.metrics()[&format!("eddyline_table_gap_alert{{table=\"{OPENS}\"}}")], 1.0);

    // It began once, and goes on even when a pass cannot look.
    let again = desk.run(Some(&hook.hook()), &format!("{LOAD} --gap-alert 3h --report json")).ends(0).json();
    assert_eq!(again["gap_alerts"][0]["newest"], "2026-03-03-23");
    assert!(hook.calls().is_empty());
    let broken = desk.break_log();
    desk.run(None, &format!("{LOAD} --gap-alert 3h")).ends(1);
    fs::remove_file(broken).unwrap();
    desk.run(Some(&hook.hook()), &format!("{LOAD} --gap-alert 3h")).ends(0);
    assert!(hook.calls().is_empty());

    let status = desk.run(None, "status --warehouse w --json --gap-alert 3h").ends(0).json();
    assert_eq!(status["gap_alerts"][0]["table"], OPENS);
    let status = desk.run(None, "status --warehouse w --gap-alert 3h --check").ends(7);
    assert!(status.stdout.contains(&format!("gap alert: {said}")), "{status:?}");
    desk.run(None, "status --warehouse w --check").ends(0);

    // With --check the pass does its work and then ends with 7.
    desk.add("users.messages.email.Bounce", "2026-03-02-08", "b.json", "{\"id\":\"b2\"}\n");
    let report = desk.run(Some(&hook.hook()), &format!("{LOAD} --gap-alert 3h --check --report json")).ends(7).json();
    assert_eq!((&report["kind"], &report["counters"]["new"]), (&"check".into(), &1.into()));
    assert_eq!(hook.calls()[0].json()["event"], "pass_failed");
}

#[test]
fn who_cannot_be_told_changes_nothing() {
    let desk = Desk::new();
    // One refuses, one answers 500 for ever, one only at first; one address leads elsewhere.
    let (bad, shaky, moved) = (Server::answering(&[500]), Server::answering(&[503, 200]), Server::answering(&[302]));
    let run =
        desk.run(None, &format!("{LOAD} --metrics-file no/such/folder.prom --push-gateway {}", nowhere())).ends(0);
    assert!(
        run.stderr.starts_with("warning: cannot write the metrics to no/such/folder.prom: No such file"),
        "{run:?}"
    );
    assert!(run.stderr.contains("\nwarning: the push gateway at 127.0.0.1 cannot be reached: "), "{run:?}");
    let run = desk.run(None, &format!("{LOAD} --push-gateway {}", bad.url("/"))).ends(0);
    assert_eq!(run.stderr, "warning: the push gateway at 127.0.0.1 answered 500 Internal Server Error\n");
    assert_eq!(bad.calls().len(), 2);
    let run = desk.run(None, &format!("{LOAD} --push-gateway {}", shaky.url("/"))).ends(0);
    assert_eq!((run.stderr.as_str(), shaky.calls().len()), ("", 2));
    let broken = desk.break_log();
    for hook in [nowhere(), moved.hook()] {
        let run = desk.run(Some(&hook), LOAD).ends(1);
        assert!(run.stderr.contains("warning: the webhook at 127.0.0.1 "), "{run:?}");
    }
    assert_eq!(moved.calls().len(), 1, "an answer that says no was asked again");
    fs::remove_file(broken).unwrap();

    // A report that cannot be kept is a warning, too.
    fs::remove_dir_all(desk.path("w/meta/reports")).unwrap();
    fs::write(desk.path("w/meta/reports"), "").unwrap();
    let run = desk.run(None, LOAD).ends(0);
    assert!(run.stderr.contains("warning: cannot write meta/reports/latest.json"), "{run:?}");
    assert!(run.stdout.contains("nothing new"), "{run:?}");
}

#[test]
fn who_does_not_answer_is_not_waited_for_long() {
    let desk = Desk::new();
    desk.run(None, LOAD).ends(0);
    desk.break_log();
    let mute = Server::answering(&[]);
    let began = Instant::now();
    let run = desk.run(Some(&mute.hook()), &format!("{LOAD} --push-gateway {}", mute.url("/"))).ends(1);
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
    assert!(run.stderr.contains("warning: the push gateway at 127.0.0.1 did not answer within 10 s\n"), "{run:?}");
    assert!(run.stderr.contains("warning: the webhook at 127.0.0.1 did not answer within 10 s\n"), "{run:?}");
    assert_eq!(mute.calls().len(), 4);
}

#[test]
fn a_pass_that_was_stopped_did_not_fail() {
    let desk = Desk::new();
    let hook = Server::answering(&[200]);
    desk.run(Some(&hook.hook()), LOAD).ends(0);
    let lock = fs::File::options().write(true).open(desk.path("w/meta/lock")).unwrap();
    lock.lock().unwrap();
    let child = start(desk.command(Some(&hook.hook()), &format!("{LOAD} --lock-wait 5m --report json")));
    std::thread::sleep(Duration::from_millis(1500));
    assert!(Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().unwrap().success());
    let run = end_of(child).ends(143);
    desk.is_kept_secret(&run);
    assert_eq!((&run.json()["exit_code"], &run.json()["kind"]), (&143.into(), &"terminated".into()));
    assert!(hook.calls().is_empty());
    desk.run(None, "status --warehouse w --check").ends(0);
}

#[test]
fn the_log_is_one_json_object_per_line() {
    let desk = Desk::new();
    desk.add("users.messages.email.Open", "2026-03-02-05", "cut.avro", "Obj\u{1}");
    let run = desk.run(Some(&nowhere()), &format!("{LOAD} --log json --gap-alert 3h")).ends(0);
    let events = |run: &Run| -> Vec<Value> {
        let parse = |l: &str| serde_json::from_str(l).unwrap_or_else(|e| panic!("{l}: {e}"));
        run.stderr.lines().map(parse).collect()
    };
    let found = events(&run);
    let named = |name: &str| found.iter().filter(|e| e["fields"]["message"] == name).collect::<Vec<_>>();
    let fields = &named("pass started")[0]["fields"];
    assert_eq!((&fields["source"], &fields["warehouse"]), (&"currents".into(), &"w".into()));
    assert_eq!((named("built").len(), named("table loaded").len(), named("quarantined").len()), (2, 2, 1));
    let fields = &named("pass finished")[0]["fields"];
    for (name, value) in [("exit_code", 0), ("seq", 1), ("files", 50), ("rows", 49), ("quarantined", 1), ("cells", 3)] {
        assert_eq!(fields[name], value, "{name}");
    }
    let warnings: Vec<_> =
        found.iter().filter(|e| e["level"] == "WARN").map(|e| e["fields"]["message"].as_str()).collect();
    assert_eq!(warnings[..2], [Some("quarantined"), Some("1 file is quarantined")]);
    assert!(warnings.iter().flatten().any(|w| w.starts_with(OPENS)), "{warnings:?}");
    assert!(warnings.iter().flatten().any(|w| w.starts_with("the webhook at 127.0.0.1")), "{warnings:?}");

    desk.break_log();
    let found = events(&desk.run(Some(&nowhere()), &format!("{LOAD} --log json")).ends(1));
    let last = found.last().unwrap();
    assert_eq!(
        (&last["level"], &last["fields"]["kind"], &last["fields"]["exit_code"]),
        (&"ERROR".into(), &"failed".into(), &1.into())
    );
    assert!(last["fields"]["message"].as_str().unwrap().starts_with("cannot read the log entry"), "{last}");
    assert!(last["fields"]["hint"].as_str().unwrap().contains("state rebuild"), "{last}");
    // What is wrong with the configuration as well.
    let found = events(&desk.run(None, "status --log json --config nowhere.toml").ends(2));
    assert_eq!((found.len(), &found[0]["fields"]["kind"]), (1, &"usage".into()));
}

#[test]
fn the_file_may_say_it_all() {
    let desk = Desk::new();
    let (gateway, hook) = (Server::answering(&[200]), Server::answering(&[200]));
    let text = format!(
        "source = \"currents\"\nwarehouse = \"w\"\ngap_alert = \"3h\"\ncheck = true\nreport = \"json\"\n\
         [tell]\nmetrics_file = \"eddyline.prom\"\npush_gateway = \"{}\"\nwebhook = \"${{env:HOOK}}\"\n",
        gateway.url("/")
    );
    write(&desk.path("eddyline.toml"), text.as_bytes());
    let mut load = desk.command(None, "load");
    load.env("HOOK", hook.hook());
    let run = finish(load).ends(7);
    desk.is_kept_secret(&run);
    assert_eq!(run.json()["kind"], "check");
    assert_eq!((gateway.calls().len(), hook.calls().len()), (1, 1));
    assert_eq!(desk.metrics()["eddyline_last_pass_exit_code"], 7.0);
    // No pass ended well yet.
    assert!(!desk.metrics().contains_key("eddyline_last_success_timestamp_seconds"));
    let help = desk.run(Some(&hook.hook()), "load --help").ends(0);
    assert!(help.stdout.contains("EDDYLINE_WEBHOOK"), "{}", arg(desk.dir.path()));
}

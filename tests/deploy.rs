//! The recipes in `deploy/`, against the real program: what they run, what they configure, and what they make of each
//! exit code. Kubernetes' own schemas come from `tests/requirements.txt`; `tests/run` puts them in place.

mod fixtures;

use eddyline::error::Kind;
use eddyline::load::schedule::When;
use fixtures::{EDDYLINE, arg, command, eddyline, finish};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every kind of failure, and what a scheduler makes of it, in Kubernetes' words: `Count` tries again a few times,
/// `FailJob` fails at once, `Ignore` is no failure.
fn verdict(kind: Kind) -> &'static str {
    match kind {
        Kind::Failed | Kind::Unreachable | Kind::Conflict => "Count",
        Kind::Usage | Kind::Denied | Kind::Strict | Kind::Check => "FailJob",
        Kind::Interrupted | Kind::Terminated => "Ignore",
    }
}

/// The exit codes of each verdict.
fn verdicts() -> BTreeMap<&'static str, BTreeSet<u64>> {
    let kinds = [
        Kind::Failed,
        Kind::Usage,
        Kind::Denied,
        Kind::Unreachable,
        Kind::Conflict,
        Kind::Check,
        Kind::Strict,
        Kind::Interrupted,
        Kind::Terminated,
    ];
    let mut found: BTreeMap<_, BTreeSet<u64>> = BTreeMap::new();
    for kind in kinds {
        found.entry(verdict(kind)).or_default().insert(kind.exit_code().into());
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn recipe(name: &str) -> String {
    let path = root().join("deploy").join(name);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every file in `deploy/`: its path there and its text.
fn recipes() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for path in fixtures::entries(folder) {
            if path.is_dir() {
                walk(&path, found);
            } else {
                let name = path.strip_prefix(root().join("deploy")).unwrap().to_str().unwrap().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("deploy"), &mut found);
    found
}

/// Runs a Python script of the tests' environment on `input` and returns the JSON it prints.
fn python(script: &str, args: &[&str], input: &str) -> Value {
    let mut child = Command::new(fixtures::python("test-venv"))
        .args(["-B", "-c", script])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

// ---- what is run

/// The arguments of every `eddyline …` in Markdown: code in backquotes, and lines of shell blocks.
fn commands_in_markdown(text: &str) -> Vec<Vec<String>> {
    let (mut found, mut block) = (Vec::new(), None);
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            block = block.is_none().then(|| language.to_string());
        } else if block.as_deref() == Some("sh") {
            found.push(line.split('#').next().unwrap().to_string());
        } else if block.is_none() {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_string));
        }
    }
    let words = |code: &String| Some(code.strip_prefix("eddyline ")?.split_whitespace().map(str::to_string).collect());
    found.iter().filter_map(words).collect()
}

/// A command the real parser refuses, or `None`. `--help` behind it makes the program read the line and do nothing.
fn refusal(args: &[String]) -> Option<String> {
    let here = tempfile::tempdir().unwrap();
    let mut args: Vec<&str> = args.iter().map(String::as_str).collect();
    args.push("--help");
    let run = eddyline(here.path(), &args);
    (run.code != 0).then(|| format!("eddyline {}: {}", args.join(" "), run.stderr.lines().next().unwrap_or_default()))
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

#[test]
fn every_command_in_the_recipes_is_one_the_program_takes() {
    let mut commands = Vec::new();
    for (name, text) in recipes().iter().filter(|(name, _)| name.ends_with(".md")) {
        commands.extend(commands_in_markdown(text).into_iter().map(|args| (name.clone(), args)));
    }
    assert!(commands.len() >= 5, "the notes name only {commands:?}");
    let start = unit("eddyline.service").value("Service", "ExecStart");
    commands.push(("systemd".into(), words(start.strip_prefix("/usr/local/bin/eddyline ").unwrap())));
    let line = schedule_line().1;
    let end = line.find(['>', '|', '&', ';']).unwrap();
    commands.push(("crontab".into(), words(line[..end].strip_prefix("eddyline ").unwrap())));
    commands.push(("cronjob.yaml".into(), strings(&container()["args"])));
    for task in dag("3", &json!([]))["tasks"].as_array().unwrap() {
        commands.push(("airflow".into(), strings(&task["arguments"])));
    }
    commands.push(("Dockerfile".into(), strings(&json_after("CMD "))));
    let refused: Vec<String> =
        commands.iter().filter_map(|(name, args)| Some(format!("{name}: {}", refusal(args)?))).collect();
    assert!(refused.is_empty(), "the program refuses:\n{}", refused.join("\n"));
}

#[test]
fn a_command_with_a_mistake_is_found() {
    let text = "prose eddyline nonsense\n`eddyline load --evry 1h`, `crontab -u eddyline x`\n```sh\neddyline laod  # no\n```\n\
                ```toml\neddyline = 1\n```\n";
    let found = commands_in_markdown(text);
    assert_eq!(found, [words("load --evry 1h"), words("laod")]);
    for args in &found {
        assert!(refusal(args).is_some(), "{args:?}");
    }
    assert_eq!(refusal(&words("load --every 1h")), None);
}

// ---- what is configured

/// An export with one file, an empty warehouse, and where they are.
fn places(folder: &Path) -> (PathBuf, PathBuf) {
    let (source, warehouse) = (folder.join("currents"), folder.join("warehouse"));
    let key = format!("{}/x.avro", fixtures::hour_folder("users.messages.email.Open", "2026-03-02-00"));
    let bytes = fixtures::encoder::file(&fixtures::open_schema(), "null", &[fixtures::opens("a", 3)]);
    fixtures::write(&source.join(key), &bytes);
    (source, warehouse)
}

/// The configuration with its commented settings switched on as well.
fn all_on(text: &str) -> String {
    let on = |line: &str| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let name = bare.split(" = ").next().unwrap_or_default();
        let setting = bare.contains(" = ") && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        format!("{}\n", if setting { bare } else { line })
    };
    text.lines().map(on).collect()
}

fn accepts(name: &str, text: &str) {
    let here = tempfile::tempdir().unwrap();
    let (source, warehouse) = places(here.path());
    let (plain, full) = (here.path().join("plain.toml"), here.path().join("full.toml"));
    fs::write(&plain, text).unwrap();
    fs::write(&full, all_on(text)).unwrap();
    let run = |config: &Path, verb: &str| {
        let places = ["--source", arg(&source), "--warehouse", arg(&warehouse)];
        eddyline(here.path(), &[&["--config", arg(config), verb], &places[..]].concat())
    };
    let planned = run(&full, "plan");
    assert_eq!(planned.code, 0, "{name}: {}", planned.stderr);
    // Wrong values show when a pass begins.
    let report = run(&plain, "load").ends(0).json();
    assert_eq!(report["counters"]["new"], 3, "{name}: {report}");
}

#[test]
fn the_configurations_are_accepted() {
    let text = recipe("eddyline.toml");
    assert!(all_on(&text).contains("\nstrict = true"));
    accepts("eddyline.toml", &text);
    let map = documents().into_iter().find(|d| d["kind"] == "ConfigMap").unwrap();
    accepts("the ConfigMap", map["data"]["eddyline.toml"].as_str().unwrap());
}

#[test]
fn both_configurations_say_the_same() {
    let map = documents().into_iter().find(|d| d["kind"] == "ConfigMap").unwrap();
    let read = |text: &str| text.parse::<toml::Table>().unwrap();
    assert_eq!(read(&recipe("eddyline.toml")), read(map["data"]["eddyline.toml"].as_str().unwrap()));
}

#[test]
fn nothing_secret_lies_in_the_recipes() {
    for (name, text) in recipes() {
        for line in text.lines() {
            let lower = line.to_lowercase();
            let given = ["secret_access_key", "account_key", "password", "token"]
                .iter()
                .any(|word| lower.split_once(word).is_some_and(|(_, rest)| rest.trim_start().starts_with(['=', ':'])));
            assert!(!given && !line.contains("AKIA") && !line.contains("PRIVATE KEY"), "{name}: {line}");
        }
    }
}

// ---- Kubernetes

/// Reads YAML documents, refusing a key given twice, and checks them strictly against Kubernetes' schemas.
const KUBERNETES: &str = r#"
import json, sys, kubernetes_validate, yaml

class Loader(yaml.SafeLoader):
    pass

def mapping(loader, node):
    keys = [key.value for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        complaints.append(f"line {node.start_mark.line + 1}: {sorted(twice)} given twice")
    return loader.construct_mapping(node, deep=True)

Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
complaints = []
documents = list(yaml.load_all(sys.stdin.read(), Loader))
for version in sys.argv[1:]:
    for document in documents:
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as e:
            path = ".".join(str(step) for step in e.path)
            complaints.append(f"{version} {document['kind']} {path}: {e.message[:200]}")
print(json.dumps({"documents": documents, "complaints": complaints}))
"#;

/// The documents of some YAML, and what Kubernetes has to say against them.
fn kubernetes(text: &str) -> (Vec<Value>, Vec<String>) {
    let found = python(KUBERNETES, &["1.31", "1.37"], text);
    (found["documents"].as_array().unwrap().clone(), strings(&found["complaints"]))
}

fn documents() -> Vec<Value> {
    let (documents, complaints) = kubernetes(&recipe("kubernetes/cronjob.yaml"));
    assert!(complaints.is_empty(), "{complaints:#?}");
    documents
}

fn job() -> Value {
    let found: Vec<Value> = documents().into_iter().filter(|d| d["kind"] == "CronJob").collect();
    assert_eq!(found.len(), 1);
    found[0].clone()
}

fn container() -> Value {
    job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].clone()
}

fn strings(list: &Value) -> Vec<String> {
    let text = |v: &Value| v.as_str().unwrap_or_else(|| panic!("{v} is no text")).to_string();
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(text).collect()
}

#[test]
fn the_validator_refuses_broken_manifests() {
    let good = recipe("kubernetes/cronjob.yaml");
    let breaks = [
        ("concurrencyPolicy: Forbid", "concurencyPolicy: Forbid"),
        ("backoffLimit: 3", "backoffLimit: three"),
        ("restartPolicy: Never", "restartPolicy: Never\n          restartPolicy: Never"),
        ("          - action: Count\n", "          - verdict: Count\n"),
        ("data:\n  eddyline.toml: |", "dota:\n  eddyline.toml: |"),
    ];
    for (from, to) in breaks {
        assert!(good.contains(from), "{from:?} is not in the manifest");
        assert!(!kubernetes(&good.replace(from, to)).1.is_empty(), "nobody minds {to:?}");
    }
}

#[test]
fn the_pod_failure_policy_knows_exactly_our_exit_codes() {
    let job = job();
    let spec = &job["spec"]["jobTemplate"]["spec"];
    let container = &spec["template"]["spec"]["containers"][0];
    let mut found: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut disruption = None;
    for (at, rule) in spec["podFailurePolicy"]["rules"].as_array().unwrap().iter().enumerate() {
        let action = rule["action"].as_str().unwrap();
        if rule["onPodConditions"].is_array() {
            assert_eq!((&rule["onPodConditions"][0]["type"], action), (&json!("DisruptionTarget"), "Ignore"));
            disruption = Some(at);
            continue;
        }
        let codes = &rule["onExitCodes"];
        assert_eq!((&codes["containerName"], &codes["operator"]), (&container["name"], &json!("In")));
        let values: Vec<u64> = codes["values"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
        // What the API server asks for beyond the schema.
        assert!(values.is_sorted_by(|a, b| a < b) && !values.contains(&0), "{values:?}");
        for code in values {
            assert!(found.entry(action.to_string()).or_default().insert(code), "{code} twice");
        }
    }
    assert_eq!(disruption, Some(0), "an eviction is looked for before the exit code it causes");
    let expected: BTreeMap<String, BTreeSet<u64>> = verdicts().into_iter().map(|(k, v)| (k.to_string(), v)).collect();
    assert_eq!(found, expected);
    // Without these the API server refuses a policy, or a second pod would start beside the first.
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never");
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
}

#[test]
fn the_cron_job_is_whole_and_careful() {
    let job = job();
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    When::cron(job["spec"]["schedule"].as_str().unwrap()).unwrap();
    assert_eq!((&pod["securityContext"]["runAsNonRoot"], &pod["enableServiceLinks"]), (&json!(true), &json!(false)));
    assert_eq!(pod["securityContext"]["runAsUser"], 65532);
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    assert_eq!(container["securityContext"]["capabilities"]["drop"], json!(["ALL"]));
    assert!(container["image"].as_str().unwrap().ends_with(concat!(":", env!("CARGO_PKG_VERSION"))));
    // The configuration it names is the mounted one, and the account and the map are there.
    let mount = &container["volumeMounts"][0];
    let config = format!("{}/eddyline.toml", mount["mountPath"].as_str().unwrap());
    assert_eq!(strings(&container["args"]), ["--config", &config, "load"]);
    assert_eq!(pod["volumes"][0]["name"], mount["name"]);
    let named = |kind: &str| documents().iter().find(|d| d["kind"] == kind).unwrap()["metadata"]["name"].clone();
    assert_eq!(pod["volumes"][0]["configMap"]["name"], named("ConfigMap"));
    assert_eq!(pod["serviceAccountName"], named("ServiceAccount"));
}

#[test]
fn service_links_would_stop_the_program() {
    let here = tempfile::tempdir().unwrap();
    let mut command = command(here.path(), &["plan"]);
    command.env("EDDYLINE_PORT", "tcp://10.0.0.1:80");
    let run = finish(command).ends(2);
    assert!(run.stderr.contains("EDDYLINE_PORT"), "{}", run.stderr);
}

// ---- systemd

/// A unit file: (section, key, value), in order.
struct Unit(Vec<(String, String, String)>);

impl Unit {
    fn parse(text: &str) -> Unit {
        let (mut section, mut found) = (String::new(), Vec::new());
        for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with(['#', ';'])) {
            if let Some(name) = line.strip_prefix('[') {
                section = name.strip_suffix(']').unwrap_or_else(|| panic!("{line}")).to_string();
            } else {
                let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("no key=value: {line}"));
                found.push((section.clone(), key.to_string(), value.to_string()));
            }
        }
        Unit(found)
    }

    #[track_caller]
    fn value(&self, section: &str, key: &str) -> String {
        let found: Vec<_> = self.0.iter().filter(|(s, k, _)| s == section && k == key).collect();
        assert_eq!(found.len(), 1, "[{section}] {key}=");
        found[0].2.clone()
    }

    /// Sections and keys that systemd would not know.
    fn strange(&self) -> Vec<String> {
        let known = |section: &str| -> &[&str] {
            match section {
                "Unit" => {
                    &["Description", "Documentation", "Wants", "After", "StartLimitIntervalSec", "StartLimitBurst"]
                }
                "Timer" => &["OnCalendar", "RandomizedDelaySec", "Persistent"],
                "Install" => &["WantedBy"],
                "Service" => SERVICE_KEYS,
                _ => &[],
            }
        };
        let odd = self.0.iter().filter(|(section, key, _)| !known(section).contains(&key.as_str()));
        odd.map(|(section, key, _)| format!("[{section}] {key}")).collect()
    }
}

const SERVICE_KEYS: &[&str] = &[
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "Environment",
    "EnvironmentFile",
    "ExecStart",
    "Group",
    "KillSignal",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "MemoryMax",
    "Nice",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateTmp",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "RemoveIPC",
    "Restart",
    "RestartPreventExitStatus",
    "RestartSec",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "StateDirectory",
    "SuccessExitStatus",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
    "TimeoutStartSec",
    "TimeoutStopSec",
    "Type",
    "UMask",
    "User",
    "WorkingDirectory",
];

fn unit(name: &str) -> Unit {
    Unit::parse(&recipe(&format!("systemd/{name}")))
}

#[test]
fn the_units_have_only_known_keys() {
    for name in ["eddyline.service", "eddyline.timer"] {
        assert_eq!(unit(name).strange(), [""; 0], "{name}");
    }
    assert_eq!(Unit::parse("[Service]\nProtectClok=yes\n[Tmer]\nPersistent=true").strange().len(), 2);
}

#[test]
fn the_service_knows_exactly_our_exit_codes() {
    let service = unit("eddyline.service");
    let codes = |key: &str| -> BTreeSet<u64> {
        service.value("Service", key).split_whitespace().map(|code| code.parse().unwrap()).collect()
    };
    let verdicts = verdicts();
    assert_eq!(codes("SuccessExitStatus"), verdicts["Ignore"]);
    assert_eq!(codes("RestartPreventExitStatus"), verdicts["FailJob"]);
    let value = |key: &str| service.value("Service", key);
    assert_eq!((value("Restart").as_str(), value("Type").as_str()), ("on-failure", "oneshot"));
    let timer = unit("eddyline.timer");
    assert_eq!(timer.value("Timer", "Persistent"), "true");
    assert_eq!(timer.value("Install", "WantedBy"), "timers.target");
}

/// Says what systemd itself thinks of the units; where there is no systemd the tests above have to do.
#[test]
fn systemd_verifies_the_units() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        eprintln!("no systemd-analyze here: only the keys and values were checked");
        return;
    }
    let here = tempfile::tempdir().unwrap();
    // What systemd says of the service after a change of its text.
    let verify = |change: &dyn Fn(String) -> String| {
        for name in ["eddyline.service", "eddyline.timer"] {
            let text = recipe(&format!("systemd/{name}")).replace("/usr/local/bin/eddyline", EDDYLINE);
            fs::write(here.path().join(name), change(text)).unwrap();
        }
        let units = ["eddyline.service", "eddyline.timer"].map(|name| here.path().join(name));
        let mut verify = Command::new("systemd-analyze");
        let output = verify.args(["verify", "--man=no"]).args(units).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).to_string();
        // It also reads the machine's own units; only what it says of ours counts.
        let ours: Vec<&str> = said.lines().filter(|l| l.contains("eddyline")).collect();
        ours.join("\n")
    };
    assert_eq!(verify(&|text| text), "");
    assert!(verify(&|text| text.replace("ProtectClock", "ProtectClok")).contains("ProtectClok"));
    assert!(verify(&|text| text.replace("03:15:00", "30:15:00")).contains("calendar"));
}

// ---- cron

/// The moment of the crontab's one line, and its command.
fn schedule_line() -> (String, String) {
    let text = recipe("crontab");
    let is_setting =
        |l: &str| l.split_once('=').is_some_and(|(n, _)| n.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'));
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#') && !is_setting(l)).collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    // A bare % ends the command in a crontab.
    assert!(!lines[0].contains('%'));
    let fields: Vec<&str> = lines[0].split_whitespace().take(5).collect();
    let command = lines[0].split_whitespace().skip(5).collect::<Vec<_>>().join(" ");
    (fields.join(" "), command)
}

#[test]
fn the_crontab_runs_a_pass_and_speaks_only_of_failures() {
    let (moment, line) = schedule_line();
    When::cron(&moment).unwrap();
    let here = tempfile::tempdir().unwrap();
    let (source, warehouse) = places(here.path());
    let config = here.path().join("etc/eddyline.toml");
    let local = recipe("eddyline.toml")
        .replace("s3://acme-currents/currents", arg(&source))
        .replace("s3://acme-warehouse/braze", arg(&warehouse));
    let logs = here.path().join("log");
    fs::create_dir_all(&logs).unwrap();
    let set = |name: &str| {
        let text = recipe("crontab");
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default();
        line.replace("/etc/eddyline", arg(&here.path().join("etc")))
    };
    // As cron would: the line by sh, with the crontab's own settings.
    let run = || {
        let bin = Path::new(EDDYLINE).parent().unwrap();
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(line.replace("/var/log/eddyline", arg(&logs))).env_clear();
        command
            .env("PATH", set("PATH").replace("/usr/local/bin", arg(bin)))
            .env("EDDYLINE_CONFIG", set("EDDYLINE_CONFIG"));
        finish(command)
    };
    fixtures::write(&config, local.as_bytes());
    for _ in 0..2 {
        assert_eq!(run().ends(0).stdout, "");
    }
    let reports = fs::read_to_string(logs.join("passes.json")).unwrap();
    assert_eq!(reports.lines().map(serde_json::from_str::<Value>).filter(Result::is_ok).count(), 2, "{reports}");
    fixtures::write(&config, local.replace("through", "thruogh").as_bytes());
    let failed = run();
    assert!(failed.stdout.starts_with("error: ") && failed.stdout.contains("thruogh"), "{failed:?}");
    assert!(!set("MAILTO").is_empty());
}

// ---- Airflow

/// Loads the DAG among stand-ins for Airflow's modules, laid out as in Airflow 2 or 3, and runs its operator: once for
/// each code of a list, and once with the real program and a configuration that is not there.
const AIRFLOW: &str = r#"
import importlib.util, json, subprocess, sys, types

layout, path, program, codes = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
tasks, dags, ran = [], [], []

class AirflowFailException(Exception):
    pass

class DAG:
    def __init__(self, *, dag_id, description, schedule, start_date, catchup, max_active_runs, default_args, tags):
        dags.append({"id": dag_id, "schedule": schedule, "aware": start_date.tzinfo is not None, "catchup": catchup,
                     "runs": max_active_runs, "retries": default_args["retries"], "defaults": sorted(default_args)})
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass

class BaseOperator:
    template_fields = ()
    def __init__(self, *, task_id):
        self.task_id, self.before = task_id, []
        tasks.append(self)
    def __rshift__(self, other):
        self.before.append(other.task_id)
        return other

class SubprocessHook:
    code, stopped = 0, 0
    def run_command(self, command, env=None, output_encoding="utf-8", cwd=None):
        ran.append(command)
        code = subprocess.run([program, *command[1:]], capture_output=True).returncode if self.code is None else self.code
        return types.SimpleNamespace(exit_code=code, output="")
    def send_sigterm(self):
        SubprocessHook.stopped += 1

def module(name, **names):
    made = sys.modules[name] = types.ModuleType(name)
    made.__dict__.update(names)
    made.__path__ = []

for name in ("airflow", "airflow.models", "airflow.hooks"):
    module(name)
module("airflow.exceptions", AirflowFailException=AirflowFailException)
if layout == "2":
    module("airflow.models.baseoperator", BaseOperator=BaseOperator)
    module("airflow.models.dag", DAG=DAG)
    module("airflow.hooks.subprocess", SubprocessHook=SubprocessHook)
else:
    module("airflow.sdk", DAG=DAG, BaseOperator=BaseOperator)
    for name in ("airflow.providers", "airflow.providers.standard", "airflow.providers.standard.hooks"):
        module(name)
    module("airflow.providers.standard.hooks.subprocess", SubprocessHook=SubprocessHook)
    if layout == "3 late":
        module("airflow.sdk.exceptions", AirflowFailException=AirflowFailException)
        del sys.modules["airflow.exceptions"]

spec = importlib.util.spec_from_file_location("eddyline_dag", path)
dag = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dag)

def outcome(task, code):
    SubprocessHook.code = code
    try:
        task.execute({})
    except AirflowFailException:
        return "fail"
    except Exception:
        return "retry"
    return "success"

found = [{"id": task.task_id, "arguments": task.arguments, "before": task.before} for task in tasks]
outcomes = {str(code): outcome(tasks[0], code) for code in codes}
command = ran[-1] if ran else None
dag.CONFIG = "/nowhere/eddyline.toml"
real = outcome(tasks[0], None)
tasks[0].on_kill()
print(json.dumps({"dags": dags, "tasks": found, "outcomes": outcomes, "command": command, "real": real,
                  "stopped": SubprocessHook.stopped}))
"#;

fn dag(layout: &str, codes: &Value) -> Value {
    let path = root().join("deploy/airflow/eddyline_dag.py");
    python(AIRFLOW, &[layout, arg(&path), EDDYLINE, &codes.to_string()], "")
}

#[test]
fn the_dag_loads_and_judges_every_exit_code() {
    let verdicts = verdicts();
    let all: BTreeSet<u64> = verdicts.values().flatten().copied().chain([0]).collect();
    for layout in ["2", "3", "3 late"] {
        let found = dag(layout, &json!(all));
        for (code, outcome) in found["outcomes"].as_object().unwrap() {
            let code: u64 = code.parse().unwrap();
            let expected = match verdicts.iter().find(|(_, codes)| codes.contains(&code)) {
                None => "success",
                Some((&"FailJob", _)) => "fail",
                Some(_) => "retry",
            };
            assert_eq!(outcome, expected, "Airflow {layout}, code {code}");
        }
        assert_eq!(found["outcomes"].as_object().unwrap().len(), all.len());
        let expected = json!(["/usr/local/bin/eddyline", "--config", "/etc/eddyline/eddyline.toml", "load"]);
        assert_eq!(found["command"], expected);
        assert_eq!((&found["real"], &found["stopped"]), (&json!("fail"), &json!(1)));
        assert_eq!(found["tasks"][0]["before"], json!([found["tasks"][1]["id"]]));
        let dag = &found["dags"][0];
        assert_eq!((&dag["catchup"], &dag["runs"], &dag["aware"]), (&json!(false), &json!(1), &json!(true)));
        assert!(dag["retries"].as_u64().unwrap() > 0);
        When::cron(dag["schedule"].as_str().unwrap()).unwrap();
    }
}

// ---- the image

/// The JSON behind an instruction of the Dockerfile.
fn json_after(instruction: &str) -> Value {
    let text = recipe("Dockerfile");
    let found: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix(instruction)).collect();
    assert_eq!(found.len(), 1, "{instruction}");
    serde_json::from_str(found[0]).unwrap()
}

#[test]
fn the_image_is_pinned_and_without_root() {
    let text = recipe("Dockerfile");
    let images: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("FROM ")?.split(' ').next()).collect();
    assert_eq!(images.len(), 2, "one image to build in, one to run in");
    for image in &images {
        let tag = image.split_once(':').unwrap_or_else(|| panic!("{image} has no tag")).1;
        assert!(tag.starts_with(|c: char| c.is_ascii_digit()) && tag.contains('.'), "{image} is not pinned");
    }
    // The compiler is the one Cargo.toml asks for, and both images are of one Debian: 13 is trixie.
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    assert!(images[0].starts_with(&format!("rust:{rust}.")), "{}", images[0]);
    assert!(images[0].ends_with("-trixie") && images[1].starts_with("debian:13."), "{images:?}");

    let last = text.rsplit("\nFROM ").next().unwrap();
    let user = last.lines().find_map(|l| l.strip_prefix("USER ")).unwrap();
    assert!(user.split(':').all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    assert!(last.contains("ca-certificates"), "TLS needs the system's certificates");
    let program = json_after("ENTRYPOINT ");
    assert_eq!(program, json!(["/usr/local/bin/eddyline"]));
    assert!(last.contains(&format!("COPY --from=build {0} {0}\n", program[0].as_str().unwrap())));
    assert!(text.contains("cargo build --release --locked"));
    assert!(!text.lines().any(|l| l.starts_with("ENV ") || l.starts_with("ARG ") || l.starts_with("ADD ")));
}

#[test]
fn the_image_gets_what_the_build_reads_and_nothing_else() {
    let text = recipe("Dockerfile.dockerignore");
    let lines: Vec<&str> = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "all is left out first");
    let sent: BTreeSet<&str> = lines.iter().filter_map(|l| l.strip_prefix('!')).collect();
    let mut read: BTreeSet<String> = ["Cargo.toml", "Cargo.lock", "src"].map(str::to_string).into();
    // Targets that Cargo.toml names have to be there, or cargo refuses the whole manifest.
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    read.extend(manifest.contains_key("bench").then(|| "benches".to_string()));
    // The build script embeds the other files of its folder.
    let script = manifest["package"]["build"].as_str().unwrap();
    read.extend(script.split_once('/').map(|(folder, _)| folder.to_string()));
    embedded(&root().join("src"), &mut read);
    assert!(read.contains("sql") && read.contains("table_defs"), "{read:?}");
    assert_eq!(sent, read.iter().map(String::as_str).collect());
}

/// The top folders of files that sources embed, outside their tests.
fn embedded(folder: &Path, found: &mut BTreeSet<String>) {
    for path in fixtures::entries(folder) {
        if path.is_dir() {
            embedded(&path, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
            let names =
                text.split("include_str!(\"").chain(text.split("include_bytes!(\"")).filter(|t| t.starts_with("../"));
            for name in names.filter_map(|t| t.split('"').next()) {
                let file = fs::canonicalize(path.parent().unwrap().join(name)).unwrap();
                let top = file.strip_prefix(fs::canonicalize(root()).unwrap()).unwrap().iter().next().unwrap();
                found.insert(top.to_str().unwrap().to_string());
            }
        }
    }
}

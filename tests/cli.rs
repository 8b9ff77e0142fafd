//! What the program prints and how it ends: transcripts of the real binary, and its behaviour under signals.
//!
//! A transcript is the command line, standard output, standard error behind `-- stderr`, and the exit code. What
//! differs from run to run (times, ages, sizes of what was written) is replaced by a word in brackets.

mod fixtures;

use fixtures::encoder::{V, file, some};
use fixtures::{Run, arg, eddyline, end_of, entries, hour_folder, ids, json_files, log, rejects, start, write};
use insta::assert_snapshot;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder to work in, and the variables that are set.
struct Shell {
    dir: TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl Shell {
    fn new() -> Shell {
        Shell { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A shell in which a small export lies in `export/currents`.
    fn with_export() -> Shell {
        let shell = Shell::new();
        shell.run(GENERATE).ends(0);
        shell
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> &Shell {
        write(&self.path(name), text.as_bytes());
        self
    }

    fn command(&self, line: &str) -> Command {
        let words = words(line);
        let args: Vec<&str> = words.iter().map(String::as_str).collect();
        assert_eq!(args[0], "eddyline");
        let mut command = fixtures::command(self.dir.path(), &args[1..]);
        command.envs(self.variables.iter().copied());
        command
    }

    fn run(&self, line: &str) -> Run {
        fixtures::finish(self.command(line))
    }

    /// The transcript of a command.
    fn says(&self, line: &str) -> String {
        let run = self.run(line);
        let mut text = format!("$ {line}\n{}", run.stdout);
        if !run.stderr.is_empty() {
            text += &format!("-- stderr\n{}", run.stderr);
        }
        text += &format!("-- exit code {}", run.code);
        let text = text.replace(arg(self.dir.path()), "[DIR]");
        text.lines().map(|l| same_each_time(l).trim_end().to_string()).collect::<Vec<_>>().join("\n")
    }
}

const GENERATE: &str = "eddyline generate --out export --events 60 --days 1 --seed 3 --types 'users.messages.email.*'";
const LOAD: &str = "eddyline load --source export/currents --warehouse w";

/// The words of a command line; single quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words
}

/// A line without what differs from run to run.
fn same_each_time(line: &str) -> String {
    let mut line = between(line, " in ", " s", "[TIME]");
    line = between(&line, "(", " written)", "[SIZE]");
    if line.contains(" rows in ") {
        line = between(&line, "(", ")", "[SIZE]");
    }
    let moment = |at: &usize| *at >= 19 && line.as_bytes()[at - 19].is_ascii_digit();
    if let Some(at) = line.find(" UTC").filter(moment) {
        line.replace_range(at - 19..at + 4, "[MOMENT]");
    }
    // The age of a table in days, in its column.
    if let Some(at) = line.find(" d").filter(|at| line[..*at].ends_with(|c: char| c.is_ascii_digit())) {
        let from = line[..at].rfind(' ').unwrap_or(0) + 1;
        if line[..from].ends_with("  ") {
            line.replace_range(from..at + 2, "[AGE]");
        }
    }
    line
}

fn between(line: &str, before: &str, after: &str, word: &str) -> String {
    let found = line.find(before).map(|at| at + before.len());
    let found = found.and_then(|from| Some((from, from + line[from..].find(after)?)));
    match found {
        Some((from, to)) if line[from..to].starts_with(|c: char| c.is_ascii_digit()) && to - from < 12 => {
            format!("{}{word}{}", &line[..from], &line[to..])
        }
        _ => line.to_string(),
    }
}

#[test]
fn what_changes_is_blanked_and_nothing_else() {
    assert_eq!(same_each_time("loaded 2 files (3 KiB read) in 1.8 s"), "loaded 2 files (3 KiB read) in [TIME] s");
    assert_eq!(same_each_time("  cells   4  (1.71 MiB written)"), "  cells   4  ([SIZE] written)");
    assert_eq!(same_each_time("w: 5 rows in 2 cells (1.71 MiB)"), "w: 5 rows in 2 cells ([SIZE])");
    assert_eq!(same_each_time("  1  2026-11-22 02:08:43 UTC  9 files"), "  1  [MOMENT]  9 files");
    assert_eq!(same_each_time("t   9  2026-03-03-18    263 d  gap"), "t   9  2026-03-03-18    [AGE]  gap");
    assert_eq!(same_each_time("stored  12  in 3 tables"), "stored  12  in 3 tables");
}

#[test]
fn help() {
    let shell = Shell::new();
    assert_snapshot!(shell.says("eddyline help"), @r#"
    $ eddyline help
    Turns a Braze Currents export into a Parquet warehouse and answers SQL over it

    Usage: eddyline [OPTIONS] <COMMAND>

    Commands:
      quickstart  Generate a sample export, load it, and query it: the whole thing in a minute
      generate    Generate a synthetic Currents export
      plan        Show what `load` would do
      load        Load what is new in the source into the warehouse
      sql         Run SQL over the warehouse; without -c or -f on a terminal, the shell
      tables      List the tables, or describe one
      connect     Print what to paste into another tool so that it sees the warehouse
      status      Show freshness, gaps, quarantine and the last loads
      verify      Check the warehouse against itself
      doctor      Prove that what Eddyline needs works in your buckets, or print policies for them
      state       Work on the warehouse's own record of what it holds
      help        Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The configuration file; without it, eddyline.toml in the working folder when
                           there is one [env: EDDYLINE_CONFIG=]
          --log <FORMAT>   Log what happens inside on standard error, as text or json [default: nothing]
                           [env: EDDYLINE_LOG=]
      -h, --help           Print help
      -V, --version        Print version
    -- exit code 0
    "#);
    assert_snapshot!(shell.says("eddyline load --help"), @r#"
    $ eddyline load --help
    Load what is new in the source into the warehouse

    Usage: eddyline load [OPTIONS]

    Options:
          --config <FILE>              The configuration file; without it, eddyline.toml in the working
                                       folder when there is one [env: EDDYLINE_CONFIG=]
          --warehouse <URL>            The warehouse: a folder, s3://, gs:// or az:// [env:
                                       EDDYLINE_WAREHOUSE=]
          --defs <DIR>                 A folder of table definitions laid over the built-in ones [env:
                                       EDDYLINE_DEFS=]
          --log <FORMAT>               Log what happens inside on standard error, as text or json
                                       [default: nothing] [env: EDDYLINE_LOG=]
          --retry-for <DURATION>       How long a request to a store is tried again [default: 3m for
                                       load, 15s for others] [env: EDDYLINE_RETRY_FOR=]
          --requests <N>               Requests to a store under way at once [default: 64] [env:
                                       EDDYLINE_REQUESTS=]
          --source <URL>               The export: a folder, s3://, gs:// or az:// [env:
                                       EDDYLINE_SOURCE=]
          --from <DATE-HOUR>           Only files queued in this hour (UTC) or later: 2026-03-01-00, or
                                       a day
          --to <DATE-HOUR>             Only files queued in this hour (UTC) or earlier; a day means its
                                       last hour
          --types <GLOB>               Only event types (or tables) that match, such as
                                       'users.messages.email.*' [env: EDDYLINE_TYPES=]
          --full                       List everything, not only what may be new
          --retry-quarantined          Also try files again that are quarantined
          --rebuild                    Read every source file again and write the cells anew; rows whose
                                       file is gone are kept
          --columns <POLICY>           What to do with columns and event types no definition knows:
                                       evolve, rescue or freeze [default: evolve] [env:
                                       EDDYLINE_COLUMNS=]
          --dedupe-window <DAYS>       Days on either side of a cell in which an id is looked for
                                       [default: 7] [env: EDDYLINE_DEDUPE_WINDOW=]
          --schema-budget <SIZE>       Bytes a pass may rewrite to give older cells newer columns
                                       [default: 1GiB] [env: EDDYLINE_SCHEMA_BUDGET=]
          --target-object-size <SIZE>  Bytes an object should stay under; larger days are split into
                                       slots [default: 512MiB] [env: EDDYLINE_TARGET_OBJECT_SIZE=]
          --lateness <DURATION>        How far behind the newest hour of an event type its listing
                                       begins [default: 48h] [env: EDDYLINE_LATENESS=]
          --through <EXTENT>           Up to where: now; hour: hours that are over; day: queue days
                                       (UTC) that are over [default: now] [env: EDDYLINE_THROUGH=]
          --full-scan <FREQUENCY>      How often everything is listed without --full: never, daily,
                                       weekly or monthly [default: weekly] [env: EDDYLINE_FULL_SCAN=]
          --memory <SIZE>              Memory a pass may use, about [default: 2GiB] [env:
                                       EDDYLINE_MEMORY=]
          --max-file-bytes <SIZE>      What one file may hold, unpacked; a larger one is quarantined
                                       [default: 512MiB] [env: EDDYLINE_MAX_FILE_BYTES=]
          --max-block-bytes <SIZE>     What one Avro block may hold, unpacked [default: 256MiB] [env:
                                       EDDYLINE_MAX_BLOCK_BYTES=]
          --workers <N>                Tables built at once [default: one per core] [env:
                                       EDDYLINE_WORKERS=]
          --prefetch <N>               Files fetched ahead, per table [default: 8] [env:
                                       EDDYLINE_PREFETCH=]
          --lock-wait <DURATION>       How long to wait for another writer on a local disk [default:
                                       10m] [env: EDDYLINE_LOCK_WAIT=]
          --strict [<BOOL>]            End with exit code 6 when files are quarantined or records
                                       rejected [env: EDDYLINE_STRICT=] [possible values: true, false]
          --gap-alert <DURATION>       Warn when an event type that always had files has had none for
                                       this long, such as 3h [env: EDDYLINE_GAP_ALERT=]
          --check [<BOOL>]             End with exit code 7 when there is a gap alert [env:
                                       EDDYLINE_CHECK=] [possible values: true, false]
          --report <FORMAT>            How the pass reports: text or json [default: text] [env:
                                       EDDYLINE_REPORT=]
          --metrics-file <FILE>        Write Prometheus metrics to this file after each pass, whole or
                                       not at all [env: EDDYLINE_METRICS_FILE=]
          --push-gateway <URL>         Send the metrics to this Prometheus push gateway after each pass
                                       [env: EDDYLINE_PUSH_GATEWAY]
          --webhook <URL>              Post JSON to this address when a pass fails or a gap alert
                                       begins; it is never printed [env: EDDYLINE_WEBHOOK]
          --every <DURATION>           Keep running: a pass every so often, such as 15m [env:
                                       EDDYLINE_EVERY=]
          --cron <EXPRESSION>          Keep running: a pass at the moments of a cron expression in UTC,
                                       such as "0 2 * * *" [env: EDDYLINE_CRON=]
          --jitter <DURATION>          Begin each scheduled pass up to this much later, at random
                                       [default: 0s] [env: EDDYLINE_JITTER=]
      -h, --help                       Print help
    -- exit code 0
    "#);
}

#[test]
fn the_first_hour_with_eddyline() {
    let shell = Shell::new();
    assert_snapshot!(shell.says(GENERATE), @r#"
    $ eddyline generate --out export --events 60 --days 1 --seed 3 --types 'users.messages.email.*'
    export/currents generated: 60 events of 11 types over 1 day, 61 records in 44 files (100.45 KiB)
    -- exit code 0
    "#);
    assert_snapshot!(shell.says(GENERATE), @r#"
    $ eddyline generate --out export --events 60 --days 1 --seed 3 --types 'users.messages.email.*'
    export/currents is there already: 60 events of 11 types over 1 day, 61 records in 44 files (100.45 KiB)
    -- exit code 0
    "#);
    assert_snapshot!(shell.says("eddyline status --warehouse w"), @r#"
    $ eddyline status --warehouse w
    -- stderr
    error: there is no folder w
    hint: give the address of an existing one, or load something first: `eddyline load --help`
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline plan --source export/currents --warehouse w"), @r#"
    $ eddyline plan --source export/currents --warehouse w
    44 objects listed: 44 to load (100.45 KiB), 0 known, 0 out of scope
    0 files in the ledger
      tables/users_messages_email_abort/queue_date=2026-03-02/part-00.parquet  2 files, 4.31 KiB
      tables/users_messages_email_bounce/queue_date=2026-03-02/part-00.parquet  1 file, 2.22 KiB
      tables/users_messages_email_click/queue_date=2026-03-02/part-00.parquet  1 file, 3.03 KiB
      tables/users_messages_email_deferral/queue_date=2026-03-02/part-00.parquet  2 files, 5.14 KiB
      tables/users_messages_email_delivery/queue_date=2026-03-02/part-00.parquet  11 files, 25.25 KiB
      tables/users_messages_email_markasspam/queue_date=2026-03-02/part-00.parquet  1 file, 2.00 KiB
      tables/users_messages_email_open/queue_date=2026-03-02/part-00.parquet  7 files, 18.13 KiB
      tables/users_messages_email_retry/queue_date=2026-03-02/part-00.parquet  1 file, 2.27 KiB
      tables/users_messages_email_send/queue_date=2026-03-02/part-00.parquet  16 files, 34.18 KiB
      tables/users_messages_email_softbounce/queue_date=2026-03-02/part-00.parquet  1 file, 2.14 KiB
      tables/users_messages_email_unsubscribe/queue_date=2026-03-02/part-00.parquet  1 file, 1.79 KiB
    -- exit code 0
    "#);
    assert!(!shell.path("w").exists(), "planning made the warehouse");
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    loaded 44 files (100.45 KiB read) in [TIME] s
      records                 61
      stored                  60  in 11 tables
      duplicates               1
      rejected                 0
      cells                   11  ([SIZE] written)
    -- exit code 0
    "#);
    let before = all_files(&shell.path("w/tables"));
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    nothing new: 44 objects listed, 44 known
    -- exit code 0
    "#);
    assert_eq!(all_files(&shell.path("w/tables")), before, "loading again changed an object");
    assert_snapshot!(shell.says("eddyline plan --source export/currents --warehouse w"), @r#"
    $ eddyline plan --source export/currents --warehouse w
    44 objects listed: 0 to load (0 B), 44 known, 0 out of scope
    44 files in the ledger
    -- exit code 0
    "#);
    assert_snapshot!(shell.says("eddyline status --warehouse w"), @r#"
    $ eddyline status --warehouse w
    w: 60 rows in 11 cells ([SIZE])
    44 files in the ledger, log entry 1

    table                                                        rows  newest hour        age  hours without a file
    users_messages_email_abort                                      2  2026-03-02-18    [AGE]
    users_messages_email_bounce                                     1  2026-03-02-00    [AGE]
    users_messages_email_click                                      1  2026-03-02-02    [AGE]
    users_messages_email_deferral                                   3  2026-03-02-11    [AGE]
    users_messages_email_delivery                                  16  2026-03-02-23    [AGE]
    users_messages_email_markasspam                                 1  2026-03-02-07    [AGE]
    users_messages_email_open                                       7  2026-03-02-21    [AGE]
    users_messages_email_retry                                      1  2026-03-02-03    [AGE]
    users_messages_email_send                                      26  2026-03-02-23    [AGE]
    users_messages_email_softbounce                                 1  2026-03-02-05    [AGE]
    users_messages_email_unsubscribe                                1  2026-03-02-01    [AGE]

    last loads
         1  [MOMENT]  44 files, 60 rows stored, 1 duplicate, 0 rejected, 0 quarantined
    -- exit code 0
    "#);
    assert_snapshot!(shell.says("eddyline verify --warehouse w"), @r#"
    $ eddyline verify --warehouse w
    11 cells checked, 60 rows, 0 problems
    -- exit code 0
    "#);
    assert_snapshot!(shell.says("eddyline verify --deep --warehouse w"), @r#"
    $ eddyline verify --deep --warehouse w
    11 cells read through, 60 rows, 0 problems
    -- exit code 0
    "#);
}

/// Every file with its bytes and the time it was written.
fn all_files(folder: &Path) -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(all_files(&path));
        } else {
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            found.push((path.clone(), written, fs::read(&path).unwrap()));
        }
    }
    found
}

#[test]
fn a_pass_that_found_trouble() {
    let shell = Shell::with_export();
    let folder = format!("export/currents/{}", hour_folder("users.messages.email.Open", "2026-03-02-05"));
    shell.write(&format!("{folder}/cut.avro"), "Obj\u{1}");
    shell.write(&format!("{folder}/some.json"), "{\"id\":\"new-1\",\"weather\":\"fine\",\"time\":[1]}\n{\"id\":\n");
    shell.write(
        "export/currents/event_type=users.moon.Landing/date=2026-03-02-06/x.json",
        "{\"id\":\"m\",\"craft\":\"Eagle\"}",
    );
    shell.write("export/currents/_SUCCESS", "");
    shell.write("export/currents/reports/a.csv", "");
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    loaded 46 files (100.52 KiB read) in [TIME] s
      records                 64
      stored                  62  in 12 tables
      duplicates               1
      rejected                 1
      cells                   12  ([SIZE] written)
    new columns: users.messages.email.Open: weather string
    new columns: users.moon.Landing: craft string
    kept in _extra: 1 value that did not fit users_messages_email_open.time
    ignored: 1 object (hidden), such as _SUCCESS
    ignored: 1 object (report csv), such as reports/a.csv
    quarantined: dataexport.prod-03.S3.integration.aaaabbbb/event_type=users.messages.email.Open/date=2026-03-02-05/315/prod-03/cut.avro: truncated: the file ends in its header, 4 bytes long
      all of them: SELECT * FROM system.quarantine
      once repaired: eddyline load --retry-quarantined
    rejected records: SELECT * FROM system.rejects
    -- stderr
    warning: 1 file is quarantined and 1 record rejected
    -- exit code 0
    "#);
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    nothing new: 49 objects listed, 47 known
    ignored: 1 object (hidden), such as _SUCCESS
    ignored: 1 object (report csv), such as reports/a.csv
    still quarantined: 1 file of earlier passes
      all of them: SELECT * FROM system.quarantine
      once repaired: eddyline load --retry-quarantined
    -- stderr
    warning: 1 file is quarantined
    -- exit code 0
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --strict")), @r#"
    $ eddyline load --source export/currents --warehouse w --strict
    nothing new: 49 objects listed, 47 known
    ignored: 1 object (hidden), such as _SUCCESS
    ignored: 1 object (report csv), such as reports/a.csv
    still quarantined: 1 file of earlier passes
      all of them: SELECT * FROM system.quarantine
      once repaired: eddyline load --retry-quarantined
    -- stderr
    error: 1 file is quarantined
    hint: everything else is loaded; system.quarantine and system.rejects give each one's reason
    -- exit code 6
    "#);
    assert_snapshot!(shell.says("eddyline status --warehouse w"), @r#"
    $ eddyline status --warehouse w
    w: 62 rows in 12 cells ([SIZE])
    47 files in the ledger, log entry 1
    the last pass failed: [MOMENT]
      error: 1 file is quarantined
      hint: everything else is loaded; system.quarantine and system.rejects give each one's reason
    quarantined: 1 file (truncated)
    rejected: 1 record

    table                                                        rows  newest hour        age  hours without a file
    users_messages_email_abort                                      2  2026-03-02-18    [AGE]
    users_messages_email_bounce                                     1  2026-03-02-00    [AGE]
    users_messages_email_click                                      1  2026-03-02-02    [AGE]
    users_messages_email_deferral                                   3  2026-03-02-11    [AGE]
    users_messages_email_delivery                                  16  2026-03-02-23    [AGE]
    users_messages_email_markasspam                                 1  2026-03-02-07    [AGE]
    users_messages_email_open                                       8  2026-03-02-21    [AGE]
    users_messages_email_retry                                      1  2026-03-02-03    [AGE]
    users_messages_email_send                                      26  2026-03-02-23    [AGE]
    users_messages_email_softbounce                                 1  2026-03-02-05    [AGE]
    users_messages_email_unsubscribe                                1  2026-03-02-01    [AGE]
    users_moon_landing                                              1  2026-03-02-06    [AGE]

    last loads
         1  [MOMENT]  47 files, 62 rows stored, 1 duplicate, 1 rejected, 1 quarantined
    -- exit code 0
    "#);
    shell.write("empty/_SUCCESS", "");
    assert_snapshot!(shell.says("eddyline load --source empty --warehouse w2"), @r#"
    $ eddyline load --source empty --warehouse w2
    nothing new: 1 object listed, 0 known
    no Currents file lies in empty: is --source right?
    ignored: 1 object (hidden), such as _SUCCESS
    -- exit code 0
    "#);
}

#[test]
fn mistakes_on_the_command_line() {
    let shell = Shell::with_export();
    assert_snapshot!(shell.says("eddyline laod"), @r#"
    $ eddyline laod
    -- stderr
    error: unrecognized subcommand 'laod'

      tip: a similar subcommand exists: 'load'

    Usage: eddyline [OPTIONS] <COMMAND>

    For more information, try '--help'.
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline load --warehouse w"), @r#"
    $ eddyline load --warehouse w
    -- stderr
    error: no source is named
    hint: give --source URL, EDDYLINE_SOURCE, or `source` in eddyline.toml
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline load --source export/currents"), @r#"
    $ eddyline load --source export/currents
    -- stderr
    error: no warehouse is named
    hint: give --warehouse URL, EDDYLINE_WAREHOUSE, or `warehouse` in eddyline.toml
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline load --source nowhere --warehouse w"), @r#"
    $ eddyline load --source nowhere --warehouse w
    -- stderr
    error: there is no folder nowhere
    hint: --source is the folder or bucket that holds the export, e.g. ./currents or s3://bucket/currents
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline load --source ftp://host/x --warehouse w"), @r#"
    $ eddyline load --source ftp://host/x --warehouse w
    -- stderr
    error: the `ftp:` address is not understood
    because: no store here has addresses of this kind
    hint: use a path, s3://, gs://, az:// or abfss://
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --columns all")), @r#"
    $ eddyline load --source export/currents --warehouse w --columns all
    -- stderr
    error: --columns: `all` is no policy
    hint: evolve: new columns join the table; rescue: their values stay in _extra; freeze: refuse them
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --from yesterday")), @r#"
    $ eddyline load --source export/currents --warehouse w --from yesterday
    -- stderr
    error: --from: `yesterday` is not an hour
    hint: write 2026-03-01-14, or a day: 2026-03-01
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --types 'users.[*'")), @r#"
    $ eddyline load --source export/currents --warehouse w --types 'users.[*'
    -- stderr
    error: --types: `users.[*` is not a pattern
    because: error parsing glob 'users.[*': unclosed character class; missing ']'
    hint: such as 'users.messages.email.*'
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --memory lots")), @r#"
    $ eddyline load --source export/currents --warehouse w --memory lots
    -- stderr
    error: --memory: `lots` is not a size
    because: invalid digit found in string
    hint: write 512MiB or 2GiB
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --memory 1MiB")), @r#"
    $ eddyline load --source export/currents --warehouse w --memory 1MiB
    -- stderr
    error: --memory: less than 64MiB is not enough to decode one file
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --lateness soon")), @r#"
    $ eddyline load --source export/currents --warehouse w --lateness soon
    -- stderr
    error: --lateness: `soon` is not a duration
    because: expected number at 0
    hint: write 90s, 15m, 48h or 7d
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --report xml")), @r#"
    $ eddyline load --source export/currents --warehouse w --report xml
    -- stderr
    error: --report: `xml` is neither text nor json
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --every 15m --cron '0 2 * * *'")), @r#"
    $ eddyline load --source export/currents --warehouse w --every 15m --cron '0 2 * * *'
    -- stderr
    error: the argument '--every <DURATION>' cannot be used with '--cron <EXPRESSION>'

    Usage: eddyline load --source <URL> --warehouse <URL> --every <DURATION>

    For more information, try '--help'.
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --every often")), @r#"
    $ eddyline load --source export/currents --warehouse w --every often
    -- stderr
    error: --every: `often` is not a duration
    because: expected number at 0
    hint: write 90s, 15m, 48h or 7d
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --cron nightly")), @r#"
    $ eddyline load --source export/currents --warehouse w --cron nightly
    -- stderr
    error: --cron: `nightly` is not a cron expression
    because: Invalid pattern: Pattern must have between 5 and 7 fields.
    hint: five fields, in UTC: minute hour day month weekday, such as "0 2 * * *"
    -- exit code 2
    "#);
    assert_snapshot!(shell.says(&format!("{LOAD} --defs nowhere")), @r#"
    $ eddyline load --source export/currents --warehouse w --defs nowhere
    -- stderr
    error: --defs: cannot read nowhere
    because: No such file or directory (os error 2)
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline verify --warehouse nowhere"), @r#"
    $ eddyline verify --warehouse nowhere
    -- stderr
    error: there is no folder nowhere
    hint: give the address of an existing one, or load something first: `eddyline load --help`
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline generate --out x --types 'nothing.*'"), @r#"
    $ eddyline generate --out x --types 'nothing.*'
    -- stderr
    error: no event type matches --types
    hint: `eddyline tables` lists them
    -- exit code 2
    "#);
    assert_snapshot!(shell.says("eddyline generate --out x --events 5 --days 0"), @r#"
    $ eddyline generate --out x --events 5 --days 0
    -- stderr
    error: cannot generate an export: the number of days is not between 1 and 3,660
    -- exit code 2
    "#);
    assert!(!shell.path("w").exists(), "a mistake made a warehouse");
}

#[test]
fn mistakes_in_the_configuration() {
    let mut shell = Shell::with_export();
    shell.write("eddyline.toml", "source = \"export/currents\"\n\n[limits]\nmemroy = \"1GiB\"\n");
    assert_snapshot!(shell.says("eddyline load --warehouse w"), @r#"
    $ eddyline load --warehouse w
    -- stderr
    error: eddyline.toml:4: unknown field `memroy`, expected one of `memory`, `file_bytes`, `block_bytes`
    hint: `eddyline help load` lists the options; the file's keys have the same names
    -- exit code 2
    "#);
    shell.write("eddyline.toml", "warehouse = 5\n");
    assert_snapshot!(shell.says("eddyline load"), @r#"
    $ eddyline load
    -- stderr
    error: eddyline.toml:1: a value of another type, expected a string
    hint: `eddyline help load` lists the options; the file's keys have the same names
    -- exit code 2
    "#);
    shell.write("eddyline.toml", "source = \"export/currents\nwarehouse = \"w\"\n");
    assert_snapshot!(shell.says("eddyline load"), @r#"
    $ eddyline load
    -- stderr
    error: eddyline.toml:1: invalid basic string, expected `"`
    hint: `eddyline help load` lists the options; the file's keys have the same names
    -- exit code 2
    "#);
    shell.write("eddyline.toml", "every = \"15m\"\ncron = \"0 2 * * *\"\n");
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    -- stderr
    error: `every` and `cron` are both set: keep one of them
    -- exit code 2
    "#);
    shell.write("eddyline.toml", "[store]\naws_secret_access_key = \"${env:NO_SUCH_SECRET}\"\n");
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    -- stderr
    error: eddyline.toml: store.aws_secret_access_key refers to the variable NO_SUCH_SECRET, which is not set
    -- exit code 2
    "#);
    fs::remove_file(shell.path("eddyline.toml")).unwrap();
    assert_snapshot!(shell.says(&format!("{LOAD} --config other.toml")), @r#"
    $ eddyline load --source export/currents --warehouse w --config other.toml
    -- stderr
    error: cannot read other.toml
    because: No such file or directory (os error 2)
    -- exit code 2
    "#);
    shell.variables = vec![("EDDYLINE_WAREHAUS", "w")];
    assert_snapshot!(shell.says("eddyline load --source export/currents"), @r#"
    $ eddyline load --source export/currents
    -- stderr
    error: the environment sets EDDYLINE_WAREHAUS, which is no option
    hint: options are EDDYLINE_CHECK, EDDYLINE_COLUMNS, EDDYLINE_CONFIG, EDDYLINE_CRON, EDDYLINE_DEDUPE_WINDOW, EDDYLINE_DEFS, EDDYLINE_EVERY, EDDYLINE_FULL_SCAN, EDDYLINE_GAP_ALERT, EDDYLINE_JITTER, EDDYLINE_LATENESS, EDDYLINE_LOCK_WAIT, EDDYLINE_LOG, EDDYLINE_MAX_BLOCK_BYTES, EDDYLINE_MAX_FILE_BYTES, EDDYLINE_MEMORY, EDDYLINE_METRICS_FILE, EDDYLINE_PREFETCH, EDDYLINE_PUSH_GATEWAY, EDDYLINE_QUERY_MEMORY, EDDYLINE_REPORT, EDDYLINE_REQUESTS, EDDYLINE_RETRY_FOR, EDDYLINE_SCHEMA_BUDGET, EDDYLINE_SOURCE, EDDYLINE_STRICT, EDDYLINE_TARGET_OBJECT_SIZE, EDDYLINE_THREADS, EDDYLINE_THROUGH, EDDYLINE_TYPES, EDDYLINE_VIEWS, EDDYLINE_WAREHOUSE, EDDYLINE_WEBHOOK, EDDYLINE_WORKERS
    -- exit code 2
    "#);
    shell.variables = vec![("EDDYLINE_STRICT", "yes")];
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    -- stderr
    error: invalid value 'yes' for '--strict [<BOOL>]'
      [possible values: true, false]

    For more information, try '--help'.
    -- exit code 2
    "#);
    assert!(!shell.path("w").exists(), "a mistake made a warehouse");
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let mut shell = Shell::new();
    let missing = |shell: &Shell, line: &str| shell.run(line).ends(2).stderr.lines().next().unwrap().to_string();
    shell.write("eddyline.toml", "source = \"from-file\"\nwarehouse = \"w\"\n");
    assert_eq!(missing(&shell, "eddyline load"), "error: there is no folder from-file");
    shell.variables = vec![("EDDYLINE_SOURCE", "from-variable")];
    assert_eq!(missing(&shell, "eddyline load"), "error: there is no folder from-variable");
    assert_eq!(missing(&shell, "eddyline load --source from-flag"), "error: there is no folder from-flag");
    // Another file than the one in the working folder, by variable and by flag.
    shell
        .write("b.toml", "source = \"from-b\"\nwarehouse = \"w\"\n")
        .write("c.toml", "source = \"from-c\"\nwarehouse = \"w\"\n");
    shell.variables = vec![("EDDYLINE_CONFIG", "b.toml")];
    assert_eq!(missing(&shell, "eddyline load"), "error: there is no folder from-b");
    assert_eq!(missing(&shell, "eddyline load --config c.toml"), "error: there is no folder from-c");
    // A switch can be turned off again.
    let shell = Shell::with_export();
    shell.write("export/currents/event_type=users.a.B/date=2026-03-02-05/cut.avro", "Obj");
    shell.write("eddyline.toml", "strict = true\n");
    shell.run(LOAD).ends(6);
    shell.run(&format!("{LOAD} --strict=false")).ends(0);
}

#[test]
fn exit_codes_tell_a_scheduler_what_to_do() {
    let shell = Shell::with_export();
    shell.run(LOAD).ends(0);
    // 1: something is broken.
    let second = shell.path("w/meta/log/00000000000000000002.json");
    fs::write(&second, "{").unwrap();
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    -- stderr
    error: cannot read the log entry meta/log/00000000000000000002.json
    because: EOF while parsing an object at line 1 column 1
    hint: `eddyline state rebuild` makes a new log from the cells' footers
    -- exit code 1
    "#);
    // The hint is true: what is broken stays, and what follows it counts.
    assert_snapshot!(shell.says("eddyline state rebuild --warehouse w"), @r#"
    $ eddyline state rebuild --warehouse w
    log entry 3: 11 cells, 44 files whose loading their footers prove
    -- exit code 0
    "#);
    assert_snapshot!(shell.says(LOAD), @r#"
    $ eddyline load --source export/currents --warehouse w
    nothing new: 44 objects listed, 44 known
    -- exit code 0
    "#);
    shell.run("eddyline verify --deep --warehouse w").ends(0);
    // 4: the store cannot be reached.
    shell.write(
        "cloud.toml",
        "[store]\naws_endpoint = \"http://127.0.0.1:9\"\naws_allow_http = \"true\"\naws_region = \"eu-west-1\"\n\
         aws_access_key_id = \"id\"\naws_secret_access_key = \"QUITE-SECRET\"\n",
    );
    let run = shell
        .run("eddyline load --config cloud.toml --source s3://bucket/currents --warehouse w --retry-for 1s")
        .ends(4);
    assert!(run.stderr.starts_with("error: cannot list s3://bucket/currents\nbecause: "), "{}", run.stderr);
    assert!(!run.stderr.contains("QUITE-SECRET"), "{}", run.stderr);
    // 5: another writer.
    let lock = fs::File::options().write(true).open(shell.path("w/meta/lock")).unwrap();
    lock.lock().unwrap();
    assert_snapshot!(shell.says(&format!("{LOAD} --lock-wait 0s")), @r#"
    $ eddyline load --source export/currents --warehouse w --lock-wait 0s
    -- stderr
    error: another eddyline is writing to w
    hint: wait for it to finish; nothing was changed by this one
    -- exit code 5
    "#);
    drop(lock);
    // 7: a check failed.
    shell.write(
        "export/currents/event_type=users.moon.Landing/date=2026-03-02-06/x.json",
        "{\"id\":\"m\",\"craft\":\"E\"}",
    );
    assert_snapshot!(shell.says(&format!("{LOAD} --columns freeze")), @r#"
    $ eddyline load --source export/currents --warehouse w --columns freeze
    nothing loaded: 45 objects listed, 44 known
    -- stderr
    error: users_moon_landing was not loaded: columns = "freeze" and no definition knows this event type
    hint: describe them in a definitions folder (--defs), or load with --columns evolve
    -- exit code 7
    "#);
    let cell = entries(&entries(&entries(&shell.path("w/tables"))[0])[0])[0].clone();
    fs::remove_file(cell).unwrap();
    assert_snapshot!(shell.says("eddyline verify --warehouse w"), @r#"
    $ eddyline verify --warehouse w
    problem: tables/users_messages_email_abort/queue_date=2026-03-02/part-00.parquet is in the log and not in the store: 2 rows are missing
    10 cells checked, 58 rows, 1 problem
    -- stderr
    error: 1 problem in w
    hint: `eddyline load --rebuild` reads the source again and writes the cells anew
    -- exit code 7
    "#);
    fs::remove_dir_all(shell.path("w/meta")).unwrap();
    assert_snapshot!(shell.says("eddyline verify --warehouse w"), @r#"
    $ eddyline verify --warehouse w
    -- stderr
    error: w has no meta/dataset.json
    hint: its meta/ is lost but its cells are there: `eddyline state rebuild` or the next load restores it
    -- exit code 7
    "#);
}

#[test]
fn the_json_report_is_one_object() {
    let shell = Shell::with_export();
    let report = shell.run(&format!("{LOAD} --report json")).ends(0);
    assert_eq!(report.stderr, "");
    let report = report.json();
    assert_eq!((&report["seq"], &report["counters"]["new"]), (&Value::from(1), &Value::from(60)));
    let tables = report["tables"].as_object().unwrap();
    assert_eq!(tables.values().map(|t| t["new"].as_u64().unwrap()).sum::<u64>(), 60);
    let again = shell.run(&format!("{LOAD} --report json")).ends(0).json();
    assert_eq!((&again["seq"], &again["counters"]["files"]), (&Value::Null, &Value::from(0)));
    assert_eq!(again["known"], report["counters"]["files"]);
    for line in ["eddyline status --warehouse w --json", "eddyline verify --warehouse w --json"] {
        let found = shell.run(line).ends(0).json();
        assert_eq!(found["rows"], 60, "{line}");
    }
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").arg(name).arg(child.id().to_string()).status().unwrap().success());
}

fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let began = Instant::now();
    while !there() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_scheduler_ends_when_asked() {
    for (name, code) in [("-TERM", 143), ("-INT", 130)] {
        let shell = Shell::with_export();
        let child = start(shell.command(&format!("{LOAD} --every 1h")));
        wait_for("the first pass", || !entries(&shell.path("w/meta/log")).is_empty());
        // The pass is committed; between passes there is nothing in hand.
        std::thread::sleep(Duration::from_millis(300));
        signal(&child, name);
        let began = Instant::now();
        let run = end_of(child).ends(code);
        assert!(began.elapsed() < Duration::from_secs(5), "it took {:?} to stop", began.elapsed());
        assert!(run.stdout.starts_with("loaded "), "{run:?}");
        assert!(run.stderr.contains("next pass at "), "{run:?}");
        assert!(run.stderr.contains("error: stopped; the warehouse is consistent"), "{run:?}");
        shell.run("eddyline verify --deep --warehouse w").ends(0);
    }
}

#[test]
fn a_scheduler_goes_on_after_a_pass_that_failed() {
    let shell = Shell::with_export();
    shell.run(LOAD).ends(0);
    let broken = shell.path("w/meta/log/00000000000000000002.json");
    fs::write(&broken, "{").unwrap();
    let child = start(shell.command(&format!("{LOAD} --every 1s --full")));
    let noted = || shell.run("eddyline status --warehouse w --json").stdout;
    let latest = shell.path("w/meta/reports/latest.json");
    wait_for("the failure to be noted", || {
        let report = fs::read(&latest).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
        report.is_some_and(|report| report["exit_code"] == 1)
    });
    fs::remove_file(&broken).unwrap();
    let kept: Value = serde_json::from_str(&noted()).unwrap();
    assert!(kept["last_error"].is_null() || kept["last_error"].as_str().unwrap().contains("00000000000000000002.json"));
    shell.write("export/currents/event_type=users.moon.Landing/date=2026-03-02-06/x.json", "{\"id\":\"m\"}");
    wait_for("the next pass", || entries(&shell.path("w/meta/log")).len() == 2);
    wait_for("the error to be forgotten", || {
        serde_json::from_str::<Value>(&noted()).is_ok_and(|status| status["last_error"].is_null())
    });
    signal(&child, "-TERM");
    let run = end_of(child).ends(143);
    assert!(run.stderr.starts_with("error: cannot read the log entry"), "{run:?}");
}

#[test]
fn a_pass_that_is_interrupted_keeps_what_it_finished() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let dir = tempfile::tempdir().unwrap();
        eddyline(
            dir.path(),
            &["generate", "--out", ".", "--events", "30000", "--days", "6", "--types", "users.messages.*"],
        )
        .ends(0);
        let load = ["load", "--source", "currents", "--warehouse", "w", "--workers", "1"];
        let child = start(fixtures::command(dir.path(), &load));
        wait_for("the first cell", || !entries(&dir.path().join("w/tables")).is_empty());
        signal(&child, name);
        let run = end_of(child).ends(code);
        assert!(run.stderr.contains("error: stopped "), "{run:?}");
        eddyline(dir.path(), &["verify", "--deep", "--warehouse", "w"]).ends(0);
        let done = log(&dir.path().join("w")).iter().map(|e| e["files"].as_array().unwrap().len()).sum::<usize>();
        eddyline(dir.path(), &load).ends(0);
        eddyline(dir.path(), &["verify", "--deep", "--warehouse", "w"]).ends(0);
        let truth: Value = serde_json::from_slice(&fs::read(dir.path().join("truth.json")).unwrap()).unwrap();
        assert!((done as u64) < truth["files"].as_u64().unwrap(), "the pass was over before the signal came");
        let stored = ids(&dir.path().join("w"));
        for (table, truth) in truth["tables"].as_object().unwrap() {
            let mut unique = stored.get(table).cloned().unwrap_or_default();
            assert_eq!(Some(unique.len() as u64), truth["distinct_ids"].as_u64(), "{table}");
            unique.dedup();
            assert_eq!(Some(unique.len() as u64), truth["distinct_ids"].as_u64(), "{table}");
        }
    }
}

#[test]
fn whoever_waits_for_another_writer_can_be_stopped() {
    let shell = Shell::with_export();
    shell.run(LOAD).ends(0);
    let lock = fs::File::options().write(true).open(shell.path("w/meta/lock")).unwrap();
    lock.lock().unwrap();
    let child = start(shell.command(&format!("{LOAD} --lock-wait 5m")));
    std::thread::sleep(Duration::from_millis(1500));
    signal(&child, "-TERM");
    let began = Instant::now();
    let run = end_of(child).ends(143);
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?} to stop", began.elapsed());
    assert!(run.stderr.contains("while waiting for another writer"), "{run:?}");
}

/// P8: no value of a `pii` column in any message, log or report, however wrong the record.
#[test]
fn values_of_people_are_never_printed_or_logged() {
    const MARK: &str = "MARKED-b7e1";
    let shell = Shell::with_export();
    let folder = format!("export/currents/{}", hour_folder("users.messages.email.Open", "2026-03-02-05"));
    let lines = [
        // Taken, with values that fit.
        r#"{"id":"p-1","email_address":"MARKED-b7e1@x","user_id":"MARKED-b7e1","external_user_id":"MARKED-b7e1","time":1772409600}"#,
        // Taken, with values that do not fit their columns, and fields nobody knows.
        r#"{"id":"p-2","email_address":{"a":"MARKED-b7e1"},"user_id":["MARKED-b7e1"],"time":"MARKED-b7e1","ip_address":"MARKED-b7e1"}"#,
        r#"{"id":"p-3","time":99999999999999999999,"new_field":{"deep":["MARKED-b7e1"]},"other":"MARKED-b7e1"}"#,
        r#"{"id":"p-4","email_address":{"string":"MARKED-b7e1"},"machine_open":{"MARKED":"MARKED-b7e1"}}"#,
        // Rejected, each for another reason.
        r#"{"email_address":"MARKED-b7e1"}"#,
        r#"{"id":"","email_address":"MARKED-b7e1"}"#,
        r#"{"id":7,"email_address":"MARKED-b7e1"}"#,
        r#"{"id":{"a":"MARKED-b7e1"},"email_address":"MARKED-b7e1"}"#,
        r#"{"id":"p-5","email_address":"MARKED-b7e1","email_address":"MARKED-b7e1-2"}"#,
        r#"{"id":"p-6","email_address":"MARKED-b7e1" "MARKED-b7e1"}"#,
        r#"{"id":"p-7","email_address":"MARKED-b7e1"#,
        r#"["MARKED-b7e1"]"#,
        r#""MARKED-b7e1""#,
        r#"MARKED-b7e1"#,
        r#"{"id":"p-8","event_type":"MARKED-b7e1 is no type","email_address":"MARKED-b7e1"}"#,
        r#"{"id":"p-9","event_type":["MARKED-b7e1"],"email_address":"MARKED-b7e1"}"#,
        r#"{"id":"p-10","email_address":"\ud800 MARKED-b7e1"}"#,
    ];
    shell.write(&format!("{folder}/people.json"), &lines.join("\n"));
    shell.write(&format!("{folder}/only.json"), &format!("{{\"id\":\"q\" \"{MARK}\"}}"));
    shell.write(&format!("{folder}/page.json"), &format!("<p>{MARK}</p>"));
    shell.write("export/currents/date=2026-03-02-05/stray.json", &format!("{{\"email_address\":\"{MARK}\"}}"));
    // Avro: a row without an id, and files that break in the middle of a marked value.
    let people = |id: &'static str, mark: Vec<u8>| {
        V::Record(vec![V::Text(id), some(V::Text(MARK)), V::Long(0), some(V::Raw(mark))])
    };
    let text = |bytes: &[u8]| fixtures::encoder::bytes(bytes);
    let schema = fixtures::open_schema();
    let whole = file(&schema, "null", &[vec![people("", text(MARK.as_bytes())), people("r-1", text(MARK.as_bytes()))]]);
    let latin = file(&schema, "null", &[vec![people("r-2", text(&[MARK.as_bytes(), b"\xff"].concat()))]]);
    write(&shell.path(&folder).join("no-id.avro"), &whole);
    write(&shell.path(&folder).join("cut.avro"), &whole[..whole.len() - 30]);
    write(&shell.path(&folder).join("latin.avro"), &latin);

    let mut said = String::new();
    for (line, code) in [
        ("eddyline plan --source export/currents --warehouse w", 0),
        ("eddyline load --source export/currents --warehouse w --columns freeze", 7),
        (LOAD, 0),
        ("eddyline load --source export/currents --warehouse w --rebuild --report json", 0),
        ("eddyline load --source export/currents --warehouse w --retry-quarantined --strict", 6),
        ("eddyline load --source export/currents --warehouse w2 --columns rescue --report json", 0),
        ("eddyline status --warehouse w", 0),
        ("eddyline status --warehouse w --json", 0),
        ("eddyline verify --deep --warehouse w", 0),
        ("eddyline verify --deep --warehouse w --json", 0),
        ("eddyline state rebuild --warehouse w", 0),
        ("eddyline plan --source export/currents --warehouse w", 0),
    ] {
        let run = shell.run(line).ends(code);
        said += &format!("$ {line}\n{}{}", run.stdout, run.stderr);
    }
    assert!(!said.contains(MARK), "{said}");
    let mut logs = 0;
    for warehouse in ["w", "w2"] {
        for path in json_files(&shell.path(warehouse).join("meta")) {
            if !path.starts_with(shell.path(warehouse).join("meta/rejects")) {
                let text = fs::read_to_string(&path).unwrap();
                assert!(!text.contains(MARK), "{}: {text}", path.display());
                logs += 1;
            }
        }
        // It is kept where it belongs, and its reasons do not repeat it.
        let kept = rejects(&shell.path(warehouse));
        assert!(kept.len() >= 9 && kept.iter().any(|r| r.3.contains(MARK)), "{kept:#?}");
        assert!(kept.iter().all(|r| !r.2.contains(MARK)), "{kept:#?}");
    }
    assert!(logs >= 6, "{logs} log files were read");
}

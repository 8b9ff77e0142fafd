//! The shell in a real pseudo-terminal: keys in, what stands on the screen out.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

/// A query of a debug build on a busy machine may take this long.
const PATIENCE: Duration = Duration::from_secs(120);
const PROMPT: &str = "eddyline>";
const WIDTH: u16 = 90;
const HEIGHT: u16 = 30;
/// What the test sees is taller than what the shell is told: nothing scrolls away.
const SEEN: u16 = 1200;

/// A small warehouse, made once.
static WAREHOUSE: LazyLock<(tempfile::TempDir, PathBuf)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let (source, warehouse) = (folder.path().join("currents"), folder.path().join("warehouse"));
    let run = |args: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_eddyline")).args(args).current_dir(&folder).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run(&["generate", "--out", ".", "--events", "3000", "--days", "3", "--types", "users.messages.email.*"]);
    run(&["load", "--source", source.to_str().unwrap(), "--warehouse", warehouse.to_str().unwrap()]);
    (folder, warehouse)
});

/// The keyboard and screen of a shell.
struct Terminal {
    keys: Box<dyn Write + Send>,
    output: mpsc::Receiver<Vec<u8>>,
    screen: vt100::Parser,
    child: Box<dyn Child + Send + Sync>,
    home: tempfile::TempDir,
    _pty: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// A shell on the warehouse with a home of its own; `set` are more environment variables.
    fn open(set: &[(&str, &str)]) -> Terminal {
        Terminal::at(tempfile::tempdir().unwrap(), set)
    }

    fn at(home: tempfile::TempDir, set: &[(&str, &str)]) -> Terminal {
        let size = PtySize { rows: HEIGHT, cols: WIDTH, ..PtySize::default() };
        let pty = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_eddyline"));
        command.args(["sql", "--warehouse", WAREHOUSE.1.to_str().unwrap()]);
        command.cwd(home.path());
        command.env("HOME", home.path());
        command.env("TERM", "xterm-256color");
        for name in ["EDDYLINE_CONFIG", "VISUAL", "EDITOR", "PAGER"] {
            command.env_remove(name);
        }
        for (name, value) in set {
            command.env(name, value);
        }
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (send, output) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..read].to_vec()).is_err() {
                    return;
                }
            }
        });
        let keys = pty.master.take_writer().unwrap();
        let screen = blank();
        let mut terminal = Terminal { keys, output, screen, child, home, _pty: pty.master };
        let shown = terminal.until("the first prompt", at_prompt);
        assert!(shown.contains("\\? for help."), "{shown}");
        terminal
    }

    /// Waits until what stands on the screen is as wished, and returns it.
    fn until(&mut self, what: &str, wished: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = self.screen.screen().contents();
            if wished(&shown) {
                return shown;
            }
            match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.screen.process(&bytes),
                Err(e) => panic!("waiting for {what}: {e}\n{shown}"),
            }
        }
    }

    fn until_text(&mut self, text: &str) -> String {
        self.until(text, |shown| shown.contains(text))
    }

    /// Presses keys on a screen wiped clean.
    fn press(&mut self, keys: &str) {
        self.screen = blank();
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Types lines and returns what stands on the screen when the prompt is back.
    fn line(&mut self, typed: &str) -> String {
        self.press(&format!("{typed}\r"));
        self.until(typed, |shown| at_prompt(shown) && shown.trim().len() > PROMPT.len())
    }

    fn leave(mut self) -> tempfile::TempDir {
        self.press("\u{4}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.child.try_wait().unwrap() {
                Some(status) => assert!(status.success(), "{status:?}"),
                None if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                    continue;
                }
                None => panic!("the shell does not end"),
            }
            return self.home;
        }
    }
}

fn blank() -> vt100::Parser {
    let side = |cells| NonZero::new(cells).unwrap();
    vt100::Parser::new(side(SEEN), side(WIDTH), 0)
}

/// Whether the last line is a prompt with nothing behind it.
fn at_prompt(shown: &str) -> bool {
    shown.trim_end().lines().last().is_some_and(|line| line.trim_end() == PROMPT)
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn queries_show_tables_freshness_and_the_last_result() {
    let mut shell = Terminal::open(&[]);
    let shown = shell.line("select count(*) as n from users_messages_email_send;");
    assert!(shown.contains("1 row") && shown.contains("events up to 20"), "{shown}");
    let shown = shell.line("select n > 0 as any from _;");
    assert!(shown.contains("true") && !shown.contains("events up to"), "{shown}");
    // A statement over several lines runs at its `;`.
    let shown = shell.line("select 40 +\r2 as answer;");
    assert!(shown.contains("42"), "{shown}");
    let shown = shell.line("select * from generate_series(1, 250);");
    assert!(shown.contains("250 rows (100 shown)"), "{shown}");
    let shown = shell.line("\\plot select 'email' as channel, 7 as sends;");
    assert!(shown.contains("sends by channel") && shown.contains('█'), "{shown}");
    let shown = shell.line("select * from evnts;");
    assert!(shown.contains("did you mean `events`?"), "{shown}");
    shell.leave();
}

#[test]
fn names_complete_with_tab() {
    let mut shell = Terminal::open(&[]);
    let shown = shell.line("select count(*) >= 0 as yes from users_messages_email_unsub\t;");
    assert!(shown.contains("users_messages_email_unsubscribe;") && shown.contains("true"), "{shown}");
    let shown = shell.line("\\timi\t");
    assert!(shown.contains("times are shown"), "{shown}");
    let shown = shell.line("select 1;");
    assert!(shown.lines().any(|line| line.trim_end().ends_with(" s") && line.starts_with("0.")), "{shown}");
    // Columns of the tables that are named, functions, commands' arguments.
    let shown = shell.line("select max(dispatch_i\t) is null as none from users_messages_email_send;");
    assert!(shown.contains("max(dispatch_id)") && shown.contains("false"), "{shown}");
    shell.leave();
}

/// Far longer than any test waits.
const ENDLESS: &str = "select count(*) from events a, events b, events c, events d where a.id < b.id;";

#[test]
fn control_c_stops_the_query_and_not_the_shell() {
    let mut shell = Terminal::open(&[]);
    // Far longer than any test waits.
    shell.press(&format!("{ENDLESS}\r"));
    // The bar shows how much was read, and is gone afterwards.
    let shown = shell.until_text(" read, ");
    assert!(shown.contains(" cells, "), "{shown}");
    shell.press("\u{3}");
    let shown = shell.until("the prompt after Ctrl-C", at_prompt);
    assert!(shown.contains("stopped") && !shown.contains(" cells, "), "{shown}");
    let shown = shell.line("select 41 + 1 as n;");
    assert!(shown.contains("42"), "{shown}");
    // At the prompt it only drops the line.
    shell.press("select nonsense");
    shell.until_text("select nonsense");
    shell.press("\u{3}");
    shell.until("the prompt after Ctrl-C", at_prompt);
    let shown = shell.line("select 6 * 7 as n;");
    assert!(shown.contains("42"), "{shown}");
    shell.leave();
}

#[test]
fn files_editor_pager_and_output() {
    let tools = tempfile::tempdir().unwrap();
    let editor = write(tools.path(), "editor", "#!/bin/sh\nsed -i 's/40/41/' \"$1\"\n");
    let pager = write(tools.path(), "pager", "#!/bin/sh\necho BEGIN PAGER\ntail -n 2\necho END PAGER\n");
    let (editor, pager) = (format!("sh {editor}"), format!("sh {pager}"));
    let mut shell = Terminal::open(&[("EDITOR", &editor), ("PAGER", &pager)]);
    let script = write(shell.home.path(), "two.sql", "\\x\nselect 7 as seven;\n");
    let shown = shell.line(&format!("\\i {script}"));
    assert!(shown.contains("row 1") && shown.contains("seven  7"), "{shown}");
    shell.line("\\x");
    shell.line("select 40 + 1 as n;");
    let shown = shell.line("\\e");
    assert!(shown.contains("select 41 + 1 as n;") && shown.contains("42"), "{shown}");
    let shown = shell.line("\\pager on");
    assert!(shown.contains("pager"), "{shown}");
    let shown = shell.line("select * from generate_series(1, 500);");
    assert!(shown.contains("BEGIN PAGER") && shown.contains("500 rows") && shown.contains("END PAGER"), "{shown}");
    // What fits the screen needs none.
    let shown = shell.line("select 5 as five;");
    assert!(!shown.contains("PAGER") && shown.contains("five"), "{shown}");
    let shown = shell.line("\\o out.csv");
    assert!(!shown.contains("error"), "{shown}");
    let shown = shell.line("select 1 as a, 'x' as b;");
    assert!(shown.contains("1 row written to out.csv"), "{shown}");
    shell.line("\\o");
    assert_eq!(std::fs::read_to_string(shell.home.path().join("out.csv")).unwrap(), "a,b\n1,x\n");
    let shown = shell.line("copy (select 2 as a) to 'copied.json';");
    assert!(!shown.contains("error"), "{shown}");
    assert_eq!(std::fs::read_to_string(shell.home.path().join("copied.json")).unwrap().trim(), "{\"a\":2}");
    let shown = shell.line("\\history 3");
    assert!(shown.contains("copy (select 2 as a)") && shown.contains("\\history 3"), "{shown}");
    shell.leave();
}

#[test]
fn history_outlives_the_shell() {
    let mut shell = Terminal::open(&[]);
    shell.line("select 'remembered' as word;");
    let home = shell.leave();
    let mut shell = Terminal::at(home, &[]);
    let shown = shell.line("\\history");
    assert!(shown.contains("select 'remembered' as word;"), "{shown}");
    // The arrow up brings it back.
    let shown = shell.line("\u{1b}[A\u{1b}[A");
    assert!(shown.contains("remembered"), "{shown}");
    shell.leave();
}

#[test]
fn a_table_fits_the_terminal_and_tables_tell_of_themselves() {
    let mut shell = Terminal::open(&[]);
    let shown = shell.line("select * from users_messages_email_send limit 3;");
    assert!(shown.contains("columns shown") && shown.contains("3 rows"), "{shown}");
    for line in shown.lines().filter(|l| l.contains('│') || l.contains('─')) {
        assert!(line.trim_end().chars().count() <= usize::from(WIDTH), "{line}");
    }
    let shown = shell.line("\\d users_messages_email_send");
    for part in ["rows in", "newest event", "dispatch_id", "meaning"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let shown = shell.line("\\views");
    assert!(shown.contains("dispatch_lifecycle") && shown.contains("campaign_daily"), "{shown}");
    let shown = shell.line("\\d campaign_daily");
    for part in ["campaign_daily: a view", "Grain: one row per campaign", "tables; ", "newest event", "conversion_rate"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    shell.leave();
}

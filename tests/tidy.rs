//! Reads the sources and fails, with file, line and reason, where they leave the design: who may name whom, who may
//! read the clock or print, how long a file may be. The rules are `RULES` and the functions below; the last tests
//! here show each of them a bad snippet.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file before its tests.
const LONGEST: usize = 400;

/// Files that may be longer, each with the reason.
const MAY_BE_LONG: [(&str, &str); 0] = [];

/// Names that only some files may use, outside tests too: the word, the paths that may, the reason.
const RULES: [Rule; 11] = [
    Rule { word: "datafusion", may: &["src/query"], why: "SQL is the business of src/query alone" },
    Rule {
        word: "object_store",
        may: &["src/warehouse", "src/load/bucket", "src/query"],
        why: "stores are reached through warehouse::Store and load::Bucket",
    },
    Rule { word: "datafusion_postgres", may: &["src/query/postgres", "src/serve"], why: POSTGRES },
    Rule { word: "pgwire", may: &["src/serve"], why: POSTGRES },
    Rule { word: "reqwest", may: &["src/tell"], why: "only telling calls anyone but the stores" },
    Rule { word: "prometheus", may: &["src/tell"], why: "metrics are made in src/tell alone" },
    Rule { word: "Utc::now", may: CLOCK, why: TIME },
    Rule { word: "SystemTime::now", may: CLOCK, why: TIME },
    Rule { word: "Instant::now", may: STOPWATCH, why: TIME },
    Rule { word: "std::env", may: &["src/config.rs"], why: "only config reads the environment" },
    Rule { word: "unsafe", may: &[], why: "there is no unsafe code" },
];
const POSTGRES: &str = "PostgreSQL's clients are served by src/serve; what they expect of SQL is in src/query/postgres";
const CLOCK: &[&str] = &["src/cli", "src/load/schedule.rs"];
/// The shell is a door too: `\timing` measures what the person waited.
/// A server measures how old its look at the log is.
/// A folder measures whether its files are there at once: that says which thread reads them, and nothing of what they bring.
const STOPWATCH: &[&str] =
    &["src/cli", "src/load/bucket/folder.rs", "src/load/schedule.rs", "src/shell", "src/serve/server.rs"];
const TIME: &str = "rooms are given the time, so that a pass can be replayed";

/// What a program may not do outside its tests: the text, the paths that may, the reason.
const OUTSIDE_TESTS: [Rule; 11] = [
    Rule { word: "println!", may: PRINT, why: LOUD },
    Rule { word: "eprintln!", may: PRINT, why: LOUD },
    Rule { word: "print!", may: PRINT, why: LOUD },
    Rule { word: "eprint!", may: PRINT, why: LOUD },
    Rule { word: "dbg!", may: &[], why: LOUD },
    Rule { word: ".unwrap()", may: &[], why: PANIC },
    Rule { word: ".expect(", may: &[], why: PANIC },
    Rule { word: "panic!", may: &[], why: PANIC },
    Rule { word: "todo!", may: &[], why: PANIC },
    Rule { word: "unimplemented!", may: &[], why: PANIC },
    Rule { word: "unreachable!", may: &[], why: PANIC },
];
const PRINT: &[&str] = &["src/cli", "src/query/print", "src/shell"];
const LOUD: &str = "rooms return values; cli, shell and query/print print";
const PANIC: &str = "what input can reach must end in an error that says what was being done";

struct Rule {
    word: &'static str,
    /// Beginnings of paths.
    may: &'static [&'static str],
    why: &'static str,
}

/// Each room and the rooms it may name. A room that is not here is not part of the design yet.
const ROOMS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("currents", &["error"]),
    ("table", &["currents", "error"]),
    ("warehouse", &["table", "currents", "error"]),
    ("load", &["warehouse", "table", "currents", "error"]),
    ("tell", &["load", "warehouse", "table", "currents", "error"]),
    ("query", &["warehouse", "table", "currents", "error"]),
    ("shell", &["query", "warehouse", "table", "error"]),
    ("connect", &["query", "warehouse", "table", "currents", "error"]),
    ("serve", &["query", "error"]),
    ("doctor", &["load", "warehouse", "currents", "error"]),
    ("generate", &["table", "currents", "error"]),
    ("config", &["error"]),
    (
        "cli",
        &[
            "config",
            "connect",
            "doctor",
            "generate",
            "query",
            "serve",
            "shell",
            "tell",
            "load",
            "warehouse",
            "table",
            "currents",
            "error",
        ],
    ),
    ("main", &["cli"]),
];

const VAGUE: [&str; 8] = ["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];

#[test]
fn the_sources_keep_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = Vec::new();
    let mut files = 0;
    for folder in ["src", "tests", "benches"] {
        for path in sources(&root.join(folder)) {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_string();
            findings.extend(check(&name, &fs::read_to_string(&path).unwrap()));
            files += 1;
        }
    }
    assert!(files > 50, "only {files} sources were found under {}", root.display());
    findings.extend(check_manifest(&fs::read_to_string(root.join("Cargo.toml")).unwrap()));
    let mut text = String::new();
    for finding in &findings {
        let _ = writeln!(text, "  {finding}");
    }
    assert!(findings.is_empty(), "{} places break the rules of the house:\n{text}", findings.len());
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Everything wrong with one source file, as `file:line: reason`.
fn check(name: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut say = |line: usize, what: String| findings.push(format!("{name}:{line}: {what}"));
    if !text.starts_with("//!") {
        say(1, "opens without `//!`: say what this room is for".to_string());
    }
    if let Some(word) = VAGUE.iter().find(|v| Path::new(name).file_stem().is_some_and(|s| s == **v)) {
        say(1, format!("a file named {word} says nothing: name it after what it does"));
    }
    let code = code_of(text);
    let lines: Vec<&str> = code.lines().collect();
    // Whole files of tests: integration tests, and `tests/` or `tests.rs` within a room.
    let all_tests = !name.starts_with("src/") || name.contains("/tests/") || name.ends_with("/tests.rs");
    let tests = if all_tests { vec![true; lines.len()] } else { test_lines(&lines) };
    let own = tests.iter().filter(|test| !**test).count();
    if own > LONGEST && MAY_BE_LONG.iter().all(|(file, _)| *file != name) {
        say(LONGEST + 1, format!("has {own} lines without its tests: split it, {LONGEST} is the most"));
    }
    for (at, line) in lines.iter().enumerate() {
        for vague in VAGUE.iter().filter(|v| declares_module(line, v)) {
            say(at + 1, format!("a module named {vague} says nothing: name it after what it does"));
        }
        if name.starts_with("src/") {
            for room in named_rooms(line) {
                if let Some(why) = may_not_name(name, room) {
                    say(at + 1, why);
                }
            }
        }
        let in_tests = tests[at];
        let rules = RULES.iter().filter(|rule| name.starts_with("src/") && !(in_tests && rule.word != "unsafe"));
        for rule in rules.chain(OUTSIDE_TESTS.iter().filter(|_| !in_tests)) {
            if has_word(line, rule.word) && !rule.may.iter().any(|start| name.starts_with(start)) {
                say(at + 1, format!("names {}: {}", rule.word, rule.why));
            }
        }
        if !name.starts_with("src/") && has_word(line, "unsafe") {
            say(at + 1, "names unsafe: there is no unsafe code".to_string());
        }
    }
    findings
}

/// For each line, whether it belongs to an item under `#[cfg(test)]`: a module, a function, a single line.
fn test_lines(lines: &[&str]) -> Vec<bool> {
    let mut tests = vec![false; lines.len()];
    let mut at = 0;
    while at < lines.len() {
        if lines[at].trim() == "#[cfg(test)]" {
            let (mut depth, mut opened) = (0, false);
            while at < lines.len() {
                tests[at] = true;
                let opens = lines[at].matches('{').count();
                depth = (depth + opens).saturating_sub(lines[at].matches('}').count());
                opened |= opens > 0;
                if depth == 0 && (opened || lines[at].trim_end().ends_with(';')) {
                    break;
                }
                at += 1;
            }
        }
        at += 1;
    }
    tests
}

fn declares_module(line: &str, module: &str) -> bool {
    let line =
        line.trim().trim_start_matches("pub ").trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ");
    line.strip_prefix("mod ").is_some_and(|rest| rest.trim_end_matches([';', '{', ' ']) == module)
}

/// Rooms a line names as `crate::room` or `eddyline::room`.
fn named_rooms(line: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for root in ["crate::", "eddyline::"] {
        for (at, _) in line.match_indices(root) {
            let before = line[..at].chars().next_back();
            let rest = &line[at + root.len()..];
            let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            if end > 0 && before.is_none_or(|c| !is_word(c)) {
                rooms.push(&rest[..end]);
            }
        }
    }
    rooms
}

fn may_not_name(name: &str, named: &str) -> Option<String> {
    let own = name.strip_prefix("src/")?.split(['/', '.']).next()?;
    if own == named || own == "lib" {
        return None;
    }
    match ROOMS.iter().find(|(room, _)| *room == own) {
        None => Some(format!("{own} is no room of the house: give it a rank in tests/tidy.rs")),
        Some((_, below)) if below.contains(&named) => None,
        Some((_, below)) if ROOMS.iter().any(|(room, _)| *room == named) => Some(format!(
            "{own} names {named}: it may name only {}",
            if below.is_empty() { "nothing".into() } else { below.join(", ") }
        )),
        // `crate::SomeMacro`, a test module: no room.
        Some(_) => None,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the word stands there by itself, not as a part of another.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let starts = !word.starts_with(is_word) || before.is_none_or(|c| !is_word(c));
        let ends = !word.ends_with(is_word) || after.is_none_or(|c| !is_word(c));
        starts && ends
    })
}

/// The text with comments and the insides of strings blanked out, line by line as it was.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let length = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['r', '"' | '#', ..] if at == 0 || !is_word(chars[at - 1]) || chars[at - 1] == 'b' => raw_string(rest),
            ['"', ..] => quoted(rest),
            ['\'', '\\', ..] => rest.iter().skip(3).position(|c| *c == '\'').map_or(1, |n| n + 4),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if length == 0 {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(rest[..length].iter().map(|c| blank(*c)));
            at += length;
        }
    }
    out
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] if depth == 1 => return at + 2,
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at
}

/// The length of `r#"…"#`, or 0 when it is something else, such as `r#type`.
fn raw_string(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let inside = &rest[2 + hashes..];
    inside.windows(end.len()).position(|w| w == end).map_or(rest.len(), |n| 2 + hashes + n + end.len())
}

fn quoted(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Dependencies in alphabetical order, each with a comment that says what for.
fn check_manifest(text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let (mut listed, mut before) = (false, String::new());
    for (at, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            listed = line.trim().ends_with("dependencies]");
            before.clear();
            continue;
        }
        let Some((name, _)) = line.split_once('=').filter(|_| listed && !line.starts_with('#')) else { continue };
        let name = name.trim().to_string();
        if name < before {
            findings.push(format!("Cargo.toml:{}: {name} comes after {before}: keep the alphabet", at + 1));
        }
        if !line.contains(" # ") {
            findings.push(format!("Cargo.toml:{}: {name} has no comment: say what it is for", at + 1));
        }
        before = name;
    }
    findings
}

/// What `check` says about a snippet, without the doc line it is given.
fn said(name: &str, code: &str) -> String {
    check(name, &format!("//! Room.\n{code}")).join("\n")
}

#[test]
fn a_file_without_a_door_plate_is_found() {
    assert_eq!(
        check("src/load/x.rs", "fn f() {}\n"),
        ["src/load/x.rs:1: opens without `//!`: say what this room is for"]
    );
    assert!(check("src/load/x.rs", "//! X.\nfn f() {}\n").is_empty());
}

#[test]
fn long_files_are_found_and_their_tests_do_not_count() {
    let long = "fn f() {}\n".repeat(LONGEST);
    assert!(said("src/load/x.rs", &long).starts_with("src/load/x.rs:401: has 401 lines"));
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(9), long.repeat(2));
    assert_eq!(said("src/load/x.rs", &tested), "");
    // A module of tests in its own file ends nothing.
    let declared = format!("#[cfg(test)]\nmod tests;\n{long}");
    assert!(said("src/load/x.rs", &declared).contains("lines without its tests"));
    // Nor does a function for tests: what follows it counts, and is looked at.
    let function = "#[cfg(test)]\nfn f() {\nx.unwrap();\n}\nfn g() { y.unwrap() }";
    let found = said("src/load/x.rs", function);
    assert!(found.starts_with("src/load/x.rs:6: names .unwrap()") && found.lines().count() == 1, "{found}");
}

#[test]
fn vague_names_are_found() {
    assert!(said("src/load/x.rs", "pub mod util;").contains("x.rs:2: a module named util"));
    assert!(said("src/load/x.rs", "mod helpers {").contains("a module named helpers"));
    assert!(said("src/load/common.rs", "").contains("a file named common"));
    assert_eq!(said("src/load/x.rs", "mod utility_bill;"), "");
}

#[test]
fn ranks_are_kept() {
    assert!(said("src/load/x.rs", "use crate::query::Session;").contains("load names query"));
    assert!(said("src/query/x.rs", "use crate::load::Loader;").contains("query names load"));
    assert!(said("src/generate/x.rs", "use crate::load::number;").contains("generate names load"));
    assert!(said("src/warehouse/x.rs", "fn f() { crate::load::plan() }").contains("warehouse names load"));
    assert!(said("src/load/x.rs", "use crate::config;").contains("load names config"));
    assert!(said("src/config.rs", "use crate::cli::Cli;").contains("config names cli"));
    assert!(said("src/error.rs", "use crate::table::Column;").contains("may name only nothing"));
    assert!(said("src/new/x.rs", "use crate::error::Error;").contains("new is no room of the house"));
    assert!(said("src/table/tests/x.rs", "use eddyline::load::Loader;").contains("table names load"));
    assert_eq!(said("src/cli/x.rs", "use crate::load::Loader; use crate::config;"), "");
    assert_eq!(said("src/load/x.rs", "use crate::warehouse::Store; use crate::load::plan;"), "");
}

#[test]
fn names_stay_in_their_rooms() {
    assert!(said("src/load/dedupe.rs", "use object_store::ObjectStore;").contains("dedupe.rs:2: names object_store"));
    assert_eq!(said("src/load/bucket/x.rs", "use object_store::ObjectStore;"), "");
    assert!(said("src/warehouse/x.rs", "use datafusion::prelude::*;").contains("names datafusion"));
    assert!(said("src/load/loader.rs", "let now = Utc::now();").contains("names Utc::now"));
    assert!(said("src/load/loader.rs", "let t = std::time::Instant::now();").contains("names Instant::now"));
    assert!(said("src/load/loader.rs", "std::env::var(\"X\")").contains("names std::env"));
    assert_eq!(said("src/cli/load.rs", "loader.pass(&Utc::now); env!(\"CARGO_PKG_VERSION\");"), "");
}

#[test]
fn printing_and_panics_are_found_outside_tests() {
    for code in ["println!(\"x\");", "eprint!(\"x\");", "dbg!(x);", "x.unwrap();", "x.expect(\"y\");", "todo!()"] {
        let found = said("src/load/x.rs", code);
        assert!(found.starts_with("src/load/x.rs:2: names "), "{code}: {found}");
        assert_eq!(said("src/load/x.rs", &format!("#[cfg(test)]\nmod tests {{\n{code}\n}}\n")), "", "{code}");
        assert_eq!(said("src/load/tests/x.rs", code), "", "{code}");
    }
    assert_eq!(said("src/cli/x.rs", "println!(\"x\");"), "");
    assert!(said("src/cli/x.rs", "dbg!(x);").contains("names dbg!"));
    assert_eq!(said("src/load/x.rs", "x.unwrap_or_default(); x.expect_err(y); print(z);"), "");
    assert!(said("tests/x.rs", "fn f() { unsafe { g() } }").contains("names unsafe"));
    assert!(said("src/load/x.rs", "#[cfg(test)]\nmod tests {\nunsafe {}\n}").contains("names unsafe"));
}

#[test]
fn comments_and_strings_are_no_code() {
    let quiet = r####"
// object_store println! .unwrap()
/* datafusion /* unsafe */ std::env */
let a = "object_store \" println!";
let b = r#"datafusion " unsafe"#;
let c = ('"', '\'', b'"', '\u{22}');
fn d<'a>(x: &'a str) -> &'a str { x }
"####;
    assert_eq!(said("src/load/x.rs", quiet), "");
    assert!(said("src/load/x.rs", &format!("{quiet}\nunsafe {{}}")).contains("names unsafe"));
    assert_eq!(code_of("a /* b\nc */ d \"e\nf\" g"), "a     \n     d   \n   g");
}

#[test]
fn the_manifest_is_in_order() {
    let bad = "[dependencies]\nb = \"1\" # for b\na = \"1\" # for a\nc = \"1\"\n[profile.dev]\na = 1\n";
    assert_eq!(
        check_manifest(bad),
        ["Cargo.toml:3: a comes after b: keep the alphabet", "Cargo.toml:4: c has no comment: say what it is for"]
    );
}

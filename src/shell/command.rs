//! What a line that begins with a backslash asks of the shell. Pure.

/// A command of the shell.
#[derive(Debug, PartialEq, Eq)]
pub enum Command<'a> {
    Describe(Option<&'a str>),
    Views,
    Refresh,
    Timing,
    Expanded,
    Mode(Option<&'a str>),
    Rows(Option<&'a str>),
    Pager(Option<&'a str>),
    Output(Option<&'a str>),
    Include(&'a str),
    Edit(Option<&'a str>),
    Plot(Option<&'a str>),
    History(Option<&'a str>),
    Help,
    Quit,
    /// A command that needs an argument came without: the word, and what is missing.
    Lacks(&'a str, &'static str),
    Unknown(&'a str),
}

/// The commands as they are listed: the word, its arguments, what it does.
pub const COMMANDS: [(&str, &str, &str); 18] = [
    ("\\d", "[NAME]", "list tables and views, or tell about one"),
    ("\\views", "", "list the views, each with what a row of it is"),
    ("\\refresh", "", "see what was loaded since the shell was opened"),
    ("\\timing", "", "show how long each statement takes, or stop doing so"),
    ("\\x", "", "a line per column instead of a table, and back"),
    ("\\mode", "[NAME]", "how results look: table, expanded, csv, json, ndjson, markdown, html"),
    ("\\rows", "[N]", "show at most that many rows of a table; 0 shows all"),
    ("\\pager", "[on|off|PROGRAM]", "show long results whole, in a pager"),
    ("\\o", "[FILE]", "write results to a file; without one, to the screen again"),
    ("\\i", "FILE", "run the statements and commands of a file"),
    ("\\e", "[FILE]", "edit the last statement, or a file, and run it"),
    ("\\plot", "[bar|line] [SELECT]", "draw a result of two columns, or the last one"),
    ("\\history", "[N]", "list the last statements"),
    ("\\?", "", "this list"),
    ("\\h", "", "this list"),
    ("\\help", "", "this list"),
    ("\\quit", "", "leave"),
    ("\\q", "", "leave (so does Ctrl-D)"),
];

/// Whether a line is for the shell and not SQL.
pub fn is_command(line: &str) -> bool {
    let line = line.trim();
    line.starts_with('\\') || ["quit", "exit"].contains(&line.trim_end_matches(';').to_lowercase().as_str())
}

/// The command a line is, if it is one.
pub fn command(line: &str) -> Option<Command<'_>> {
    if !is_command(line) {
        return None;
    }
    let line = line.trim().trim_end_matches(';').trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = Some(rest.trim()).filter(|r| !r.is_empty());
    Some(match word.to_lowercase().as_str() {
        "\\d" => Command::Describe(rest),
        "\\views" | "\\dv" => Command::Views,
        "\\dt" => Command::Describe(None),
        "\\refresh" => Command::Refresh,
        "\\timing" => Command::Timing,
        "\\x" => Command::Expanded,
        "\\mode" => Command::Mode(rest),
        "\\rows" => Command::Rows(rest),
        "\\pager" => Command::Pager(rest),
        "\\o" => Command::Output(rest),
        "\\i" => rest.map_or(Command::Lacks("\\i", "a file"), Command::Include),
        "\\e" => Command::Edit(rest),
        "\\plot" => Command::Plot(rest),
        "\\history" => Command::History(rest),
        "\\?" | "\\h" | "\\help" => Command::Help,
        "\\q" | "\\quit" | "quit" | "exit" => Command::Quit,
        _ => Command::Unknown(word),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_begin_with_a_backslash_are_commands() {
        assert_eq!(command("\\d"), Some(Command::Describe(None)));
        assert_eq!(command(" \\d  Events ;"), Some(Command::Describe(Some("Events"))));
        assert_eq!(command("\\Q"), Some(Command::Quit));
        assert_eq!(command("exit;"), Some(Command::Quit));
        assert_eq!(command("\\nope x"), Some(Command::Unknown("\\nope")));
        assert_eq!(command("\\i"), Some(Command::Lacks("\\i", "a file")));
        assert_eq!(command("\\plot bar select 1, 2;"), Some(Command::Plot(Some("bar select 1, 2"))));
        assert_eq!(command("select '\\d';"), None);
    }

    #[test]
    fn every_listed_command_is_known_and_none_is_listed_twice() {
        let mut words: Vec<&str> = COMMANDS.iter().map(|(word, _, _)| *word).collect();
        for word in &words {
            assert!(!matches!(command(word), None | Some(Command::Unknown(_))), "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), COMMANDS.len());
    }
}

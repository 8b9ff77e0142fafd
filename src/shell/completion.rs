//! What the shell offers to complete and how it colours what is typed. Plain functions over names.

use super::command::COMMANDS;
use super::obey::MODES;
use std::collections::BTreeMap;

/// Words of SQL worth completing.
pub const KEYWORDS: [&str; 48] = [
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "COPY",
    "COUNT",
    "CROSS JOIN",
    "DATE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FROM",
    "FULL JOIN",
    "GROUP BY",
    "HAVING",
    "ILIKE",
    "IN",
    "INTERVAL",
    "IS",
    "JOIN",
    "LEFT JOIN",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "ON",
    "OR",
    "ORDER BY",
    "OVER",
    "PARTITION BY",
    "SELECT",
    "SHOW TABLES",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION ALL",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Names to complete.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// Relations with their columns.
    pub relations: BTreeMap<String, Vec<String>>,
    /// Functions, without parentheses.
    pub functions: Vec<String>,
}

/// What may stand where the cursor is.
#[derive(Debug, PartialEq, Eq)]
pub enum Completion {
    /// Where the word before the cursor begins (a byte position), and what it may become.
    Words(usize, Vec<String>),
    /// The name of a file.
    File,
}

/// What the line may become. `at` is a byte position.
pub fn complete(line: &str, at: usize, names: &Names) -> Completion {
    let before = line.get(..at).unwrap_or(line);
    if before.starts_with('\\') && !before.contains(' ') {
        let commands = COMMANDS.iter().map(|(c, _, _)| c.to_string()).filter(|c| c.starts_with(before));
        return Completion::Words(0, commands.collect());
    }
    if ["\\i ", "\\o ", "\\e "].iter().any(|c| before.starts_with(c)) {
        return Completion::File;
    }
    let in_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let start = before.char_indices().rev().take_while(|(_, c)| in_word(*c)).last().map_or(before.len(), |(i, _)| i);
    let word = before.get(start..).unwrap_or_default();
    let lower = word.to_lowercase();
    if before.starts_with("\\d ") {
        return Completion::Words(start, matching(names.relations.keys(), &lower));
    }
    if before.starts_with("\\mode ") {
        let modes = MODES.iter().map(|m| m.to_string()).filter(|m| m.starts_with(&lower));
        return Completion::Words(start, modes.collect());
    }
    sql(line, start, word, names)
}

fn sql(line: &str, start: usize, word: &str, names: &Names) -> Completion {
    let lower = word.to_lowercase();
    let mentioned: Vec<&Vec<String>> = names
        .relations
        .iter()
        .filter(|(name, _)| words(line).any(|w| w.eq_ignore_ascii_case(name)))
        .map(|(_, columns)| columns)
        .collect();
    let mut columns: Vec<String> = match mentioned.is_empty() {
        true => names.relations.values().flatten().cloned().collect(),
        false => mentioned.into_iter().flatten().cloned().collect(),
    };
    columns.sort();
    columns.dedup();
    let mut found = matching(names.relations.keys(), &lower);
    if let Some((_, part)) = word.rsplit_once('.') {
        found.extend(matching(columns.iter(), &part.to_lowercase()));
        let part_start = start + word.len() - part.len();
        // A schema's table is completed whole, an alias' column behind its dot.
        let whole = matching(names.relations.keys(), &lower);
        return if whole.is_empty() { Completion::Words(part_start, found) } else { Completion::Words(start, whole) };
    }
    if word.is_empty() {
        return Completion::Words(start, Vec::new());
    }
    found.extend(matching(columns.iter(), &lower));
    let upper = word.chars().next().is_some_and(char::is_uppercase);
    let keywords = KEYWORDS.iter().map(|k| if upper { k.to_string() } else { k.to_lowercase() });
    found.extend(keywords.filter(|k| k.to_lowercase().starts_with(&lower)));
    let functions = names.functions.iter().filter(|f| f.starts_with(&lower)).map(|f| format!("{f}("));
    found.extend(functions);
    found.dedup();
    Completion::Words(start, found)
}

fn matching<'a>(names: impl Iterator<Item = &'a String>, lower: &str) -> Vec<String> {
    names.filter(|n| n.to_lowercase().starts_with(lower)).cloned().collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
}

/// The line with keywords bold, strings green and comments dim.
pub fn coloured(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 32);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let (length, colour) = if c == '\'' {
            let end = rest.get(1..).and_then(|r| r.find('\'')).map_or(rest.len(), |e| e + 2);
            (end, Some("32"))
        } else if rest.starts_with("--") {
            (rest.find('\n').unwrap_or(rest.len()), Some("2"))
        } else if c.is_alphanumeric() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default();
            let keyword = KEYWORDS.iter().any(|k| k.split(' ').any(|k| k.eq_ignore_ascii_case(word)));
            (end, keyword.then_some("1"))
        } else {
            (c.len_utf8(), None)
        };
        let (part, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match colour {
            Some(colour) => out.push_str(&format!("\x1b[{colour}m{part}\x1b[0m")),
            None => out.push_str(part),
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let of = |columns: &[&str]| columns.iter().map(|c| c.to_string()).collect();
        let relations = [
            ("events".to_string(), of(&["event_time", "user_id"])),
            ("users_merged".to_string(), of(&["merged_at"])),
            ("system.files".to_string(), of(&["key"])),
        ];
        Names { relations: relations.into(), functions: vec!["count".into(), "date_trunc".into()] }
    }

    #[test]
    fn completes_commands_tables_columns_and_keywords() {
        let within = |line: &str, at: usize| match complete(line, at, &names()) {
            Completion::Words(start, words) => (start, words),
            Completion::File => panic!("{line}: a file"),
        };
        let of = |line: &str| within(line, line.len());
        assert_eq!(of("\\re"), (0, vec!["\\refresh".to_string()]));
        assert_eq!(of("\\d us"), (3, vec!["users_merged".to_string()]));
        assert_eq!(of("\\mode ex"), (6, vec!["expanded".to_string()]));
        assert_eq!(of("select ev"), (7, vec!["events".to_string(), "event_time".to_string()]));
        assert_eq!(of("select user_id from events where event_ti"), (33, vec!["event_time".to_string()]));
        assert_eq!(of("SELECT count(*) FR"), (16, vec!["FROM".to_string()]));
        assert_eq!(of("select date_t"), (7, vec!["date_trunc(".to_string()]));
        assert_eq!(of("select * from system.fi"), (14, vec!["system.files".to_string()]));
        assert_eq!(of("select e.us from events e where e.ev").1, ["events", "event_time"][1..]);
        // Only the columns of relations that are named.
        assert_eq!(within("select mer from events", 10).1, [""; 0]);
        assert_eq!(of("é select ev").0, 10);
        assert_eq!(complete("\\i /tm", 6, &names()), Completion::File);
    }

    #[test]
    fn colours_change_nothing_but_colour() {
        for line in ["select 'it''s', x from t -- end", "'open", "é = 'é'", ""] {
            let mut plain = coloured(line);
            for code in ["\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[0m"] {
                plain = plain.replace(code, "");
            }
            assert_eq!(plain, line);
        }
        assert!(coloured("select 1").starts_with("\x1b[1mselect\x1b[0m"));
    }
}

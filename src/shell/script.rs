//! The text of a file for `\i`: commands on lines of their own, statements between them. Pure.

use super::command::is_command;
use crate::query::is_complete;

/// A part of a script.
#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    /// A line for the shell.
    Command(String),
    /// Statements, and the line of the file they begin on, from 1.
    Statements(String, usize),
}

/// Splits a script. A backslash within an unfinished statement is SQL's.
pub fn parts(text: &str) -> Vec<Part> {
    let mut found = Vec::new();
    let mut open = String::new();
    let mut first = 1;
    for (at, line) in text.lines().enumerate() {
        if is_command(line) && is_complete(&open) {
            close(&mut open, first, &mut found);
            found.push(Part::Command(line.trim().to_string()));
            first = at + 2;
            continue;
        }
        open.push_str(line);
        open.push('\n');
    }
    close(&mut open, first, &mut found);
    found
}

fn close(open: &mut String, first: usize, found: &mut Vec<Part>) {
    let text = std::mem::take(open);
    if !text.trim().is_empty() {
        found.push(Part::Statements(text, first));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_stand_between_statements_and_not_within() {
        let script = "\\timing\nselect 1;\nselect '\n\\d\n';\n\\x\n\nselect 2\n";
        assert_eq!(
            parts(script),
            [
                Part::Command("\\timing".into()),
                Part::Statements("select 1;\nselect '\n\\d\n';\n".into(), 2),
                Part::Command("\\x".into()),
                Part::Statements("\nselect 2\n".into(), 7),
            ]
        );
        assert_eq!(parts(" \n\n"), []);
    }
}

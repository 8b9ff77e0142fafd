//! The text that is printed: comments for the person, statements for the tool.

use super::sql_text::comment;
use super::warehouse::Warehouse;

/// See the module.
pub struct Script {
    text: String,
    mark: &'static str,
}

impl Script {
    /// A script that says what it is. `mark` begins a comment.
    pub fn new(mark: &'static str, tool: &str, warehouse: &Warehouse) -> Script {
        let whole = match warehouse.whole {
            true => String::new(),
            false => "\nOnly some tables: all_events and the views need all of them.".to_string(),
        };
        let about = format!("{} for {tool}, by `eddyline connect`.{whole}", warehouse.place.url(""));
        Script { text: comment(mark, &wrapped(&about)), mark }
    }

    /// A comment for the person. What is in it is not run.
    pub fn note(&mut self, text: &str) {
        self.text.push_str(self.mark);
        self.text.push('\n');
        self.text.push_str(&comment(self.mark, &wrapped(text)));
    }

    /// The comment of the next statement; none for empty text.
    pub fn about(&mut self, text: &str) {
        self.gap();
        self.text.push_str(&comment(self.mark, &wrapped(text)));
    }

    /// A statement of SQL. Each ends with `;` at the end of a line that no comment follows, and an empty line comes
    /// before a comment or a long statement.
    pub fn statement(&mut self, sql: &str) {
        let commented = self.text.lines().next_back().is_some_and(|l| l.starts_with(self.mark));
        if sql.contains('\n') && !commented {
            self.gap();
        }
        self.text.push_str(sql);
        self.text.push_str(";\n");
    }

    /// Lines of a program.
    pub fn lines(&mut self, text: &str) {
        self.text.push_str(text);
        if !text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// An empty line, once.
    pub fn gap(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// All of it.
    pub fn text(self) -> String {
        self.text
    }
}

/// How long a line of a comment may be.
const WIDTH: usize = 110;

/// Lines of a bearable length. One that begins with a space is to be copied and stays whole.
fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with(' ') || line.is_empty() {
            lines.push(line.to_string());
            continue;
        }
        let mut current = String::new();
        for word in line.split_whitespace() {
            if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

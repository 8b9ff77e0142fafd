//! Regular expressions. Views write them as Rust's crate `regex` reads them; engines differ in how the replacement names
//! its groups, in whether the first match or every one is replaced, and in what they take for a group.

use super::Dialect;
use super::kind::Kind;
use super::piece::Piece;
use super::query::Writer;
use super::spelling;
use crate::error::Result;
use crate::query::sqlparser::ast::Expr;

impl Writer<'_> {
    /// `regexp_match(text, pattern)[1]`: the first group of the first match, or all of it without groups.
    pub fn first_match(&mut self, text: &Expr, pattern: &str) -> Result<Piece> {
        let text = self.expr(text)?;
        let groups = Pattern::of(pattern).groups;
        let group = groups.min(1);
        let x = &text.sql;
        let p = spelling::text(self.dialect, pattern);
        let sql = match self.dialect {
            Dialect::DuckDb => format!("regexp_extract_all({x}, {p}, {group})[1]"),
            Dialect::Spark => format!("get(regexp_extract_all({x}, {p}, {group}), 0)"),
            Dialect::ClickHouse => format!("if(match({x}, {p}), regexpExtract({x}, {p}, {group}), NULL)"),
            Dialect::Trino => format!("regexp_extract({x}, {p}, {group})"),
            Dialect::BigQuery if groups > 1 => {
                return Err(self.refuse("regexp_match with several groups: write those not wanted as (?:…)"));
            }
            Dialect::BigQuery => format!("REGEXP_EXTRACT({x}, {p})"),
            Dialect::Snowflake => {
                let captured = self.captured(pattern)?;
                let p = spelling::text(self.dialect, &captured.text);
                let group = if group == 0 { 0 } else { captured.new_number(1) };
                format!("REGEXP_SUBSTR({x}, {p}, 1, 1, 'e', {group})")
            }
        };
        Ok(Piece::new(sql, Kind::Text))
    }

    /// `regexp_replace(text, pattern, with)`: the first match, or every one with the flag `g`.
    pub fn replaced(&mut self, text: &Expr, pattern: &str, with: &str, every: bool) -> Result<Piece> {
        let text = self.expr(text)?;
        if with.contains('$') {
            return Err(self.refuse("regexp_replace with a $ in the replacement, which names a group,"));
        }
        let x = &text.sql;
        let p = spelling::text(self.dialect, pattern);
        // Replacing every match of a pattern that begins with everything before the first one replaces that one.
        let first = spelling::text(self.dialect, &format!("^([\\s\\S]*?)(?:{pattern})"));
        let sql = match (self.dialect, every) {
            (Dialect::DuckDb, _) => {
                let flag = if every { ", 'g'" } else { "" };
                format!("regexp_replace({x}, {p}, {}{flag})", spelling::text(self.dialect, with))
            }
            (Dialect::ClickHouse, every) => {
                let name = if every { "replaceRegexpAll" } else { "replaceRegexpOne" };
                format!("{name}({x}, {p}, {})", spelling::text(self.dialect, with))
            }
            (Dialect::Spark | Dialect::Trino, true) => {
                format!("regexp_replace({x}, {p}, {})", spelling::text(self.dialect, &groups_named(with, "$", 0)))
            }
            (Dialect::Spark | Dialect::Trino, false) => {
                let with = format!("$1{}", groups_named(with, "$", 1));
                format!("regexp_replace({x}, {first}, {})", spelling::text(self.dialect, &with))
            }
            (Dialect::BigQuery, true) => format!("REGEXP_REPLACE({x}, {p}, {})", spelling::text(self.dialect, with)),
            (Dialect::BigQuery, false) => {
                let with = format!("\\1{}", groups_named(with, "\\", 1));
                format!("REGEXP_REPLACE({x}, {first}, {})", spelling::text(self.dialect, &with))
            }
            (Dialect::Snowflake, every) => {
                let captured = self.captured(pattern)?;
                let p = spelling::text(self.dialect, &captured.text);
                let with = renumbered(with, |group| format!("\\{}", captured.new_number(group)));
                let occurrence = if every { 0 } else { 1 };
                format!("REGEXP_REPLACE({x}, {p}, {}, 1, {occurrence})", spelling::text(self.dialect, &with))
            }
        };
        Ok(Piece::new(sql, Kind::Text))
    }

    /// `regexp_like(text, pattern)`: whether the pattern is found anywhere.
    pub fn matches(&mut self, text: &Expr, pattern: &str) -> Result<Piece> {
        let x = self.expr(text)?.sql;
        let p = spelling::text(self.dialect, pattern);
        let sql = match self.dialect {
            Dialect::DuckDb => format!("regexp_matches({x}, {p})"),
            Dialect::Spark | Dialect::Trino => format!("regexp_like({x}, {p})"),
            Dialect::ClickHouse => format!("match({x}, {p})"),
            Dialect::BigQuery => format!("REGEXP_CONTAINS({x}, {p})"),
            Dialect::Snowflake => {
                let p = spelling::text(self.dialect, &self.captured(pattern)?.text);
                format!("(REGEXP_INSTR({x}, {p}) > 0)")
            }
        };
        Ok(Piece::new(sql, Kind::Boolean))
    }
}

impl Writer<'_> {
    /// The pattern as Snowflake takes it: no group that does not capture, nothing that takes as little as possible.
    fn captured(&self, pattern: &str) -> Result<Pattern> {
        let pattern = Pattern::of(pattern);
        if pattern.is_lazy() { Err(self.refuse("a pattern with *?, +? or ??")) } else { Ok(pattern.all_captured()) }
    }
}

/// A replacement whose groups are named by another sign and further on.
fn groups_named(with: &str, sign: &str, further: usize) -> String {
    renumbered(with, |group| format!("{sign}{}", group + further))
}

/// A replacement with each `\1` written anew.
fn renumbered(with: &str, group: impl Fn(usize) -> String) -> String {
    let mut text = String::new();
    let mut letters = with.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, letters.peek().and_then(|d| d.to_digit(10))) {
            ('\\', Some(digit)) => {
                letters.next();
                text.push_str(&group(usize::try_from(digit).unwrap_or(0)));
            }
            _ => text.push(c),
        }
    }
    text
}

/// A pattern and its groups.
struct Pattern {
    text: String,
    groups: usize,
    /// For each group that captures, in order, its number when every group captures.
    numbers: Vec<usize>,
}

impl Pattern {
    /// Whether it says `*?` or the like: as little as possible.
    fn is_lazy(&self) -> bool {
        ["*?", "+?", "??", "}?"].iter().any(|sign| self.text.contains(sign))
    }

    fn of(pattern: &str) -> Pattern {
        let (mut text, mut numbers, mut all) = (String::new(), Vec::new(), 0);
        let mut letters = pattern.chars().peekable();
        let mut in_class = false;
        while let Some(c) = letters.next() {
            text.push(c);
            match c {
                '\\' => text.extend(letters.next()),
                '[' => in_class = true,
                ']' => in_class = false,
                '(' if !in_class => {
                    all += 1;
                    if letters.peek() != Some(&'?') {
                        numbers.push(all);
                    }
                }
                _ => {}
            }
        }
        Pattern { text, groups: numbers.len(), numbers }
    }

    /// The same with every `(?:…)` a group that captures, for engines that know no others.
    fn all_captured(mut self) -> Pattern {
        self.text = self.text.replace("(?:", "(");
        self
    }

    /// What a group's number is when all capture.
    fn new_number(&self, group: usize) -> usize {
        group.checked_sub(1).and_then(|at| self.numbers.get(at)).copied().unwrap_or(group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_and_numbered() {
        let pattern = Pattern::of(r"(?:^|[^(])(a)(?:b|\()(c)");
        assert_eq!((pattern.groups, pattern.new_number(1), pattern.new_number(2)), (2, 2, 4));
        assert_eq!(pattern.all_captured().text, r"(^|[^(])(a)(b|\()(c)");
    }

    #[test]
    fn groups_of_a_replacement_are_named_anew() {
        assert_eq!(groups_named(r"\1-\3", "$", 1), r"$2-$4");
        assert_eq!(groups_named(r"\1-\3", "\\", 1), r"\2-\4");
    }
}

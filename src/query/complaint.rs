//! DataFusion's errors in our words: where in the statement, what was probably meant, and no row's value.

use super::nearest::nearest;
use crate::error::{Error, Kind};
use crate::warehouse::refusal::{Refusal, kind_of};
use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use std::error::Error as _;

/// The text an error is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The statement.
    pub sql: &'a str,
    /// The file it stands in, with the line it begins on.
    pub file: Option<(&'a str, usize)>,
    /// Names of tables and views, for hints.
    pub tables: &'a [String],
}

/// Translates an error of planning or running a statement.
pub fn translate(error: DataFusionError, about: About<'_>) -> Error {
    let error = match ours(error) {
        Ok(ours) => return ours,
        Err(error) => error,
    };
    let code = sqlstate(&error);
    let translated = in_our_words(error, about);
    match (translated.sqlstate(), code) {
        (None, Some(code)) => translated.with_sqlstate(code),
        _ => translated,
    }
}

/// The code for what went wrong, as PostgreSQL numbers failures.
fn sqlstate(error: &DataFusionError) -> Option<&'static str> {
    if in_chain::<object_store::Error>(error).is_some() {
        return Some("58030");
    }
    Some(match error.find_root() {
        DataFusionError::SQL(parse, _) => match parse.as_ref() {
            ParserError::RecursionLimitExceeded => "54001",
            _ => "42601",
        },
        DataFusionError::ResourcesExhausted(_) => "53200",
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { .. } => "42703",
            SchemaError::AmbiguousReference { .. } => "42702",
            _ => "42701",
        },
        DataFusionError::Plan(text) if text.starts_with("table '") => "42P01",
        DataFusionError::Plan(text) if text.starts_with("Invalid function") => "42883",
        DataFusionError::Plan(_) => "42000",
        DataFusionError::NotImplemented(_) => "0A000",
        DataFusionError::Configuration(_) => "22023",
        DataFusionError::ArrowError(arrow, _) => match arrow.as_ref() {
            ArrowError::DivideByZero => "22012",
            ArrowError::CastError(_) | ArrowError::ParseError(_) => "22P02",
            ArrowError::ArithmeticOverflow(_) => "22003",
            _ => return None,
        },
        _ => return None,
    })
}

fn in_our_words(error: DataFusionError, about: About<'_>) -> Error {
    if let Some(store) = in_chain::<object_store::Error>(&error) {
        let what = "cannot read the warehouse";
        return match Refusal::of(store) {
            Some(refusal) => Error::new(refusal.kind(), what).because(refusal.sentence()).hint(refusal.hint()),
            None => Error::new(kind_of(store), what).because(plain(&error)),
        };
    }
    let root = error.find_root();
    match root {
        DataFusionError::SQL(parse, _) => syntax(parse, about),
        DataFusionError::ResourcesExhausted(text) => Error::failed("the query needs more memory than it may use")
            .because(text.clone())
            .hint("raise --query-memory, read fewer days (WHERE queue_date ...), or name fewer columns than SELECT *"),
        DataFusionError::SchemaError(schema, _) => unknown_name(schema, &error, about),
        DataFusionError::Plan(text) => planning(text, &error, about),
        DataFusionError::NotImplemented(text) => planning(text, &error, about),
        DataFusionError::Configuration(text) => Error::usage(text.clone()),
        _ => Error::failed("the query failed")
            .because(without_quotes(&without_values(&plain(&error))))
            .hint("where a text may not fit, try_cast gives NULL instead of an error"),
    }
}

/// Our own error, when it was only passed through DataFusion.
fn ours(error: DataFusionError) -> Result<Error, DataFusionError> {
    match error {
        DataFusionError::External(inner) => inner.downcast::<Error>().map(|e| *e).map_err(DataFusionError::External),
        DataFusionError::Context(text, inner) => ours(*inner).map_err(|e| DataFusionError::Context(text, Box::new(e))),
        DataFusionError::Diagnostic(d, inner) => ours(*inner).map_err(|e| DataFusionError::Diagnostic(d, Box::new(e))),
        other => Err(other),
    }
}

fn in_chain<T: std::error::Error + 'static>(error: &DataFusionError) -> Option<&T> {
    let mut at: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(error) = at {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        at = error.source();
    }
    None
}

/// The text without DataFusion's names for kinds of errors.
fn plain(error: &DataFusionError) -> String {
    error.find_root().message().trim().to_string()
}

fn syntax(parse: &ParserError, about: About<'_>) -> Error {
    let text = match parse {
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => text.clone(),
        ParserError::RecursionLimitExceeded => "the statement is nested too deeply".to_string(),
    };
    // The parser only says the place in words.
    let found = text.rsplit_once(" at Line: ").and_then(|(what, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((what, line.trim().parse().ok()?, column.trim().parse().ok()?))
    });
    match found {
        Some((what, line, column)) => {
            Error::usage(format!("{}\n{}", first_lower(what), pointer(about.sql, line, column, 1, about.file)))
        }
        None => Error::usage(first_lower(&text)),
    }
}

fn unknown_name(schema: &SchemaError, error: &DataFusionError, about: About<'_>) -> Error {
    match schema {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let asked = field.flat_name();
            let text = at_place(format!("there is no column `{asked}`"), error, about);
            let names: Vec<&str> = valid_fields.iter().map(|c| c.name.as_str()).collect();
            let unqualified = field.name.as_str();
            match nearest(unqualified, names.iter().copied()) {
                Some(name) if name != unqualified => text.hint(format!("did you mean `{name}`?")),
                Some(_) => text.hint("that column is there, but not under that table's name or alias"),
                None if names.is_empty() => text,
                None => text.hint(format!("columns here are {}", some_of(&names))),
            }
        }
        SchemaError::AmbiguousReference { field } => {
            at_place(format!("the column `{}` could be that of several tables", field.name), error, about)
                .hint("put the table's name or alias before it")
        }
        other => at_place(first_lower(&other.to_string()), error, about),
    }
}

fn planning(text: &str, error: &DataFusionError, about: About<'_>) -> Error {
    let missing = text
        .strip_prefix("table '")
        .and_then(|rest| rest.strip_suffix("' not found"))
        .map(|name| name.trim_start_matches("eddyline.").trim_start_matches("public."));
    let Some(name) = missing else {
        return hints(at_place(first_lower(text), error, about), error);
    };
    let unknown = at_place(format!("there is no table or view `{name}`"), error, about);
    match nearest(name, about.tables.iter().map(String::as_str)) {
        Some(close) => unknown.hint(format!("did you mean `{close}`?")),
        None => unknown.hint("`\\d` or `eddyline tables` lists what there is"),
    }
}

fn hints(error: Error, from: &DataFusionError) -> Error {
    let helps = from.diagnostic().map(|d| d.helps.clone()).unwrap_or_default();
    helps.into_iter().fold(error, |error, help| error.hint(help.message))
}

fn at_place(what: String, error: &DataFusionError, about: About<'_>) -> Error {
    let span = error.diagnostic().and_then(|d| d.span.or_else(|| d.notes.iter().find_map(|n| n.span)));
    let Some(span) = span else { return Error::new(Kind::Usage, what) };
    let width = if span.end.line == span.start.line { span.end.column.saturating_sub(span.start.column) } else { 1 };
    let place = pointer(about.sql, span.start.line, span.start.column, width, about.file);
    Error::new(Kind::Usage, format!("{what}\n{place}"))
}

/// The line with a caret under the place; `line` and `column` count from 1, `file` names the script and the line of it
/// the statement begins on.
pub fn pointer(sql: &str, line: u64, column: u64, width: u64, file: Option<(&str, usize)>) -> String {
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let text = sql.lines().nth(index).unwrap_or_default().replace('\t', " ");
    let column = usize::try_from(column).unwrap_or(1).max(1);
    let shown = match file {
        Some((_, first)) => index.saturating_add(first),
        None => index.saturating_add(1),
    };
    let place = match file {
        Some((name, _)) => format!("{name}:{shown}:{column}"),
        None => format!("line {shown}, column {column}"),
    };
    let margin = shown.to_string().len();
    let room = text.chars().count().saturating_sub(column - 1).max(1);
    let carets = "^".repeat(usize::try_from(width).unwrap_or(1).clamp(1, room));
    // A long line is shown around the place.
    let from = column.saturating_sub(80);
    let part: String = text.chars().skip(from).take(120).collect();
    let gap = " ".repeat((column - 1).saturating_sub(from));
    format!("{:margin$} --> {place}\n{shown} | {part}\n{:margin$} | {gap}{carets}", "", "")
}

/// What is quoted in an error of running: the types and values of rows. Names are not quoted like that there.
fn without_quotes(text: &str) -> String {
    let parts = text.split('"').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { "\"…\"" } else { part }).collect()
}

/// Quoted values and numbers behind the word "value" are data: they do not belong in a message.
pub fn without_values(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut quoted = false;
    let mut before = ' ';
    for c in text.chars() {
        // The apostrophe of "can't" opens nothing.
        if c == '\'' && (quoted || !before.is_alphanumeric()) {
            clean.push_str(if quoted { "'" } else { "'…" });
            quoted = !quoted;
        } else if !quoted {
            clean.push(c);
        }
        before = c;
    }
    let mut hide = false;
    let words: Vec<&str> = clean
        .split(' ')
        .map(|word| {
            let number = word.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
            let shown = if hide && number { "…" } else { word };
            hide = word == "value" || word == "string";
            shown
        })
        .collect();
    words.join(" ")
}

fn first_lower(text: &str) -> String {
    let text = text.trim();
    // "SQL error", "SELECT": an acronym or keyword keeps its case.
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_string(),
    }
}

fn some_of(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(12).copied().collect();
    let more = names.len().saturating_sub(shown.len());
    if more == 0 { shown.join(", ") } else { format!("{}, and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_hidden() {
        assert_eq!(
            without_values("Cannot cast string 'ann@example.com' to value of Int64 type"),
            "Cannot cast string '…' to value of Int64 type"
        );
        assert_eq!(without_values("Can't cast value 300 to type Int8"), "Can't cast value … to type Int8");
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let text = pointer("select 1,\n  opned from t", 2, 3, 5, None);
        assert_eq!(text, "  --> line 2, column 3\n2 |   opned from t\n  |   ^^^^^");
        let text = pointer("select opned", 1, 8, 5, Some(("a.sql", 12)));
        assert_eq!(text, "   --> a.sql:12:8\n12 | select opned\n   |        ^^^^^");
    }
}

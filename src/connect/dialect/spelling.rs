//! How an engine writes names, text and numbers.

use super::Dialect;
use super::reserved;

/// Stands for a line break within a text while lines are still being indented.
pub const BREAK: char = '\u{1}';

/// A name as written in an engine. Quoted where the engine reserves the word or the name is odd.
pub fn name(dialect: Dialect, name: &str) -> String {
    let first = name.chars().next();
    let plain = first.is_some_and(|c| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let taken = reserved::is_reserved(dialect, name);
    if plain && !taken {
        return name.to_string();
    }
    match dialect {
        Dialect::Spark | Dialect::BigQuery => format!("`{}`", name.replace('`', "``")),
        // Unquoted names are upper case there, so a reserved word that stays the same name is, too.
        Dialect::Snowflake if plain => format!("\"{}\"", name.to_uppercase()),
        _ => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

/// A literal text.
pub fn text(dialect: Dialect, value: &str) -> String {
    let value = value.replace('\n', &BREAK.to_string());
    match dialect {
        Dialect::DuckDb | Dialect::Trino => format!("'{}'", value.replace('\'', "''")),
        _ => format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'")),
    }
}

/// A literal number that is no integer. Engines that would read it as an exact decimal are told that it is none.
pub fn real(dialect: Dialect, digits: &str) -> String {
    match dialect {
        Dialect::ClickHouse | Dialect::BigQuery => digits.to_string(),
        Dialect::Spark => format!("{digits}D"),
        Dialect::Snowflake => format!("CAST({digits} AS DOUBLE)"),
        _ if digits.contains(['e', 'E']) => digits.to_string(),
        _ => format!("{digits}e0"),
    }
}

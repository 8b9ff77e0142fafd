//! The statements that set and show a client's settings, read from their tokens: the grammar is PostgreSQL's and has
//! forms of its own for several of them.

use super::recognize::Request;
use crate::error::{Error, Result};
use datafusion::sql::sqlparser::tokenizer::Token;

/// `SET ...`, without its first word.
pub fn set(rest: &[Token]) -> Result<Request> {
    let mut rest = rest;
    let mut local = false;
    match words(rest).as_slice() {
        ["SESSION", "CHARACTERISTICS", ..] | ["TRANSACTION", ..] | ["CONSTRAINTS", ..] => {
            return Ok(Request::Nothing("SET"));
        }
        ["SESSION", "AUTHORIZATION", "DEFAULT"] | ["ROLE", "NONE" | "DEFAULT"] => return Ok(Request::Nothing("SET")),
        ["SESSION", "AUTHORIZATION", ..] | ["ROLE", ..] => {
            return Err(Error::usage("there are no roles to change to").with_sqlstate("0A000"));
        }
        ["SESSION", ..] => rest = rest.get(1..).unwrap_or_default(),
        ["LOCAL", ..] => (rest, local) = (rest.get(1..).unwrap_or_default(), true),
        _ => {}
    }
    let (name, values) = match words(rest).as_slice() {
        ["TIME", "ZONE", ..] => ("timezone".to_string(), rest.get(2..)),
        ["NAMES", ..] => ("client_encoding".to_string(), rest.get(1..)),
        _ => {
            let sign = rest.iter().position(|t| *t == Token::Eq || word(t).is_some_and(|w| w == "TO"));
            let sign = sign.ok_or_else(|| not_understood("SET"))?;
            (name_of(rest.get(..sign).unwrap_or_default()), rest.get(sign + 1..))
        }
    };
    let value = value_of(values.unwrap_or_default());
    if name.is_empty() || value.is_empty() {
        return Err(not_understood("SET"));
    }
    let default = matches!(values, Some([only]) if word(only).is_some_and(|w| w == "DEFAULT"))
        || (name == "timezone" && value.eq_ignore_ascii_case("local"));
    Ok(Request::Set { name, value: (!default).then_some(value), local })
}

/// `RESET ...`, without its first word.
pub fn reset(rest: &[Token]) -> Result<Request> {
    Ok(match words(rest).as_slice() {
        [] => return Err(not_understood("RESET")),
        ["ALL"] => Request::Reset(None),
        ["TIME", "ZONE"] => Request::Reset(Some("timezone".into())),
        ["ROLE"] | ["SESSION", "AUTHORIZATION"] => Request::Nothing("RESET"),
        _ => Request::Reset(Some(name_of(rest))),
    })
}

/// `SHOW ...`, without its first word.
pub fn show(rest: &[Token]) -> Result<Request> {
    Ok(Request::Show(match words(rest).as_slice() {
        [] => return Err(not_understood("SHOW")),
        ["TIME", "ZONE"] => "timezone".into(),
        ["TRANSACTION", "ISOLATION", "LEVEL"] => "transaction_isolation".into(),
        ["SESSION", "AUTHORIZATION"] => "session_authorization".into(),
        _ => name_of(rest),
    }))
}

fn not_understood(what: &str) -> Error {
    Error::usage(format!("this {what} is not understood")).with_sqlstate("42601")
}

/// The bare word of a token, as it stands there when quoted.
fn word(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_uppercase()),
        _ => None,
    }
}

/// The words in front, in capitals, up to the first token that is none.
fn words(tokens: &[Token]) -> Vec<&'static str> {
    const KNOWN: [&str; 19] = [
        "SESSION",
        "CHARACTERISTICS",
        "TRANSACTION",
        "CONSTRAINTS",
        "AUTHORIZATION",
        "DEFAULT",
        "ROLE",
        "NONE",
        "LOCAL",
        "TIME",
        "ZONE",
        "NAMES",
        "ALL",
        "ISOLATION",
        "LEVEL",
        "AS",
        "READ",
        "ONLY",
        "WRITE",
    ];
    let known = |token: &Token| {
        let word = word(token)?;
        Some(KNOWN.iter().find(|k| **k == word).copied().unwrap_or("?"))
    };
    tokens.iter().map_while(known).collect()
}

/// A setting's name: lower case, parts joined by points.
fn name_of(tokens: &[Token]) -> String {
    let parts = tokens.iter().map(|token| match token {
        Token::Word(word) => word.value.to_lowercase(),
        Token::Period => ".".to_string(),
        other => other.to_string(),
    });
    parts.collect()
}

/// A setting's value, without quotes; lists are joined as PostgreSQL shows them.
fn value_of(tokens: &[Token]) -> String {
    let mut value = String::new();
    for token in tokens {
        match token {
            Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => value.push_str(text),
            Token::Word(word) => value.push_str(&word.value),
            Token::Comma => value.push_str(", "),
            other => value.push_str(&other.to_string()),
        }
    }
    value
}

//! The text of statements: where one ends and the next begins, and which kinds are taken at all.

use crate::error::{Error, Result};
use datafusion::sql::parser::{CopyToSource, DFParser, Statement as Parsed};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer};

/// One statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Its text, without the `;`.
    pub text: String,
    /// The line of the script it begins on, from 1.
    pub line: usize,
}

/// Splits a script at its semicolons; strings, quoted names, comments and dollar quotes hide theirs. Statements that
/// are empty or only a comment are left out.
pub fn split_statements(sql: &str) -> Result<Vec<Statement>> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().map_err(|e| {
        let place = super::complaint::pointer(sql, e.location.line, e.location.column, 1, None);
        Error::usage(format!("{}\n{place}", e.message))
    })?;
    let lines: Vec<usize> = std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut found = Vec::new();
    let mut first: Option<Location> = None;
    for token in &tokens {
        match token.token {
            Token::SemiColon => {
                if let Some(first) = first.take() {
                    found.push(cut(sql, &lines, first, Some(token.span.start)));
                }
            }
            Token::Whitespace(_) | Token::EOF => {}
            _ => first = first.or(Some(token.span.start)),
        }
    }
    found.extend(first.map(|first| cut(sql, &lines, first, None)));
    Ok(found)
}

/// Whether what was typed so far is whole: every statement closed by `;`, no string or comment left open.
pub fn is_complete(typed: &str) -> bool {
    match Tokenizer::new(&GenericDialect {}, typed).tokenize() {
        Ok(tokens) => match tokens.iter().rev().find(|t| !matches!(t, Token::Whitespace(_) | Token::EOF)) {
            Some(last) => *last == Token::SemiColon,
            None => true,
        },
        Err(_) => false,
    }
}

fn cut(sql: &str, lines: &[usize], from: Location, to: Option<Location>) -> Statement {
    let from_byte = offset(sql, lines, from);
    let to_byte = to.map_or(sql.len(), |to| offset(sql, lines, to));
    let text = sql.get(from_byte..to_byte).unwrap_or_default().trim_end().to_string();
    Statement { text, line: usize::try_from(from.line).unwrap_or(1) }
}

/// Locations count lines and characters from 1.
fn offset(sql: &str, lines: &[usize], at: Location) -> usize {
    let line = usize::try_from(at.line).unwrap_or(1).saturating_sub(1);
    let start = lines.get(line).copied().unwrap_or(sql.len());
    let column = usize::try_from(at.column).unwrap_or(1).saturating_sub(1);
    let rest = sql.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column).map_or(rest.len(), |(byte, _)| byte)
}

/// What running a statement amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It reads.
    Reads,
    /// It sets an option of the session.
    Sets,
    /// It writes a local file.
    Copies,
}

/// Parses exactly one statement.
pub fn parse(sql: &str) -> std::result::Result<Parsed, ParseFailure> {
    let mut all = DFParser::parse_sql_with_dialect(sql, &GenericDialect {}).map_err(ParseFailure::Syntax)?;
    match (all.pop_front(), all.len()) {
        (Some(one), 0) => Ok(one),
        (None, _) => Err(ParseFailure::Count("there is no statement".into())),
        (Some(_), more) => Err(ParseFailure::Count(format!("{} statements where one is expected", more + 1))),
    }
}

/// Why [`parse`] failed.
#[derive(Debug)]
pub enum ParseFailure {
    /// The text is not SQL.
    Syntax(datafusion::error::DataFusionError),
    /// None or several.
    Count(String),
}

/// What a statement does, or why it is not taken: this SQL only reads.
pub fn effect(statement: &Parsed) -> Result<Effect> {
    match statement {
        Parsed::Statement(sql) => match sql.as_ref() {
            Sql::Query(_)
            | Sql::Explain { .. }
            | Sql::ExplainTable { .. }
            | Sql::ShowVariable { .. }
            | Sql::ShowVariables { .. }
            | Sql::ShowTables { .. }
            | Sql::ShowColumns { .. }
            | Sql::ShowFunctions { .. }
            | Sql::ShowDatabases { .. }
            | Sql::ShowSchemas { .. } => Ok(Effect::Reads),
            Sql::Set(_) => Ok(Effect::Sets),
            other => Err(refused(&first_word(&other.to_string()))),
        },
        Parsed::Explain(explain) => match effect(&explain.statement)? {
            Effect::Copies => Err(refused("EXPLAIN COPY")),
            _ => Ok(Effect::Reads),
        },
        Parsed::Reset(_) => Ok(Effect::Sets),
        Parsed::CopyTo(copy) => match (&copy.source, local(&copy.target)) {
            (CopyToSource::Query(_) | CopyToSource::Relation(_), true) => Ok(Effect::Copies),
            _ => Err(Error::usage("COPY writes to a file on this machine only")
                .hint("COPY (SELECT ...) TO 'result.parquet'")),
        },
        Parsed::CreateExternalTable(_) => Err(refused("CREATE EXTERNAL TABLE")),
    }
}

fn local(target: &str) -> bool {
    !target.contains("://")
}

fn first_word(sql: &str) -> String {
    sql.split_whitespace().next().unwrap_or("this statement").to_uppercase()
}

fn refused(what: &str) -> Error {
    Error::usage(format!("{what} is not possible here: this SQL only reads the warehouse"))
        .with_sqlstate("25006")
        .hint("`eddyline load` brings data in; COPY (SELECT ...) TO 'result.parquet' writes a result to a local file")
        .hint("a view of your own is a file in the views folder, one SELECT each")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(sql: &str) -> Vec<(String, usize)> {
        split_statements(sql).unwrap().into_iter().map(|s| (s.text, s.line)).collect()
    }

    #[test]
    fn semicolons_in_strings_names_comments_and_dollar_quotes_do_not_split() {
        let script = "select ';' as a; -- one; two\n/* ; */ select \"a;b\"\nfrom t;\n\nselect $$x;y$$, 'é;' ;;\n-- end";
        assert_eq!(
            texts(script),
            [
                ("select ';' as a".to_string(), 1),
                ("select \"a;b\"\nfrom t".to_string(), 2),
                ("select $$x;y$$, 'é;'".to_string(), 5)
            ]
        );
        assert_eq!(texts(" \n-- nothing\n;"), []);
        assert_eq!(texts("select 'é', 1; select 2"), [("select 'é', 1".into(), 1), ("select 2".into(), 1)]);
    }

    #[test]
    fn an_open_string_is_an_error_with_its_place() {
        let error = split_statements("select 1;\nselect 'abc").unwrap_err();
        assert!(error.what().contains("line 2"), "{}", error.show());
    }

    #[test]
    fn typing_goes_on_until_the_last_semicolon() {
        for whole in ["", "select 1;", "select ';';  -- done\n"] {
            assert!(is_complete(whole), "{whole:?}");
        }
        for open in ["select 1", "select ';", "select 1; select", "/* ;"] {
            assert!(!is_complete(open), "{open:?}");
        }
    }

    #[test]
    fn only_reading_statements_are_taken() {
        let of = |sql: &str| effect(&parse(sql).unwrap());
        for sql in ["select 1", "explain select 1", "show tables", "describe t", "with a as (select 1) select * from a"]
        {
            assert_eq!(of(sql).unwrap(), Effect::Reads, "{sql}");
        }
        assert_eq!(of("set datafusion.execution.batch_size = 10").unwrap(), Effect::Sets);
        assert_eq!(of("copy (select 1) to 'a.csv'").unwrap(), Effect::Copies);
        for sql in [
            "insert into t values (1)",
            "drop table t",
            "create table t as select 1",
            "create view v as select 1",
            "create external table t stored as parquet location 'x'",
            "delete from t",
            "update t set a = 1",
            "copy t to 's3://bucket/x.parquet'",
            "explain insert into t values (1)",
        ] {
            assert!(of(sql).is_err(), "{sql}");
        }
    }
}

//! What a client's text asks for: rows, or one of the statements PostgreSQL's clients use to look after their session.
//!
//! Queries are taken as `eddyline sql` takes them. Only those that read nothing but catalogs are rewritten first, by
//! the rules of datafusion-pg-catalog: among these is one that puts NULL in the place of subqueries it cannot plan,
//! which must never happen to a query about rows.

use super::super::statement::{Effect, ParseFailure, effect, parse, split_statements};
use super::{setting, soften};
use crate::error::Error;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{DFParser, Statement as Parsed};
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, Query, SetExpr, Statement as Sql, Value, ValueWithSpan, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

/// One statement of a client.
#[derive(Debug, Clone)]
pub enum Request {
    /// A query.
    Rows(Arc<Rows>),
    /// `SET`; without a value, back to the default. `local` lasts until the transaction ends.
    Set { name: String, value: Option<String>, local: bool },
    /// `RESET`, of one setting or all.
    Reset(Option<String>),
    /// `SHOW`
    Show(String),
    /// `BEGIN`
    Begin,
    /// `COMMIT`
    Commit,
    /// `ROLLBACK`
    Rollback,
    /// `DISCARD`: prepared statements, portals and settings.
    Discard,
    /// `DEALLOCATE`, of one prepared statement or all.
    Deallocate(Option<String>),
    /// `DECLARE name CURSOR FOR` a query.
    Declare { cursor: String, rows: Arc<Rows>, hold: bool },
    /// `FETCH`, of so many rows or all that are left.
    Fetch { cursor: String, count: Option<usize> },
    /// `CLOSE`, of one cursor or all.
    Close(Option<String>),
    /// Taken and answered with the tag: there is nothing to do.
    Nothing(&'static str),
}

/// A query, parsed.
#[derive(Debug, Clone)]
pub struct Rows {
    /// Its text.
    pub text: String,
    /// Its syntax first, then what stands in for it when it cannot be planned, in this order; only a question about
    /// catalogs has any.
    pub(in crate::query) syntax: Arc<dyn Syntax>,
    /// The word its completion is announced with.
    pub tag: &'static str,
}

/// Syntax trees behind a trait object, to spare the compiler proofs as [`World`](crate::query::world::World) does.
pub(in crate::query) trait Syntax: std::fmt::Debug + Send + Sync {
    /// The trees.
    fn trees(&self) -> &[Parsed];
}

impl Syntax for Vec<Parsed> {
    fn trees(&self) -> &[Parsed] {
        self
    }
}

type Outcome<T> = std::result::Result<T, DataFusionError>;

static REWRITER: LazyLock<PostgresCompatibilityParser> = LazyLock::new(PostgresCompatibilityParser::new);

/// Reads a text of none, one or several statements. All are read before any runs.
pub fn read(text: &str) -> Outcome<Vec<Request>> {
    let statements = split_statements(text).map_err(|e| ours(e.with_sqlstate("42601")))?;
    statements.into_iter().map(|s| one(&s.text)).collect()
}

fn ours(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The refusal of what is not reading.
pub fn read_only(what: &str) -> Error {
    Error::usage(format!("{what} cannot run here: the warehouse is served read only"))
        .hint("`eddyline load` brings data in; a view of your own is a file in the views folder")
        .with_sqlstate("25006")
}

fn one(text: &str) -> Outcome<Request> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, text)
        .tokenize()
        .map(|tokens| tokens.into_iter().filter(|t| !matches!(t, Token::Whitespace(_) | Token::EOF)).collect())
        .unwrap_or_else(|_| Vec::new());
    let first = tokens.first().map(keyword).unwrap_or_default();
    let rest = tokens.get(1..).unwrap_or_default();
    let second = rest.first().map(keyword).unwrap_or_default();
    Ok(match first.as_str() {
        "SET" => setting::set(rest).map_err(ours)?,
        "RESET" => setting::reset(rest).map_err(ours)?,
        "SHOW" => setting::show(rest).map_err(ours)?,
        "BEGIN" | "START" => Request::Begin,
        "COMMIT" | "END" => Request::Commit,
        // Nothing was changed, so there is nothing to go back to.
        "ROLLBACK" | "ABORT" if rest.iter().any(|t| keyword(t) == "TO") => Request::Nothing("ROLLBACK"),
        "ROLLBACK" | "ABORT" => Request::Rollback,
        "SAVEPOINT" => Request::Nothing("SAVEPOINT"),
        "RELEASE" => Request::Nothing("RELEASE"),
        "UNLISTEN" => Request::Nothing("UNLISTEN"),
        "DISCARD" if second == "ALL" => Request::Discard,
        "DISCARD" => Request::Nothing("DISCARD"),
        "DEALLOCATE" => Request::Deallocate(named(rest)),
        "CLOSE" => Request::Close(named(rest)),
        "DECLARE" => declare(text, &tokens)?,
        "FETCH" => fetch(rest)?,
        "COPY" if text_has(&tokens, "STDOUT") => {
            let error = Error::usage("COPY is not served").hint("run the SELECT itself");
            return Err(ours(error.with_sqlstate("0A000")));
        }
        "PREPARE" | "EXECUTE" | "LISTEN" | "MOVE" => {
            return Err(ours(Error::usage(format!("{first} is not served")).with_sqlstate("0A000")));
        }
        "COPY" | "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "TRUNCATE" | "CREATE" | "ALTER" | "DROP" | "GRANT"
        | "REVOKE" | "COMMENT" | "VACUUM" | "ANALYZE" | "REINDEX" | "CLUSTER" | "REFRESH" | "LOCK" | "CALL" | "DO"
        | "NOTIFY" | "IMPORT" | "LOAD" | "CHECKPOINT" | "SECURITY" | "REASSIGN" => {
            return Err(ours(read_only(&first)));
        }
        _ => Request::Rows(Arc::new(rows(text, &tokens)?)),
    })
}

fn keyword(token: &Token) -> String {
    match token {
        Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
        _ => String::new(),
    }
}

fn text_has(tokens: &[Token], word: &str) -> bool {
    tokens.iter().any(|t| keyword(t) == word)
}

fn identifier(token: &Token) -> Option<String> {
    match token {
        Token::Word(word) if word.quote_style.is_some() => Some(word.value.clone()),
        Token::Word(word) => Some(word.value.to_lowercase()),
        _ => None,
    }
}

/// The last name, or `None` for ALL.
fn named(tokens: &[Token]) -> Option<String> {
    tokens.last().filter(|t| keyword(t) != "ALL").and_then(identifier)
}

fn declare(text: &str, tokens: &[Token]) -> Outcome<Request> {
    let wrong = || ours(Error::usage("this DECLARE is not understood").with_sqlstate("42601"));
    let cursor = tokens.get(1).and_then(identifier).ok_or_else(wrong)?;
    let at = tokens.iter().position(|t| keyword(t) == "FOR").ok_or_else(wrong)?;
    let head = tokens.get(..at).unwrap_or_default();
    if !text_has(head, "CURSOR") {
        return Err(wrong());
    }
    let hold = head.windows(2).any(|w| matches!(w, [a, b] if keyword(a) == "WITH" && keyword(b) == "HOLD"));
    let query = tokens.get(at + 1..).unwrap_or_default();
    let query_text = after_word(text, "FOR").ok_or_else(wrong)?;
    Ok(Request::Declare { cursor, rows: Arc::new(rows(query_text, query)?), hold })
}

/// The text behind the first bare occurrence of a word: no name in front of it is quoted to hold it in practice.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let upper = text.to_ascii_uppercase();
    let starts = upper.match_indices(word).map(|(at, _)| at);
    let bare = |at: &usize| {
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"');
        edge(upper.get(..*at).and_then(|t| t.chars().next_back()))
            && edge(upper.get(*at + word.len()..).and_then(|t| t.chars().next()))
    };
    starts.into_iter().find(bare).and_then(|at| text.get(at + word.len()..))
}

fn fetch(rest: &[Token]) -> Outcome<Request> {
    let wrong = |what: &str| ours(Error::usage(format!("FETCH {what} is not served")).with_sqlstate("0A000"));
    let cursor = rest.last().and_then(identifier).ok_or_else(|| wrong("without a cursor"))?;
    let mut count = Some(1);
    for token in rest.iter().take(rest.len().saturating_sub(1)) {
        match (token, keyword(token).as_str()) {
            (Token::Number(number, _), _) => {
                count = Some(number.parse().map_err(|_| wrong(number))?);
            }
            (_, "ALL") => count = None,
            (_, "NEXT" | "FORWARD" | "FROM" | "IN") => {}
            (other, _) => return Err(wrong(&other.to_string())),
        }
    }
    Ok(Request::Fetch { cursor, count })
}

fn rows(text: &str, tokens: &[Token]) -> Outcome<Rows> {
    let tag = if tokens.first().is_some_and(|t| keyword(t) == "EXPLAIN") { "EXPLAIN" } else { "SELECT" };
    let (parsed, otherwise) = match catalog_query(text, tokens) {
        Some(found) => found,
        None => (plain(text)?, Vec::new()),
    };
    if let Parsed::Statement(sql) = &parsed
        && let Sql::Query(query) = sql.as_ref()
        && writes(query)
    {
        return Err(ours(read_only("a statement that writes")));
    }
    match effect(&parsed).map_err(ours)? {
        Effect::Reads => Ok(Rows {
            text: text.to_string(),
            syntax: Arc::new(std::iter::once(parsed).chain(otherwise).collect::<Vec<_>>()),
            tag,
        }),
        Effect::Sets | Effect::Copies => Err(ours(read_only("this statement"))),
    }
}

/// Whether a query writes on its way: `WITH ... INSERT`.
fn writes(query: &Query) -> bool {
    let within = query.with.iter().flat_map(|with| &with.cte_tables);
    matches!(query.body.as_ref(), SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_))
        || within.into_iter().any(|table| writes(&table.query))
}

fn plain(text: &str) -> Outcome<Parsed> {
    let error = match parse(text) {
        Ok(parsed) => return Ok(with_membership(parsed)),
        Err(ParseFailure::Syntax(error)) => error,
        Err(ParseFailure::Count(what)) => return Err(ours(Error::usage(what).with_sqlstate("42601"))),
    };
    // What only PostgreSQL writes so.
    let mut others = DFParser::parse_sql_with_dialect(text, &PostgreSqlDialect {}).unwrap_or_default();
    match (others.pop_front(), others.is_empty()) {
        (Some(parsed), true) => Ok(with_membership(parsed)),
        _ => Err(error),
    }
}

/// `a = ANY(list)`, which drivers write for lists of values, as the function that means it.
fn with_membership(mut parsed: Parsed) -> Parsed {
    if let Parsed::Statement(sql) = &mut parsed {
        let _ = visit_expressions_mut(sql.as_mut(), |expr| {
            if let Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } = expr {
                let call = call("array_has", vec![(**right).clone(), (**left).clone()]);
                *expr = call;
            }
            ControlFlow::<()>::Continue(())
        });
    }
    parsed
}

/// A call of a function.
pub fn call(name: &str, arguments: Vec<Expr>) -> Expr {
    let args = arguments.into_iter().map(|a| FunctionArg::Unnamed(FunctionArgExpr::Expr(a))).collect();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses: vec![] }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

impl Rows {
    /// The query with parameters cast to lists, as their client declared them: what compares with a list cannot be
    /// planned while its type is open. `lists` names the types of items, such as `text`.
    pub fn with_lists(&self, lists: &[(usize, &str)]) -> Rows {
        let mut trees = self.syntax.trees().to_vec();
        if let Some(Parsed::Statement(sql)) = trees.first_mut() {
            let _ = visit_expressions_mut(sql.as_mut(), |expr| {
                let cast = match &*expr {
                    Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
                        lists.iter().find(|(at, _)| *name == format!("${at}")).and_then(|(_, item)| {
                            let text = format!("CAST({name} AS {item}[])");
                            Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok()?.parse_expr().ok()
                        })
                    }
                    _ => None,
                };
                if let Some(cast) = cast {
                    *expr = cast;
                }
                ControlFlow::<()>::Continue(())
            });
        }
        Rows { syntax: Arc::new(trees), ..self.clone() }
    }
}

/// Functions that stand where a table may and hold none of our rows.
const SOURCES: [&str; 6] =
    ["generate_series", "unnest", "pg_get_keywords", "string_to_array", "generate_subscripts", "aclexplode"];
/// Words that only a question about the database itself has, when it names no relation at all.
const ABOUT_ITSELF: [&str; 6] = ["current_schema", "current_user", "current_catalog", "regclass", "regtype", "version"];

/// A query that reads nothing but catalogs, rewritten into what can be planned, and what stands in for it otherwise.
fn catalog_query(text: &str, tokens: &[Token]) -> Option<(Parsed, Vec<Parsed>)> {
    let word = |t: &Token| match t {
        Token::Word(w) => w.value.to_lowercase(),
        _ => String::new(),
    };
    let mentions = |w: &str| w.starts_with("pg_") || w == "information_schema" || ABOUT_ITSELF.contains(&w);
    if !tokens.iter().any(|t| mentions(&word(t))) {
        return None;
    }
    // As written: the rules may lose relations on their way.
    let mut written = DFParser::parse_sql_with_dialect(text, &PostgreSqlDialect {}).ok()?;
    let (written, true) = (written.pop_front()?, written.is_empty()) else { return None };
    let (relations, _) = resolve_table_references(&written, true).ok()?;
    if !relations.iter().all(is_catalog) {
        return None;
    }
    let mut rewritten = REWRITER.parse(&with_known_numbers(text)).ok()?;
    let (one, true) = (rewritten.pop()?, rewritten.is_empty()) else { return None };
    let reads: Vec<&str> = relations.iter().map(TableReference::table).collect();
    let one = soften::with_lookups(soften::with_names(one));
    let simpler = soften::without_subqueries(one.clone());
    let nothing = soften::nothing(&one, &reads);
    let parsed = |sql| Parsed::Statement(Box::new(sql));
    Some((parsed(one), std::iter::once(simpler).chain(nothing).map(parsed).collect()))
}

fn is_catalog(relation: &TableReference) -> bool {
    match relation.schema() {
        Some(schema) => matches!(schema, "pg_catalog" | "information_schema"),
        None => relation.table().starts_with("pg_") || SOURCES.contains(&relation.table()),
    }
}

/// The numbers that PostgreSQL's own catalogs have in every database: `'pg_class'::regclass` is 1259.
fn with_known_numbers(text: &str) -> String {
    const NUMBERS: [(&str, &str); 8] = [
        ("pg_type", "1247"),
        ("pg_attribute", "1249"),
        ("pg_proc", "1255"),
        ("pg_class", "1259"),
        ("pg_database", "1262"),
        ("pg_constraint", "2606"),
        ("pg_namespace", "2615"),
        ("pg_description", "2609"),
    ];
    let mut text = text.to_string();
    for (name, number) in NUMBERS {
        for written in [format!("'{name}'::"), format!("'pg_catalog.{name}'::")] {
            text = text.replace(&written, &format!("'{number}'::"));
        }
    }
    // pg_type holds the names of its functions, not their numbers.
    for written in ["'pg_catalog.array_in'::regproc", "'array_in'::regproc", "'array_in'::pg_catalog.regproc"] {
        text = text.replace(written, "'array_in'");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Request {
        let mut read = read(text).unwrap();
        assert_eq!(read.len(), 1, "{text}");
        read.remove(0)
    }

    fn code(text: &str) -> Option<&'static str> {
        match read(text).unwrap_err() {
            DataFusionError::External(e) => e.downcast_ref::<Error>().unwrap().sqlstate(),
            DataFusionError::SQL(..) => Some("42601"),
            other => panic!("{other}"),
        }
    }

    fn set(text: &str) -> (String, Option<String>, bool) {
        match of(text) {
            Request::Set { name, value, local } => (name, value, local),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn settings_in_all_their_forms() {
        let is = |name: &str, value: Option<&str>, local| (name.to_string(), value.map(str::to_string), local);
        assert_eq!(set("SET extra_float_digits = 3"), is("extra_float_digits", Some("3"), false));
        assert_eq!(set("set application_name to 'my app'"), is("application_name", Some("my app"), false));
        assert_eq!(set("SET SESSION TIME ZONE 'Asia/Tokyo'"), is("timezone", Some("Asia/Tokyo"), false));
        assert_eq!(set("SET TimeZone TO DEFAULT"), is("timezone", None, false));
        assert_eq!(set("SET TIME ZONE LOCAL"), is("timezone", None, false));
        assert_eq!(set("SET LOCAL statement_timeout = '5s'"), is("statement_timeout", Some("5s"), true));
        assert_eq!(set("SET NAMES 'UTF8'"), is("client_encoding", Some("UTF8"), false));
        assert_eq!(set("SET search_path TO public, \"$user\""), is("search_path", Some("public, $user"), false));
        assert_eq!(set("SET datafusion.execution.batch_size = 1").0, "datafusion.execution.batch_size");
        assert!(matches!(of("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"), Request::Nothing("SET")));
        assert!(matches!(of("RESET ALL"), Request::Reset(None)));
        assert!(matches!(of("SHOW TRANSACTION ISOLATION LEVEL"), Request::Show(n) if n == "transaction_isolation"));
        assert_eq!(code("SET nothing"), Some("42601"));
    }

    #[test]
    fn what_writes_is_refused() {
        for text in [
            "INSERT INTO t VALUES (1)",
            "UPDATE t SET a = 1",
            "DELETE FROM t",
            "CREATE TABLE t (a int)",
            "drop table t",
            "COPY t TO '/tmp/x.csv'",
            "COPY (SELECT 1) TO 'x.parquet'",
            "COPY t FROM STDIN",
            "TRUNCATE t",
            "EXPLAIN INSERT INTO t VALUES (1)",
        ] {
            assert_eq!(code(text), Some("25006"), "{text}");
        }
        assert_eq!(code("COPY t TO STDOUT"), Some("0A000"));
        assert_eq!(code("SELEC 1"), Some("42601"));
        assert_eq!(code("SELECT 'abc"), Some("42601"));
    }

    #[test]
    fn only_queries_of_catalogs_are_rewritten() {
        let rewritten = |text: &str| {
            let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().unwrap();
            catalog_query(text, &tokens).map(|(p, _)| p.to_string())
        };
        let null = rewritten("SELECT (SELECT x.a FROM pg_type x WHERE x.oid = c.oid) FROM pg_class c").unwrap();
        assert_eq!(null, "SELECT NULL AS \"?column?\" FROM pg_catalog.pg_class c");
        // The same over our rows must keep its meaning, whatever else is named beside it.
        for text in [
            "SELECT (SELECT max(x.a) FROM t x WHERE x.id = c.id), current_user FROM u c",
            "SELECT (SELECT count(*) FROM t x WHERE x.a = c.relname) FROM pg_class c",
            "SELECT a, * FROM t",
        ] {
            assert_eq!(rewritten(text), None, "{text}");
        }
        assert!(rewritten("SELECT 'pg_class'::regclass").unwrap().contains("1259"));
        let cte = "WITH p AS (SELECT oid FROM pg_catalog.pg_class) SELECT * FROM p";
        assert!(rewritten(cte).is_some());
    }

    #[test]
    fn cursors() {
        let Request::Declare { cursor, rows, hold } = of("DECLARE \"C_1\" CURSOR WITH HOLD FOR SELECT 'for' AS a")
        else {
            panic!()
        };
        assert_eq!((cursor.as_str(), rows.text.trim(), hold), ("C_1", "SELECT 'for' AS a", true));
        assert!(matches!(of("FETCH FORWARD 100 FROM c"), Request::Fetch { count: Some(100), .. }));
        assert!(matches!(of("fetch all in c"), Request::Fetch { count: None, .. }));
        assert!(matches!(of("FETCH c"), Request::Fetch { count: Some(1), .. }));
        assert_eq!(code("FETCH PRIOR FROM c"), Some("0A000"));
        assert!(matches!(of("CLOSE ALL"), Request::Close(None)));
        assert!(matches!(of("DEALLOCATE PREPARE s1"), Request::Deallocate(Some(n)) if n == "s1"));
    }
}

//! What each view's sums come back to: reads `identities.txt`, asks a session for both sides of every identity.

pub mod crowd;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use eddyline::query::Session;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const IDENTITIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sums/identities.txt");

/// The identities of one view.
pub struct Section {
    pub view: String,
    pub identities: Vec<Identity>,
}

/// One of them.
pub struct Identity {
    /// As written.
    pub text: String,
    /// An aggregate over the view.
    says: String,
    must_be: MustBe,
}

enum MustBe {
    Scalar(String),
    Over(String, String),
}

impl Identity {
    pub fn is_grain(&self) -> bool {
        self.text.starts_with("grain ")
    }

    fn parse(text: &str) -> Identity {
        let (says, must_be) = if let Some(grain) = text.strip_prefix("grain ") {
            let (columns, condition) = grain.split_once(" where ").unwrap_or((grain, "true"));
            let shown: Vec<String> = split(columns).map(|c| format!("coalesce(CAST({c} AS VARCHAR), '~')")).collect();
            let key = format!("concat_ws('|', {})", shown.join(", "));
            let surplus =
                format!("count(*) FILTER (WHERE {condition}) - count(DISTINCT CASE WHEN {condition} THEN {key} END)");
            (surplus, MustBe::Scalar("0".into()))
        } else {
            let (says, must_be) = text.split_once(" == ").unwrap_or_else(|| panic!("no == in {text}"));
            let must_be = match must_be.strip_prefix("over ") {
                None => MustBe::Scalar(must_be.into()),
                Some(over) => {
                    let (view, aggregate) = over.split_once(": ").unwrap_or_else(|| panic!("no aggregate in {text}"));
                    MustBe::Over(view.into(), aggregate.into())
                }
            };
            (says.to_string(), must_be)
        };
        Identity { text: text.to_string(), says, must_be }
    }
}

/// Every section of `identities.txt`, in order.
pub fn sections() -> Vec<Section> {
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    let text = std::fs::read_to_string(IDENTITIES).unwrap();
    for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with("# ") && *l != "#") {
        if let Some(view) = line.strip_prefix('[') {
            sections.push((view.trim_end_matches(']').to_string(), Vec::new()));
            continue;
        }
        let (_, lines) = sections.last_mut().expect("an identity stands under a view");
        match line.strip_prefix("  ") {
            Some(more) => *lines.last_mut().expect("a line to go on with") += &format!(" {}", more.trim_start()),
            None => lines.push(line.to_string()),
        }
    }
    let section = |(view, lines): (String, Vec<String>)| Section {
        view,
        identities: lines.iter().map(|l| Identity::parse(l)).collect(),
    };
    sections.into_iter().map(section).collect()
}

/// Splits at the commas that stand in no parentheses.
fn split(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    list.split(move |c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
}

/// The raw counts of one warehouse, asked once.
pub struct Books {
    session: Arc<Session>,
    tables: BTreeSet<String>,
    rows: BTreeMap<String, u64>,
    over: BTreeMap<(String, String), String>,
}

impl Books {
    /// Counts every table, and what the identities of `sections` compare with in other views.
    pub async fn open(session: Arc<Session>, sections: &[Section]) -> Books {
        let snapshot = session.snapshot();
        let tables = snapshot.table_names(session.definitions()).into_iter().collect();
        let filled: BTreeSet<String> = snapshot.cells.keys().map(|c| c.table.clone()).collect();
        let counts: Vec<String> = filled.iter().map(|t| format!("SELECT '{t}' AS t, count(*) AS n FROM {t}")).collect();
        let rows = rows(&session, &counts.join(" UNION ALL ")).await.unwrap();
        let rows = rows.into_iter().map(|row| (row[0].clone(), row[1].parse().unwrap())).collect();
        let mut books = Books { session, tables, rows, over: BTreeMap::new() };
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for identity in sections.iter().flat_map(|s| &s.identities) {
            if let MustBe::Over(view, aggregate) = &identity.must_be {
                wanted.entry(view.clone()).or_default().insert(aggregate.clone());
            }
        }
        for (view, aggregates) in wanted {
            let query = format!("SELECT {} FROM {view}", books.columns(aggregates.iter().map(String::as_str)));
            let row = one_row(&books.session, &query).await.unwrap();
            books.over.extend(aggregates.into_iter().map(|a| (view.clone(), a)).zip(row));
        }
        books
    }

    fn columns<'a>(&self, expressions: impl Iterator<Item = &'a str>) -> String {
        let named = expressions.enumerate().map(|(at, e)| format!("{} AS c{at}", self.expand(e)));
        named.collect::<Vec<_>>().join(", ")
    }

    /// The identities that do not hold in `session`, which reads the same warehouse, perhaps with other views.
    pub async fn broken(&self, session: &Session, section: &Section) -> Result<Vec<String>, String> {
        let said = self.columns(section.identities.iter().map(|i| i.says.as_str()));
        let said = one_row(session, &format!("SELECT {said} FROM {}", section.view)).await?;
        let scalar = |i: &Identity| match &i.must_be {
            MustBe::Scalar(scalar) => scalar.clone(),
            MustBe::Over(..) => "0".to_string(),
        };
        let scalars: Vec<String> = section.identities.iter().map(scalar).collect();
        let scalars = format!("SELECT {}", self.columns(scalars.iter().map(String::as_str)));
        // The other side is asked of the views as they are.
        let raw = one_row(&self.session, &scalars).await?;
        let mut broken = Vec::new();
        for ((identity, said), raw) in section.identities.iter().zip(&said).zip(raw) {
            let raw = match &identity.must_be {
                MustBe::Scalar(_) => raw,
                MustBe::Over(view, aggregate) => self.over[&(view.clone(), aggregate.clone())].clone(),
            };
            if value(said) != value(&raw) {
                broken.push(format!("{}: {said} and not {raw}: {}", section.view, identity.text));
            }
        }
        Ok(broken)
    }

    /// Puts SQL in the place of `#table`, `#table[condition]` and `real(x)`.
    fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('#') {
            out += &rest[..at];
            let name = &rest[at + 1..];
            let end = name.find(|c: char| c != '_' && !c.is_ascii_alphanumeric()).unwrap_or(name.len());
            let (name, after) = name.split_at(end);
            rest = after;
            if name == "every_table" {
                out += &self.rows.values().sum::<u64>().to_string();
                continue;
            }
            let table = format!("users_{name}");
            assert!(self.tables.contains(&table), "there is no table {table}");
            match condition(after) {
                Some((condition, after)) => {
                    out += &format!("(SELECT count(*) FROM {table} WHERE {condition})");
                    rest = after;
                }
                None => out += &self.rows.get(&table).copied().unwrap_or(0).to_string(),
            }
        }
        real(&(out + rest))
    }
}

/// What stands in the brackets that `text` opens with, and what follows them; `[REDACTED]` is no bracket of ours.
fn condition(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    let mut depth = 0;
    let end = inner.find(|c| {
        depth += i32::from(c == '[') - i32::from(c == ']');
        depth < 0
    })?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The innermost `real(x)` come last in the text, so they are replaced from its end.
fn real(text: &str) -> String {
    let mut text = text.to_string();
    while let Some(at) = text.rfind("real(") {
        let inner = at + "real(".len();
        let mut depth = 0;
        let end = text[inner..].find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            depth < 0
        });
        let end = inner + end.expect("real( is closed");
        text = format!("{}nullif(nullif({}, '[REDACTED]'), ''){}", &text[..at], &text[inner..end], &text[end + 1..]);
    }
    text
}

/// Numbers compare as numbers; what is missing is nothing, which is 0.
#[derive(PartialEq, Debug)]
enum Value {
    Number(f64),
    Text(String),
}

fn value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Number(0.0);
    }
    text.parse().map(Value::Number).unwrap_or_else(|_| Value::Text(text.to_string()))
}

async fn one_row(session: &Session, sql: &str) -> Result<Vec<String>, String> {
    let mut rows = rows(session, sql).await?;
    assert_eq!(rows.len(), 1, "one row of {sql}");
    Ok(rows.remove(0))
}

/// The rows of a query as text, null as nothing.
pub async fn rows(session: &Session, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let answer = session.run(sql).await.map_err(|e| format!("{}\n{sql}", e.show()))?;
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in answer.batches().map_err(|e| e.show())? {
        let batch = batch.map_err(|e| e.show())?;
        let shown: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(shown.iter().map(|c| c.value(row).to_string()).collect());
        }
    }
    Ok(rows)
}

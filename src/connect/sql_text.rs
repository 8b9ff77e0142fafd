//! Words of SQL as each engine spells them: quoted names and text, a column's type, nothing of a type.

use super::warehouse::{Column, Kind};
use std::fmt::Write as _;

/// An engine whose SQL is written here. Athena's tables are created in Hive's SQL and queried in Trino's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// DuckDB.
    DuckDb,
    /// Spark.
    Spark,
    /// ClickHouse.
    ClickHouse,
    /// Trino, and queries in Athena.
    Trino,
    /// Tables in Athena.
    Hive,
    /// BigQuery.
    BigQuery,
    /// Snowflake.
    Snowflake,
}

impl Engine {
    /// A type's name.
    pub fn kind(self, kind: Kind) -> &'static str {
        use Engine::*;
        match (kind, self) {
            (Kind::Text, DuckDb | Trino | Snowflake) => "VARCHAR",
            (Kind::Text, Spark | Hive | BigQuery) => "STRING",
            (Kind::Text, ClickHouse) => "Nullable(String)",
            (Kind::Integer, BigQuery) => "INT64",
            (Kind::Integer, ClickHouse) => "Nullable(Int64)",
            (Kind::Integer, _) => "BIGINT",
            (Kind::Double, BigQuery) => "FLOAT64",
            (Kind::Double, ClickHouse) => "Nullable(Float64)",
            (Kind::Double, _) => "DOUBLE",
            (Kind::Boolean, BigQuery) => "BOOL",
            (Kind::Boolean, ClickHouse) => "Nullable(Bool)",
            (Kind::Boolean, _) => "BOOLEAN",
            (Kind::Moment, DuckDb) => "TIMESTAMPTZ",
            (Kind::Moment, ClickHouse) => "Nullable(DateTime64(6, 'UTC'))",
            // What a Hive catalog takes unless told otherwise; Braze's clocks have milliseconds at most.
            (Kind::Moment, Trino) => "TIMESTAMP(3)",
            (Kind::Moment, Snowflake) => "TIMESTAMP_NTZ",
            (Kind::Moment, Spark | Hive | BigQuery) => "TIMESTAMP",
            (Kind::Day, ClickHouse) => "Nullable(Date32)",
            (Kind::Day, _) => "DATE",
            (Kind::Texts, DuckDb) => "VARCHAR[]",
            (Kind::Texts, Trino) => "ARRAY(VARCHAR)",
            // A list is never null in ClickHouse.
            (Kind::Texts, ClickHouse) => "Array(Nullable(String))",
            (Kind::Texts, Snowflake) => "ARRAY",
            (Kind::Texts, Spark | Hive | BigQuery) => "ARRAY<STRING>",
        }
    }

    /// A statement that makes a view, also in place of one. `schema` is empty or ends with its dot.
    pub fn view(self, schema: &str, name: &str, select: &str) -> String {
        format!("CREATE OR REPLACE VIEW {schema}{} AS\n{select}", self.name(name))
    }

    /// A name, quoted where the engine needs it or always where quoting changes nothing.
    pub fn name(self, name: &str) -> String {
        match self {
            Engine::DuckDb | Engine::Trino => format!("\"{}\"", name.replace('"', "\"\"")),
            Engine::Spark | Engine::Hive => format!("`{}`", name.replace('`', "``")),
            Engine::ClickHouse | Engine::BigQuery => format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`")),
            // Quoted, a name would have to be quoted in every query.
            Engine::Snowflake if is_plain(name) => name.to_string(),
            Engine::Snowflake => format!("\"{}\"", name.to_uppercase().replace('"', "\"\"")),
        }
    }

    /// Text as a literal.
    pub fn text(self, text: &str) -> String {
        match self {
            Engine::DuckDb | Engine::Trino => format!("'{}'", text.replace('\'', "''")),
            _ => format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'")),
        }
    }

    /// Null of a type.
    pub fn null(self, kind: Kind) -> String {
        match (self, kind) {
            (Engine::ClickHouse, Kind::Texts) => "CAST([] AS Array(Nullable(String)))".to_string(),
            _ => format!("CAST(NULL AS {})", self.kind(kind)),
        }
    }

    /// Whether a column of that name can be named in the engine's tables. Odd ones come with the data alone.
    pub fn takes(self, column: &str) -> bool {
        match self {
            Engine::Hive | Engine::BigQuery => is_plain(column),
            // A comma or a colon would end the name in the table's type.
            Engine::Trino => !column.contains([',', ':', ';']),
            _ => true,
        }
    }

    /// A SELECT of these columns and `queue_date` that has no row.
    pub fn nothing(self, columns: &[Column]) -> String {
        let mut sql = String::from("SELECT\n");
        for column in columns.iter().filter(|c| self.takes(&c.name)) {
            let _ = writeln!(sql, "  {} AS {},", self.null(column.kind), self.name(&column.name));
        }
        let _ = writeln!(sql, "  {} AS queue_date", self.null(Kind::Day));
        sql + match self {
            // No table, no WHERE.
            Engine::BigQuery => "FROM (SELECT 1) WHERE FALSE",
            _ => "WHERE 1 = 0",
        }
    }

    /// Names and types, one a line, without `queue_date`.
    pub fn definitions(self, columns: &[Column]) -> String {
        let each = columns.iter().filter(|c| self.takes(&c.name));
        let each = each.map(|c| format!("  {} {}", self.name(&c.name), self.kind(c.kind)));
        each.collect::<Vec<_>>().join(",\n")
    }
}

/// Whether every engine takes the name without quotes, unless it is one of its words.
pub fn is_plain(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Lines as comments.
pub fn comment(mark: &str, text: &str) -> String {
    text.lines().map(|line| format!("{mark} {line}").trim_end().to_string() + "\n").collect()
}

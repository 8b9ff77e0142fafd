//! Aggregates that depend on an order: the first, the last, a list, a joined text. DataFusion takes the order within the
//! parentheses; most engines have other means.

use super::Dialect;
use super::call::Call;
use super::kind::Kind;
use super::piece::Piece;
use super::query::Writer;
use super::window::Key;
use crate::error::Result;

/// What is made of the values in their order.
enum Made {
    /// The first of them, NULL though it be.
    First,
    /// All of them.
    List,
    /// All that are not NULL, with this text between.
    Joined(String),
}

impl Writer<'_> {
    /// One of those aggregates.
    pub fn ordered(&mut self, call: &Call) -> Result<Piece> {
        if call.distinct {
            return Err(self.refuse(format!("{}(DISTINCT …)", call.name)));
        }
        let (value, made, keys) = match (call.name, call.args.as_slice()) {
            ("first_value", [value]) => (value, Made::First, call.order.clone()),
            // The last is the first of the opposite order.
            ("last_value", [value]) => (value, Made::First, call.order.iter().map(Key::reversed).collect()),
            ("array_agg", [value]) => (value, Made::List, call.order.clone()),
            ("string_agg", [value, between]) => (value, Made::Joined(between.sql.clone()), call.order.clone()),
            _ => return Err(self.refuse(format!("{} with {} arguments", call.name, call.args.len()))),
        };
        if keys.is_empty() {
            return Err(self.refuse(format!("{} without an order, which yields any value,", call.name)));
        }
        let mut filter = call.filter.clone();
        if call.ignore_nulls || matches!(made, Made::Joined(_)) {
            filter = Some(and(filter, &format!("{} IS NOT NULL", value.operand())));
        }
        let sql = match self.dialect {
            Dialect::DuckDb => self.within_parentheses(value, &made, &keys, &filter, "first"),
            Dialect::Trino => self.trino_list(value, &made, &keys, &filter),
            Dialect::BigQuery => self.bigquery_list(value, &made, &keys, &filter),
            Dialect::Snowflake => self.snowflake_list(value, &made, &keys, &filter)?,
            Dialect::Spark => spark_list(value, &made, &keys, &filter),
            Dialect::ClickHouse => self.clickhouse_list(value, &made, &keys, &filter)?,
        };
        let kind = match made {
            Made::First => value.kind.clone(),
            Made::List => Kind::List(Box::new(value.kind.clone())),
            Made::Joined(_) => Kind::Text,
        };
        Ok(Piece::new(sql, kind))
    }

    fn within_parentheses(
        &self,
        value: &Piece,
        made: &Made,
        keys: &[Key],
        filter: &Option<String>,
        first: &str,
    ) -> String {
        let (value, order) = (&value.sql, self.order(keys));
        let call = match made {
            Made::First => format!("{first}({value} ORDER BY {order})"),
            Made::List => format!("array_agg({value} ORDER BY {order})"),
            Made::Joined(between) => format!("string_agg({value}, {between} ORDER BY {order})"),
        };
        format!("{call}{}", clause(filter))
    }

    fn trino_list(&self, value: &Piece, made: &Made, keys: &[Key], filter: &Option<String>) -> String {
        let list = format!("array_agg({} ORDER BY {}){}", value.sql, self.order(keys), clause(filter));
        match made {
            Made::First => format!("element_at({list}, 1)"),
            Made::List => list,
            Made::Joined(between) => format!("array_join({list}, {between})"),
        }
    }

    /// A list in BigQuery holds no NULL. A struct that holds one is none, which is enough for the first.
    fn bigquery_list(&mut self, value: &Piece, made: &Made, keys: &[Key], filter: &Option<String>) -> String {
        let only =
            |value: &str| filter.as_ref().map_or_else(|| value.to_string(), |f| format!("IF({f}, {value}, NULL)"));
        let order = self.order(keys);
        match made {
            Made::First => {
                let held = only(&format!("STRUCT({} AS value)", value.sql));
                format!("ARRAY_AGG({held} IGNORE NULLS ORDER BY {order} LIMIT 1)[SAFE_OFFSET(0)].value")
            }
            Made::List => {
                self.note("A list in BigQuery holds no NULLs: those that other engines show in lists are left out.");
                format!("ARRAY_AGG({} IGNORE NULLS ORDER BY {order})", only(&value.sql))
            }
            Made::Joined(between) => format!("STRING_AGG({}, {between} ORDER BY {order})", only(&value.sql)),
        }
    }

    /// ARRAY_AGG leaves out NULLs there: a list of one NULL is none.
    fn snowflake_list(&mut self, value: &Piece, made: &Made, keys: &[Key], filter: &Option<String>) -> Result<String> {
        let only =
            |value: &str| filter.as_ref().map_or_else(|| value.to_string(), |f| format!("IFF({f}, {value}, NULL)"));
        let order = self.order(keys);
        Ok(match made {
            Made::First => {
                let Some(name) = value.kind.name_in(self.dialect) else {
                    return Err(self.refuse("the first of values whose type is not known"));
                };
                let held = only(&format!("ARRAY_CONSTRUCT({})", value.sql));
                format!("CAST(GET(GET(ARRAY_AGG({held}) WITHIN GROUP (ORDER BY {order}), 0), 0) AS {name})")
            }
            Made::List => {
                self.note(
                    "ARRAY_AGG in Snowflake leaves out NULLs, and where nothing is left the list is empty and not NULL.",
                );
                format!("ARRAY_AGG({}) WITHIN GROUP (ORDER BY {order})", only(&value.sql))
            }
            Made::Joined(between) => {
                format!("NULLIF(LISTAGG({}, {between}) WITHIN GROUP (ORDER BY {order}), '')", only(&value.sql))
            }
        })
    }

    /// Tuples of the value and the keys, sorted by the keys. Texts sort upwards alone, so all of them must.
    fn clickhouse_list(&mut self, value: &Piece, made: &Made, keys: &[Key], filter: &Option<String>) -> Result<String> {
        let text = |key: &Key| {
            !matches!(key.piece.kind, Kind::Integer | Kind::Double | Kind::Date | Kind::Timestamp | Kind::Boolean)
        };
        let downwards = keys.iter().filter(|k| text(k)).all(|k| k.descending) && keys.iter().any(text);
        let keys: Vec<Key> = keys.iter().map(|k| if downwards { k.reversed() } else { k.clone() }).collect();
        if keys.iter().any(|k| text(k) && k.descending) {
            return Err(self.refuse("an aggregate in an order of several texts, one upwards and one downwards,"));
        }
        let mut held = vec![value.sql.clone()];
        for key in &keys {
            let sql = &key.piece.sql;
            let number = match key.piece.kind {
                Kind::Timestamp => Some(format!("toUnixTimestamp64Micro({sql})")),
                Kind::Date | Kind::Boolean => Some(format!("toInt64({sql})")),
                Kind::Integer | Kind::Double => Some(sql.clone()),
                _ => None,
            };
            held.push(format!("{}({sql})", if key.nulls_first { "isNotNull" } else { "isNull" }));
            held.push(match number {
                Some(number) if key.descending => format!("-ifNull({number}, 0)"),
                Some(number) => format!("ifNull({number}, 0)"),
                None => format!("ifNull({sql}, '')"),
            });
        }
        let list = format!("groupArray(tuple({})){}", held.join(", "), clause(filter));
        let by: Vec<String> = (2..=held.len()).map(|at| format!("t.{at}")).collect();
        let sort = if downwards { "arrayReverseSort" } else { "arraySort" };
        let sorted = format!("arrayMap(t -> t.1, {sort}(t -> tuple({}), {list}))", by.join(", "));
        Ok(match made {
            Made::First => format!("if(empty({sorted}), NULL, {sorted}[1])"),
            Made::List => {
                self.note("A list in ClickHouse is never NULL: where nothing is in it, it is empty.");
                sorted
            }
            Made::Joined(between) => format!("nullIf(arrayStringConcat({sorted}, {between}), '')"),
        })
    }
}

/// Structs of the value and the keys, sorted by a comparison of the keys.
fn spark_list(value: &Piece, made: &Made, keys: &[Key], filter: &Option<String>) -> String {
    let mut held = vec![format!("{} AS value", value.sql)];
    let mut steps = Vec::new();
    for (at, key) in keys.iter().enumerate() {
        held.push(format!("{} AS key{at}", key.piece.sql));
        let (l, r) = (format!("l.key{at}"), format!("r.key{at}"));
        if key.nullable {
            let (first, last) = if key.nulls_first { (-1, 1) } else { (1, -1) };
            steps.push(format!("WHEN {l} IS NULL AND {r} IS NOT NULL THEN {first}"));
            steps.push(format!("WHEN {l} IS NOT NULL AND {r} IS NULL THEN {last}"));
        }
        let (less, more) = if key.descending { (1, -1) } else { (-1, 1) };
        steps.push(format!("WHEN {l} < {r} THEN {less}"));
        steps.push(format!("WHEN {l} > {r} THEN {more}"));
    }
    let list = format!("collect_list(struct({})){}", held.join(", "), clause(filter));
    let sorted = format!("array_sort({list}, (l, r) -> CASE {} ELSE 0 END)", steps.join(" "));
    match made {
        Made::First => format!("get({sorted}, 0).value"),
        // An empty list is what other engines leave NULL.
        Made::List => format!("transform(nullif({sorted}, array()), t -> t.value)"),
        Made::Joined(between) => {
            format!("nullif(array_join(transform({sorted}, t -> t.value), {between}), '')")
        }
    }
}

fn and(filter: Option<String>, more: &str) -> String {
    filter.map_or_else(|| more.to_string(), |filter| format!("({filter}) AND {more}"))
}

fn clause(filter: &Option<String>) -> String {
    filter.as_ref().map_or_else(String::new, |filter| format!(" FILTER (WHERE {filter})"))
}

//! Each rule of the translation in the engines it concerns, and every view in every engine.

use super::*;
use crate::query::BUILTIN_VIEWS;
use crate::query::views::load;
use crate::table::Definitions;

fn relations() -> Relations {
    Relations::of(&Definitions::builtin().unwrap())
}

/// Every view in an engine's SQL.
fn all(dialect: Dialect) -> Vec<(String, Translation)> {
    let relations = relations();
    let views = load(BUILTIN_VIEWS, &[], |name| relations.get(name).is_some()).unwrap();
    let mut translator = Translator::new(dialect, relations);
    views.iter().map(|view| (view.name.clone(), translator.translate(view).unwrap())).collect()
}

fn translated(dialect: Dialect, sql: &str) -> Result<Translation> {
    let mut relations = Relations::new();
    let columns = [
        ("t", Kind::Text),
        ("n", Kind::Integer),
        ("x", Kind::Double),
        ("b", Kind::Boolean),
        ("d", Kind::Date),
        ("moment", Kind::Timestamp),
        ("l", Kind::List(Box::new(Kind::Text))),
    ];
    relations.add("r", columns.map(|(name, kind)| (name.to_string(), kind)).to_vec());
    Translator::new(dialect, relations).translate(&View::parse("v.sql", sql).unwrap())
}

/// One expression over `r` in every engine, in the order of [`Dialect::ALL`].
fn said(expr: &str) -> Vec<String> {
    Dialect::ALL.into_iter().map(|dialect| said_in(dialect, expr)).collect()
}

fn said_in(dialect: Dialect, expr: &str) -> String {
    let sql = translated(dialect, &format!("SELECT {expr} FROM r")).unwrap().sql;
    let sql = sql.strip_suffix(clickhouse::SETTINGS).unwrap_or(&sql).trim_end();
    sql.strip_prefix("SELECT").and_then(|s| s.strip_suffix("FROM r")).unwrap_or(sql).trim().to_string()
}

fn refused(dialect: Dialect, expr: &str) -> String {
    translated(dialect, &format!("SELECT {expr} FROM r")).unwrap_err().what().to_string()
}

#[test]
fn every_view_is_said_in_every_engine() {
    for dialect in Dialect::ALL {
        let written = all(dialect);
        assert_eq!(written.len(), BUILTIN_VIEWS.len(), "{dialect}");
        for (name, view) in &written {
            assert!(view.sql.starts_with("WITH") || view.sql.starts_with("SELECT"), "{dialect} {name}: {}", view.sql);
        }
        let mut noted: Vec<&str> =
            written.iter().filter(|(_, v)| !v.notes.is_empty()).map(|(n, _)| n.as_str()).collect();
        noted.sort_unstable();
        let lists = ["banner_engagement", "canvas_journey", "in_app_engagement", "schema_audit"];
        let expected: &[&str] = match dialect {
            Dialect::DuckDb => &[],
            Dialect::Spark => &["send_time_performance", "users_merged"],
            Dialect::Trino => &["users_merged"],
            Dialect::ClickHouse | Dialect::BigQuery => &lists,
            Dialect::Snowflake => &[lists[0], lists[1], lists[2], lists[3], "send_time_performance"],
        };
        assert_eq!(noted, expected, "{dialect}");
    }
}

#[test]
fn division_of_integers_cuts_off_and_of_reals_does_not() {
    let both = said("n / 900 * 900");
    let expected = [
        "(n // 900) * 900",
        "(n div 900) * 900",
        "intDiv(n, 900) * 900",
        "(n / 900) * 900",
        "DIV(n, 900) * 900",
        "CAST((n - MOD(n, 900)) / 900 AS BIGINT) * 900",
    ];
    assert_eq!(both, expected);
    assert_eq!(said_in(Dialect::DuckDb, "CAST(n AS DOUBLE) / n"), "CAST(n AS DOUBLE) / n");
    assert_eq!(said_in(Dialect::Trino, "60.0 * n / n"), "60.0e0 * n / n");
    assert!(refused(Dialect::DuckDb, "t / 2").contains("v.sql: t / 2"), "{}", refused(Dialect::DuckDb, "t / 2"));
}

#[test]
fn a_type_follows_through_with_and_union() {
    let sql = "WITH w AS (SELECT NULL AS k, sum(n) AS s FROM r UNION ALL SELECT moment, 1 FROM r) SELECT s / 2 FROM w";
    let sql = translated(Dialect::DuckDb, sql).unwrap().sql;
    assert!(sql.contains("CAST(NULL AS TIMESTAMPTZ) AS k"), "{sql}");
    assert!(sql.contains("SELECT (s // 2)"), "{sql}");
}

#[test]
fn nulls_are_always_placed() {
    let first = said("row_number() OVER (ORDER BY n, x DESC)");
    let plain = "row_number() OVER (ORDER BY n NULLS LAST, x DESC NULLS FIRST)";
    for (dialect, said) in Dialect::ALL.into_iter().zip(first) {
        match dialect {
            Dialect::BigQuery => {
                assert_eq!(said, "row_number() OVER (ORDER BY n IS NULL, n, x IS NULL DESC, x DESC)");
            }
            Dialect::ClickHouse => assert_eq!(said, format!("toInt64({plain})")),
            _ => assert_eq!(said, plain),
        }
    }
}

#[test]
fn a_filter_stands_where_the_engine_takes_it() {
    let counted = said("count(DISTINCT t) FILTER (WHERE b)");
    assert_eq!(counted[0], "count(DISTINCT t) FILTER (WHERE b)");
    assert_eq!(counted[4], "count(DISTINCT IF(b, t, NULL))");
    assert_eq!(counted[5], "count(DISTINCT IFF(b, t, NULL))");
    let rows = said("count(*) FILTER (WHERE b)");
    assert_eq!(rows[2], "toInt64(count(*) FILTER (WHERE b))");
    assert_eq!((rows[4].as_str(), rows[5].as_str()), ("COUNTIF(b)", "COUNT_IF(b)"));
}

#[test]
fn the_first_in_an_order() {
    let first = said("first_value(t ORDER BY n DESC) FILTER (WHERE b)");
    assert_eq!(first[0], "first(t ORDER BY n DESC NULLS FIRST) FILTER (WHERE b)");
    assert_eq!(first[3], "element_at(array_agg(t ORDER BY n DESC NULLS FIRST) FILTER (WHERE b), 1)");
    assert!(first[1].ends_with(", 0).value") && first[1].contains("WHEN l.key0 < r.key0 THEN 1"), "{}", first[1]);
    assert!(first[4].contains("ARRAY_AGG(IF(b, STRUCT(t AS value), NULL) IGNORE NULLS"), "{}", first[4]);
    assert!(first[5].starts_with("CAST(GET(GET(ARRAY_AGG(IFF(b, ARRAY_CONSTRUCT(t), NULL))"), "{}", first[5]);
    assert!(refused(Dialect::DuckDb, "array_agg(t)").contains("without an order"));
    assert!(
        refused(Dialect::ClickHouse, "first_value(n ORDER BY t, t DESC)").contains("one upwards and one downwards")
    );
}

#[test]
fn the_next_that_is_known() {
    let next = said("lead(t) IGNORE NULLS OVER (ORDER BY b IS NULL)");
    assert_eq!(next[0], "lead(t IGNORE NULLS) OVER (ORDER BY b IS NULL)");
    assert_eq!(next[3], "lead(t) IGNORE NULLS OVER (ORDER BY b IS NULL)");
    let after = "OVER (ORDER BY b IS NULL ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)";
    assert_eq!(next[4], format!("FIRST_VALUE(t IGNORE NULLS) {after}"));
}

#[test]
fn days_are_those_of_utc_and_have_24_hours() {
    assert_eq!(said_in(Dialect::DuckDb, "CAST(moment AS DATE)"), "CAST(make_timestamp(epoch_us(moment)) AS DATE)");
    assert_eq!(said_in(Dialect::DuckDb, "moment - INTERVAL '7 days'"), "(moment - INTERVAL '168 hours')");
    assert_eq!(said_in(Dialect::BigQuery, "moment - INTERVAL '7 days'"), "TIMESTAMP_SUB(moment, INTERVAL 7 DAY)");
    assert_eq!(said_in(Dialect::Trino, "moment - INTERVAL '7 days'"), "date_add('day', -7, moment)");
    assert_eq!(said_in(Dialect::BigQuery, "moment < d"), "moment < TIMESTAMP(d)");
    assert_eq!(said_in(Dialect::DuckDb, "moment < d"), "make_timestamp(epoch_us(moment)) < CAST(d AS TIMESTAMP)");
    assert_eq!(said_in(Dialect::BigQuery, "d - d"), "DATE_DIFF(d, d, DAY)");
    assert_eq!(said_in(Dialect::Trino, "d >= '2026-03-01'"), "d >= CAST('2026-03-01' AS DATE)");
    let over = "sum(n) OVER (ORDER BY d RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW)";
    let ranged = said(over);
    assert!(ranged[0].contains("ORDER BY d NULLS LAST RANGE BETWEEN INTERVAL '6 days' PRECEDING"), "{}", ranged[0]);
    assert!(ranged[4].contains("ORDER BY UNIX_DATE(d) RANGE BETWEEN 6 PRECEDING"), "{}", ranged[4]);
    assert!(refused(Dialect::Spark, "local_time(moment, t) < moment").contains("a local time"));
}

#[test]
fn casts_to_integers_cut_off() {
    let cast = said("CAST(x AS BIGINT)");
    assert_eq!(cast[0], "CAST(trunc(x) AS BIGINT)");
    assert_eq!(cast[1], "CAST(x AS BIGINT)");
    assert_eq!(cast[3], "CAST(truncate(x) AS BIGINT)");
    assert_eq!(said_in(Dialect::BigQuery, "TRY_CAST(t AS BIGINT)"), "SAFE_CAST(t AS INT64)");
    assert_eq!(said_in(Dialect::ClickHouse, "TRY_CAST(t AS BIGINT)"), "accurateCastOrNull(t, 'Int64')");
}

#[test]
fn patterns_keep_their_meaning() {
    let matched = said(r"regexp_match(t, '(?:^|a)(b\.)')[1]");
    assert_eq!(matched[0], r"regexp_extract_all(t, '(?:^|a)(b\.)', 1)[1]");
    assert_eq!(matched[1], r"get(regexp_extract_all(t, '(?:^|a)(b\\.)', 1), 0)");
    assert_eq!(matched[5], r"REGEXP_SUBSTR(t, '(^|a)(b\\.)', 1, 1, 'e', 2)");
    let first = said(r"regexp_replace(t, '(a)b', '\1')");
    assert_eq!(first[0], r"regexp_replace(t, '(a)b', '\1')");
    assert_eq!(first[3], r"regexp_replace(t, '^([\s\S]*?)(?:(a)b)', '$1$2')");
    assert_eq!(first[4], r"REGEXP_REPLACE(t, '^([\\s\\S]*?)(?:(a)b)', '\\1\\2')");
    assert_eq!(said_in(Dialect::Spark, r"regexp_replace(t, 'a', '', 'g')"), "regexp_replace(t, 'a', '')");
    assert!(refused(Dialect::Snowflake, "regexp_like(t, 'a*?')").contains("*?"));
    assert!(refused(Dialect::DuckDb, "regexp_match(t, 'a')").contains("regexp_match"));
}

#[test]
fn a_list_opened_in_a_column() {
    let opened = |dialect| translated(dialect, "SELECT n, unnest(l) AS item FROM r").unwrap().sql;
    assert_eq!(opened(Dialect::DuckDb), "SELECT n, unnest(l) AS item\nFROM r");
    assert_eq!(
        opened(Dialect::Trino),
        "SELECT n, opened_1.item AS item\nFROM r\nCROSS JOIN UNNEST(l) AS opened_1 (item)"
    );
    assert!(opened(Dialect::Snowflake).contains("CAST(opened_1.value AS VARCHAR) AS item"));
}

#[test]
fn a_null_does_not_swallow_the_rest() {
    assert_eq!(said_in(Dialect::Spark, "concat(t, n)"), "concat(coalesce(t, ''), coalesce(CAST(n AS STRING), ''))");
    assert_eq!(said_in(Dialect::Trino, "greatest(n, 0)"), "coalesce(greatest(n, 0), n, 0)");
    assert_eq!(said_in(Dialect::DuckDb, "greatest(n, 0)"), "greatest(n, 0)");
}

#[test]
fn names_and_texts_are_the_engines_own() {
    let sql = "SELECT n AS \"rows\", 'it''s \\ so' AS t FROM r";
    assert_eq!(translated(Dialect::BigQuery, sql).unwrap().sql, "SELECT n AS `rows`, 'it\\'s \\\\ so' AS t\nFROM r");
    assert_eq!(translated(Dialect::Snowflake, sql).unwrap().sql, "SELECT n AS \"ROWS\", 'it\\'s \\\\ so' AS t\nFROM r");
    assert_eq!(translated(Dialect::Trino, sql).unwrap().sql, "SELECT n AS rows, 'it''s \\ so' AS t\nFROM r");
    let within = Relations::new().lie_within(&["eddyline"]);
    let view = View::parse("v.sql", "WITH w AS (SELECT key FROM system.files) SELECT key FROM w").unwrap();
    let sql = Translator::new(Dialect::BigQuery, within).translate(&view).unwrap().sql;
    assert!(sql.contains("FROM eddyline.system_files\n") && sql.ends_with("FROM w"), "{sql}");
}

#[test]
fn a_group_is_named_by_its_place_where_it_is_an_alias() {
    let sql = "SELECT lower(t) AS word, n, count(*) FROM r GROUP BY word, n";
    assert!(translated(Dialect::Trino, sql).unwrap().sql.ends_with("GROUP BY 1, n"));
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for dialect in Dialect::ALL {
        let what = refused(dialect, "approx_distinct(t)");
        assert!(
            what.starts_with("v.sql: the function approx_distinct") && what.contains(&dialect.to_string()),
            "{what}"
        );
        for sql in [
            "SELECT DISTINCT ON (t) t FROM r",
            "SELECT t FROM r GROUP BY ALL",
            "SELECT t FROM r EXCEPT SELECT t FROM r",
        ] {
            assert!(translated(dialect, sql).is_err(), "{dialect}: {sql}");
        }
    }
}

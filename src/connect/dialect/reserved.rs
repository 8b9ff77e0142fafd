//! Words that cannot be names unless quoted, as each engine's documentation lists them.

use super::Dialect;

const DUCKDB: &str = "all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by case \
    cast check collate collation column columns concurrently constraint create cross default deferrable \
    desc describe distinct do else end except false fetch for foreign freeze from full generated glob \
    group having ilike in initially inner intersect into is isnull join lambda lateral leading left like \
    limit map natural not notnull null offset on only or order outer overlaps pivot pivot_longer \
    pivot_wider placing positional primary qualify references returning right select semi show similar \
    some struct summarize symmetric table tablesample then to trailing true try_cast tuple union unique \
    unpack unpivot using variadic verbose when where window with";
const SPARK: &str = "all and anti any as authorization between both by case cast check collate column constraint create \
    cross cube current_date current_time current_timestamp current_user distinct else end escape except \
    execute exists false fetch filter for foreign from full grant group grouping having in inner \
    intersect into is join lateral leading left like minus natural not null offset on only or order \
    outer overlaps primary references right select semi session_user some table then to trailing union \
    unique user using when where window with within";
const CLICKHOUSE: &str = "all and anti any array as asc asof between by case cast cross current default desc distinct div else \
    end except exists false final format from full global group having if ilike in inner intersect \
    interval into is join left like limit mod not null offset on or order outer over partition prewhere \
    right rows sample select semi set settings table then to totals true union using values when where \
    window with";
const TRINO: &str = "alter and as between by case cast constraint create cross cube current_catalog current_date \
    current_path current_role current_schema current_time current_timestamp current_user deallocate \
    delete describe distinct drop else end escape except execute exists extract false for from full \
    group grouping having in inner insert intersect into is join json_array json_exists json_object \
    json_query json_table json_value left like listagg localtime localtimestamp natural normalize not \
    null on or order outer prepare recursive right rollup select skip table then trim true uescape union \
    unnest using values when where with";
const BIGQUERY: &str = "all and any array as asc assert_rows_modified at between by case cast collate contains create cross \
    cube current default define desc distinct else end enum escape except exclude exists extract false \
    fetch following for from full group grouping groups hash having if ignore in inner intersect \
    interval into is join lateral left like limit lookup merge natural new no not null nulls of on or \
    order outer over partition preceding proto qualify range recursive respect right rollup rows select \
    set some struct tablesample then to treat true unbounded union unnest using when where window with \
    within";
const SNOWFLAKE: &str = "account all alter and any as between by case cast check column connect connection constraint create \
    cross current current_date current_time current_timestamp current_user database delete distinct drop \
    else exists false following for from full grant group gscluster having ilike in increment inner \
    insert intersect into is issue join lateral left like localtime localtimestamp minus natural not \
    null of on or order organization qualify regexp revoke right rlike row rows sample schema select set \
    some start table tablesample then to trigger true try_cast union unique update using values view \
    when whenever where with";

/// Whether an engine reserves a word.
pub fn is_reserved(dialect: Dialect, word: &str) -> bool {
    let words = match dialect {
        Dialect::DuckDb => DUCKDB,
        Dialect::Spark => SPARK,
        Dialect::ClickHouse => CLICKHOUSE,
        Dialect::Trino => TRINO,
        Dialect::BigQuery => BIGQUERY,
        Dialect::Snowflake => SNOWFLAKE,
    };
    words.split_whitespace().any(|w| w == word)
}

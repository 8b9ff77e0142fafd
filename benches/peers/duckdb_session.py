"""DuckDB over the Parquet files of a warehouse, with Eddyline's own views: `duckdb_session.py PLAN.json`.

PLAN names the warehouse, the columns of every table, the views' SQL and the memory limit. Statements come in as JSON,
one a line; each is answered with a line of JSON: columns and rows, or an error.

Adapted to DuckDB, by rule: `to_unixtime`, `make_array` and `array_min` as macros, `first_value` as `first`, the order
of nulls as in PostgreSQL. `time` is read as a timestamp without a zone, which DuckDB casts ten times faster. Footers
are kept between statements.
"""

import datetime
import json
import os
import sys
from pathlib import Path

import duckdb

TYPES = {"bigint": "BIGINT", "boolean": "BOOLEAN", "date": "DATE", "double": "DOUBLE", "text": "VARCHAR"}
TYPES |= {"text[]": "VARCHAR[]", "timestamp": "TIMESTAMP"}
SETTINGS = [
    "SET TimeZone = 'UTC'",
    "SET default_null_order = 'nulls_last_on_asc_first_on_desc'",
    "SET parquet_metadata_cache = true",
    "SET preserve_insertion_order = false",
    "CREATE MACRO to_unixtime(moment) AS epoch_us(moment) // 1000000",
    "CREATE MACRO make_array(item) AS [item]",
    "CREATE MACRO array_min(items) AS list_min(items)",
]


def table(warehouse, name, columns):
    """A view over a table's objects; without objects, an empty one with the same columns."""
    if not any(Path(warehouse, "tables", name).glob("*/*.parquet")):
        nulls = ", ".join(f'NULL::{TYPES[kind]} AS "{column}"' for column, kind in columns.items())
        return f"CREATE VIEW {name} AS SELECT {nulls} WHERE false"
    moments = [column for column, kind in columns.items() if kind == "timestamp"]
    plain = ", ".join(f'make_timestamp(epoch_us("{column}")) AS "{column}"' for column in moments)
    replaced = f" REPLACE ({plain})" if moments else ""
    return (
        f"CREATE VIEW {name} AS SELECT *{replaced} FROM read_parquet('{warehouse}/tables/{name}/*/*.parquet', "
        "hive_partitioning = true, hive_types = {'queue_date': DATE})"
    )


def all_events(tables, definitions, wanted):
    """The relation `all_events`: every table under the columns most types share."""
    parts = []
    for name, columns in tables.items():
        defined = definitions.get(name, {})
        constants = {"event_type": defined.get("event_type"), "table_name": name, "stage": defined.get("stage")}
        if defined.get("channel") != "row.channel":
            constants["channel"] = defined.get("channel")
        chosen = []
        for column, kind in wanted.items():
            if column in constants:
                text = constants[column]
                chosen.append(f"{'NULL::VARCHAR' if text is None else repr(text)} AS {column}")
            elif column in columns:
                chosen.append(f'"{column}"')
            else:
                chosen.append(f'NULL::{TYPES[kind]} AS "{column}"')
        parts.append(f"SELECT {', '.join(chosen)} FROM {name}")
    return "CREATE VIEW all_events AS " + " UNION ALL ".join(parts)


def make_views(con, views):
    """Creates views that name each other, whatever their order. What DuckDB cannot read is left out, with what is built
    on it: a query that needs it is an error."""
    left, progress = dict(views), True
    while left and progress:
        refused = {}
        for name, text in left.items():
            try:
                con.execute(f"CREATE VIEW {name} AS\n{text.replace('first_value(', 'first(')}")
            except duckdb.Error:
                refused[name] = text
        progress, left = len(refused) < len(left), refused


def session(plan):
    con = duckdb.connect(config={"threads": len(os.sched_getaffinity(0)), "memory_limit": plan["memory"]})
    for setting in SETTINGS:
        con.execute(setting)
    for name, columns in plan["tables"].items():
        con.execute(table(plan["warehouse"], name, columns))
    con.execute(all_events(plan["tables"], plan["definitions"], plan["all_events"]))
    make_views(con, plan["views"])
    return con


def plain(value):
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def main():
    con = session(json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        try:
            answer = con.execute(json.loads(line))
            names = [column[0] for column in answer.description]
            rows = [[plain(value) for value in row] for row in answer.fetchall()]
            print(json.dumps({"columns": names, "rows": rows}), flush=True)
        except duckdb.Error as e:
            print(json.dumps({"error": str(e)}), flush=True)


main()

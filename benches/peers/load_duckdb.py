"""The load with DuckDB: `load_duckdb.py EXPORT OUT`, or `load_duckdb.py --open` to stop before the work begins.

Choices: one statement per table; `read_avro` once per writer schema, because a list of files takes the
first file's columns and drops later ones without a word, and `UNION ALL BY NAME` of a few lists does without
`union_by_name`, which opens every file to bind; `DISTINCT ON (id)`, measured to be less work here than a window
function or a temporary table; Parquet v2 encodings, measured both smaller and faster than the default; no insertion order.
"""

import os
import sys
from pathlib import Path

import duckdb
import duckdb_extension_avro

import export

WRITE = "FORMAT parquet, PARTITION_BY (queue_date), COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"


def session():
    con = duckdb.connect()
    extensions = Path(duckdb_extension_avro.__file__).parent / "extensions"
    con.execute(f"LOAD '{extensions / f'v{duckdb.__version__}' / 'avro.duckdb_extension'}'")
    con.execute(f"SET threads = {len(os.sched_getaffinity(0))}")
    con.execute("SET preserve_insertion_order = false")
    return con


def records(table):
    """Every record of a table with its queue day. `date=` of the path is a constant per file, not a text per row."""
    parts = []
    for paths in table.schemas().values():
        files = ", ".join(f"'{path}'" for path in paths)
        parts.append(
            "SELECT * EXCLUDE (event_type, date), substr(date, 1, 10) AS queue_date "
            f"FROM read_avro([{files}], hive_partitioning = true, hive_types = {{'date': VARCHAR}})"
        )
    return " UNION ALL BY NAME ".join(parts)


def main(source, out):
    con = session()
    for name, table in export.tables(source).items():
        os.makedirs(f"{out}/{name}")
        con.execute(f"COPY (SELECT DISTINCT ON (id) * FROM ({records(table)})) TO '{out}/{name}' ({WRITE})")


if __name__ == "__main__":
    if sys.argv[1] == "--open":
        session()
    else:
        main(*sys.argv[1:])

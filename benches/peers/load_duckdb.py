"""The load with DuckDB: `load_duckdb.py [--bare] EXPORT OUT`, or `load_duckdb.py --open` to stop before the work begins.

Choices: one statement per table; `read_avro` once per writer schema, because a list of files takes the
first file's columns and drops later ones without a word, and `UNION ALL BY NAME` of a few lists does without
`union_by_name`, which opens every file to bind; `DISTINCT ON (id)`, measured to be less work here than a window
function or a temporary table; Parquet v2 encodings, measured both smaller and faster than the default; no insertion
order, except where rows are to have their numbers: the reader does not know them, so they are counted in order.
"""

import os
import sys
from pathlib import Path

import duckdb
import duckdb_extension_avro

import export

WRITE = "FORMAT parquet, PARTITION_BY (queue_date), COMPRESSION zstd, COMPRESSION_LEVEL 1, PARQUET_VERSION v2"


def session(in_order=False):
    con = duckdb.connect()
    extensions = Path(duckdb_extension_avro.__file__).parent / "extensions"
    con.execute(f"LOAD '{extensions / f'v{duckdb.__version__}' / 'avro.duckdb_extension'}'")
    con.execute(f"SET threads = {len(os.sched_getaffinity(0))}")
    con.execute(f"SET preserve_insertion_order = {in_order}")
    return con


def read(paths, root, bare):
    """The records of one schema's files with their queue day. `date=` of the path is a constant per file, not a text
    per row."""
    files = ", ".join(f"'{path}'" for path in paths)
    rows = f"read_avro([{files}], filename = {not bare}, hive_partitioning = true, hive_types = {{'date': VARCHAR}})"
    day = "substr(date, 1, 10) AS queue_date"
    if bare:
        return f"SELECT * EXCLUDE (event_type, date), {day} FROM {rows}"
    names = {column["name"] for column in export.writer_schema(paths[0])["fields"]}
    moments = {name: micros for name, micros in export.MOMENTS.items() if name in names}
    values = [f"make_timestamptz({name}::BIGINT * {micros}) AS {name}" for name, micros in moments.items()]
    values += [day, f"substr(filename, {len(root) + 2}) AS _source_file"]
    values += ["number - min(number) OVER (PARTITION BY filename) AS _source_row"]
    left_out = ", ".join(["event_type", "date", "filename", "number", *moments])
    return (
        f"SELECT * EXCLUDE ({left_out}), {', '.join(values)} "
        f"FROM (SELECT *, row_number() OVER () AS number FROM {rows})"
    )


def main(source, out, bare):
    con = session(in_order=not bare)
    for name, table in export.tables(source).items():
        os.makedirs(f"{out}/{name}")
        rows = " UNION ALL BY NAME ".join(read(paths, source, bare) for paths in table.schemas().values())
        con.execute(f"COPY (SELECT DISTINCT ON (id) * FROM ({rows})) TO '{out}/{name}' ({WRITE})")


if __name__ == "__main__":
    if sys.argv[1] == "--open":
        session()
    else:
        main(*sys.argv[-2:], bare=sys.argv[1] == "--bare")

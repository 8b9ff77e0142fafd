"""Which ids an export delivers more than once: `doubled.py EXPORT OUT.parquet`.

The copies of an event may lie in another hour, day and writer schema, so that they differ in the day and in columns one
schema lacks. Any of them may stay; `rows.py` leaves the values of these ids out of the comparison.
"""

import sys

import duckdb

import export
import load_duckdb


def main(source, out):
    con = load_duckdb.session()
    con.execute("CREATE TEMP TABLE doubled (name VARCHAR, id VARCHAR)")
    for name, table in export.tables(source).items():
        ids = " UNION ALL ".join(
            f"SELECT id FROM read_avro([{', '.join(repr(path) for path in paths)}])"
            for paths in table.schemas().values()
        )
        con.execute(f"INSERT INTO doubled SELECT '{name}', id FROM ({ids}) GROUP BY id HAVING count(*) > 1")
    con.execute(f"COPY doubled TO '{out}' (FORMAT parquet)")


main(*sys.argv[1:])

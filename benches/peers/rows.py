"""Do the outputs of a load hold the same rows? `rows.py TRUTH DOUBLED [--counts] NAME=FOLDER...` prints JSON.

FOLDER holds `<table>/queue_date=<day>/*.parquet`. Per table and output: rows, distinct ids and rows per day; and per
column the number of values and a sum of hashes of (id, value), so that a value in the wrong row shows too. Values are
brought to one form first: moments as microseconds, floats as 32 bits (what the files hold), an empty list as no list.
The first output is the one the others are compared with, and it is compared with what was generated. `--counts` leaves
the columns out.
"""

import json
import sys
from pathlib import Path

import duckdb

from bench import BARE

#: Where a row came from: compared for all but the bare outputs, which do not say it.
LINEAGE = {"_source_file", "_source_row"}
#: Eddyline's own, and the folder's name.
NOT_COMPARED = {"_extra", "queue_date"}


def form(column, kind, is_moment):
    """SQL for a column's value as text; null where there is none."""
    quoted = f'"{column}"'
    if kind.startswith("TIMESTAMP"):
        return f"epoch_us({quoted})::VARCHAR"
    if is_moment:
        return f"({quoted}::BIGINT * {1_000 if column.endswith('_ms') else 1_000_000})::VARCHAR"
    if kind in ("FLOAT", "DOUBLE"):
        return f"{quoted}::FLOAT::VARCHAR"
    if kind.endswith("[]"):
        return f"CASE WHEN len({quoted}) > 0 THEN {quoted}::VARCHAR END"
    return f"{quoted}::VARCHAR"


class Output:
    """What one load wrote."""

    def __init__(self, name, folder, con):
        self.name, self.folder, self.con = name, folder, con

    def tables(self):
        return sorted(path.name for path in Path(self.folder).iterdir() if any(path.glob("*/*.parquet")))

    def relation(self, table):
        return (
            f"read_parquet('{self.folder}/{table}/queue_date=*/*.parquet', hive_partitioning = true, "
            "hive_types = {'queue_date': VARCHAR}, union_by_name = true)"
        )

    def columns(self, table):
        described = self.con.execute(f"DESCRIBE SELECT * FROM {self.relation(table)}").fetchall()
        return {name: kind for name, kind, *_ in described}

    def counts(self, table):
        days = self.con.execute(f"SELECT queue_date, count(*) FROM {self.relation(table)} GROUP BY ALL").fetchall()
        ids = self.con.execute(f"SELECT count(DISTINCT id) FROM {self.relation(table)}").fetchone()[0]
        return {"rows": sum(rows for _, rows in days), "ids": ids, "days": dict(days)}

    def values(self, table, moments):
        """Column to (values, sum of hashes), of the ids that came once."""
        columns = {name: kind for name, kind in self.columns(table).items() if name not in NOT_COMPARED}
        forms = [form(name, kind, name in moments) for name, kind in columns.items()]
        sums = ", ".join(f"count({f}), sum(CASE WHEN {f} IS NOT NULL THEN hash(id, {f}) END)" for f in forms)
        once = f"id NOT IN (SELECT id FROM doubled WHERE name = '{table}')"
        found = self.con.execute(f"SELECT {sums} FROM {self.relation(table)} WHERE {once}").fetchone()
        return {name: (found[2 * at], int(found[2 * at + 1] or 0)) for at, name in enumerate(columns)}


def differing_days(a, b):
    """Rows that lie under another day."""
    return sum(abs(a.get(day, 0) - b.get(day, 0)) for day in a.keys() | b.keys())


def compare(truth, outputs, with_values):
    first, *others = outputs
    wrong, rows, columns = [], 0, 0
    made = {name: table for name, table in truth["tables"].items() if table["distinct_ids"]}
    for output in outputs:
        if output.tables() != sorted(made):
            wrong.append(f"{output.name} has other tables than were generated")
    for table, expected in made.items():
        moments = {name for name, kind in first.columns(table).items() if kind.startswith("TIMESTAMP")}
        reference = first.values(table, moments) if with_values else {}
        base = first.counts(table)
        extra = first.con.execute(f"SELECT count(_extra) FROM {first.relation(table)}").fetchone()[0]
        if extra:
            wrong.append(f"{first.name} put values of {extra} rows of {table} aside in _extra")
        rows += base["rows"]
        copies = expected["records"] - expected["distinct_ids"]
        for output in outputs:
            counts = output.counts(table)
            if not counts["rows"] == counts["ids"] == expected["distinct_ids"]:
                wrong.append(f"{output.name}: {table} has {counts['rows']} rows, {counts['ids']} ids")
            if differing_days(base["days"], counts["days"]) > 2 * copies:
                wrong.append(f"{output.name}: {table} has rows under other days")
        for output in others if with_values else ():
            values = output.values(table, moments)
            # Else it would have been measured as doing less than it did.
            if output.name.endswith(BARE) and not LINEAGE.isdisjoint(values):
                wrong.append(f"{output.name}: {table} has lineage and is not bare")
            for column in reference.keys() | values.keys():
                if column in LINEAGE and output.name.endswith(BARE):
                    continue
                a, b = reference.get(column, (0, 0)), values.get(column, (0, 0))
                columns += 1
                if a != b:
                    wrong.append(f"{output.name}: {table}.{column} differs ({b[0]} values, {first.name} has {a[0]})")
    return {"rows": rows, "tables": len(made), "columns_compared": columns, "wrong": wrong}


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--counts"]
    truth, doubled, *outputs = arguments
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"CREATE VIEW doubled AS FROM read_parquet('{doubled}')")
    outputs = [Output(*output.split("=", 1), con) for output in outputs]
    print(json.dumps(compare(json.loads(Path(truth).read_text()), outputs, "--counts" not in sys.argv)))


main()

"""Runs what `eddyline connect TOOL` printed in that tool and compares every relation with what `eddyline sql` said.

compare.py TOOL SCRIPT EXPECTED: EXPECTED is a folder of Parquet files, one a relation, named like it. Tables end in
`.table.parquet`: their types are compared, too. Views end in `.view.parquet`. Prints one JSON object: the relations
compared with their rows, and what differed.
"""

import datetime
import decimal
import importlib.util
import json
import runpy
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

EPOCH = datetime.datetime(1970, 1, 1)


def duckdb_relations(script):
    import duckdb

    con = duckdb.connect()
    con.execute(script.read_text())
    return lambda name: con.sql(f'SELECT * FROM "{name}"').to_arrow_table()


def chdb_relations(script):
    from chdb import session

    here = session.Session()
    for statement in statements(script.read_text()):
        here.query(statement)
    return lambda name: here.query(f"SELECT * FROM eddyline.`{name}`", "ArrowTable")


def polars_relations(script):
    module = module_of(script)

    def relation(name):
        frame = module.all_events() if name == "all_events" else getattr(module, name)
        return frame.collect().to_arrow()

    return relation


def pandas_relations(script):
    module = module_of(script)

    def relation(name):
        frame = module.all_events() if name == "all_events" else module.table(name)
        return pa.Table.from_pandas(frame, preserve_index=False)

    return relation


def spark_relations(script):
    """Spark in this process; the session the script asks for is the one made here."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").appName("eddyline")
    for name, setting in [
        ("spark.ui.enabled", "false"),
        ("spark.driver.bindAddress", "127.0.0.1"),
        ("spark.driver.host", "127.0.0.1"),
        ("spark.sql.shuffle.partitions", "1"),
        ("spark.log.level", "ERROR"),
    ]:
        builder = builder.config(name, setting)
    spark = builder.getOrCreate()
    runpy.run_path(str(script))
    return lambda name: spark.table(name).toArrow()


def statements(text):
    """The statements of a script: each ends with a semicolon at the end of a line."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [s.strip() for s in kept.split(";\n") if s.strip()]


def module_of(script):
    spec = importlib.util.spec_from_file_location("eddyline_module", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOLS = {
    "duckdb": duckdb_relations,
    "clickhouse": chdb_relations,
    "polars": polars_relations,
    "pandas": pandas_relations,
    "spark": spark_relations,
}
# ClickHouse has no null list.
NULL_LISTS = {"clickhouse": []}


def kind(field):
    """A type, without what tools choose freely: the width of offsets, the name of a list's items."""
    t = field
    if pa.types.is_string(t) or pa.types.is_large_string(t) or pa.types.is_string_view(t):
        return "text"
    if pa.types.is_timestamp(t):
        return f"moment in {t.tz}"
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return f"list of {kind(t.value_type)}"
    return str(t)


def value(cell, null_list):
    """A value as text that is the same for the same value, whatever the tool's type for it."""
    if isinstance(cell, datetime.datetime):
        utc = cell.astimezone(datetime.timezone.utc).replace(tzinfo=None) if cell.tzinfo else cell
        return str((utc - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(cell, bool) or cell is None:
        return repr(cell)
    if isinstance(cell, (int, decimal.Decimal, float)):
        return repr(int(cell)) if cell == cell and abs(cell) < 2**63 and cell == int(cell) else f"{float(cell):.9g}"
    if isinstance(cell, list):
        return repr([value(item, null_list) for item in cell])
    return str(cell)


def rows(table, table_types, lists, null_list):
    """Rows in an order of their own. The types are those expected."""
    found = []
    for name in table_types:
        cells = table.column(name).to_pylist()
        if pa.types.is_boolean(table_types[name]):
            # ClickHouse's comparisons give numbers.
            cells = [cell if cell is None else bool(cell) for cell in cells]
        if name in lists and null_list is not None:
            cells = [null_list if cell is None else cell for cell in cells]
        found.append([value(cell, null_list) for cell in cells])
    return sorted(zip(*found))


def difference(expected, found, typed, null_list):
    """What differs, in words; nothing where both are the same."""
    if expected.column_names != found.column_names:
        return f"columns {found.column_names} instead of {expected.column_names}"
    if typed:
        wrong = [
            f"{name} is {kind(found.schema.field(name).type)} instead of {kind(expected.schema.field(name).type)}"
            for name in expected.column_names
            if kind(found.schema.field(name).type) != kind(expected.schema.field(name).type)
        ]
        if wrong:
            return "; ".join(wrong)
    lists = {f.name for f in expected.schema if kind(f.type).startswith("list")}
    types = {f.name: f.type for f in expected.schema}
    ours = rows(expected, types, lists, null_list)
    theirs = rows(found, types, lists, null_list)
    if ours == theirs:
        return None
    missing = [row for row in ours if row not in set(theirs)]
    if len(ours) != len(theirs) or not missing:
        return f"{len(theirs)} rows instead of {len(ours)}"
    near = min(theirs, key=lambda row: sum(a != b for a, b in zip(row, missing[0])))
    at = [(c, a, b) for c, a, b in zip(expected.column_names, near, missing[0]) if a != b]
    return f"{len(missing)} rows differ; one in {at}"


def compare(tool, relation, folder):
    """Each relation of the folder with that of the tool."""
    counts, wrong = {}, {}
    for file in sorted(Path(folder).glob("*.parquet")):
        name, sort, _ = file.name.split(".")
        expected = pq.read_table(file)
        try:
            found = difference(expected, relation(name), sort == "table", NULL_LISTS.get(tool))
        except Exception as e:  # noqa: BLE001: whatever a tool says is the finding
            found = f"{type(e).__name__}: {e}"
        counts[name] = expected.num_rows
        if found:
            wrong[name] = found
    return {"relations": counts, "wrong": wrong}


if __name__ == "__main__":
    tool, script, folder = sys.argv[1:]
    print(json.dumps(compare(tool, TOOLS[tool](Path(script).absolute()), folder)))

"""The views and the analysts' queries on the warehouse that Eddyline wrote: by `eddyline sql` and by DuckDB.

Answers are compared first. Then both engines stay open, each query runs once in each to warm it, and is measured in
turns: Eddyline, DuckDB, Eddyline, DuckDB.
"""

import json
import math
import tomllib

import engines
import queries
from bench import HERE, bytes_of, checked, say, warm
from case_load import SIZES

ROOT = HERE.parent.parent
#: How far floating point may differ: engines add in different orders, and interpolate percentiles in different steps.
CLOSE = 1e-6
MEMORY_GIB = 8


def warehouse(bench):
    """The 10 M warehouse, loaded anew."""
    source = bench.export(SIZES["10m"][bench.quick]) / "currents"
    folder = bench.fresh("warehouse")
    say("loading the warehouse")
    checked(bench.load(source, folder))
    return folder


def definitions():
    """Table name to what table_defs/ says of it."""
    found = {}
    for path in (ROOT / "table_defs").glob("*.toml"):
        for table in tomllib.loads(path.read_text()).get("table", []):
            found[table["event_type"].lower().replace(".", "_")] = table
    return found


def sql(bench, folder, statement):
    """A statement's rows, from `eddyline sql`."""
    command = [bench.eddyline, "sql", "--warehouse", str(folder), "--views", str(ROOT / "sql")]
    return json.loads(checked([*command, "--format", "json", "-c", statement]))


def plan(bench, folder):
    """What duckdb_session.py has to know."""
    tables = {}
    listed = "SELECT table_name, column_name, type FROM system.columns ORDER BY table_name, position"
    for row in sql(bench, folder, listed):
        tables.setdefault(row["table_name"], {})[row["column_name"]] = row["type"]
    described = sql(bench, folder, "SELECT column_name, data_type FROM information_schema.columns "
                    "WHERE table_name = 'all_events' ORDER BY ordinal_position")
    kinds = {"Timestamp": "timestamp", "Date32": "date", "Int64": "bigint"}
    shared = {
        row["column_name"]: next((kind for start, kind in kinds.items() if row["data_type"].startswith(start)), "text")
        for row in described
    }
    return {
        "warehouse": str(folder),
        "memory": f"{MEMORY_GIB}GiB",
        "tables": tables,
        "definitions": definitions(),
        "all_events": shared,
        "views": {path.stem: path.read_text() for path in sorted((ROOT / "sql").glob("*.sql"))},
    }


def statements(duckdb):
    """Name to (kind, SQL)."""
    found = {name: ("analyst", text.strip()) for name, text in queries.ANALYST.items()}
    for view, text in queries.VIEWS.items():
        duckdb.run(f"DESCRIBE {view}")
        columns = [row[0] for row in duckdb.answer["rows"]]
        found[f"{view}, aggregated"] = ("view", text.strip())
        found[f"{view}, every column"] = ("view", queries.whole(view, columns))
    return found


def value(raw):
    """One form for both engines' values."""
    if isinstance(raw, str):
        return raw.removesuffix("Z").removesuffix("+00:00").replace(" ", "T")
    return raw


def same(a, b):
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=CLOSE)
    return value(a) == value(b)


def compare(name, ours, theirs):
    """Ends the program where the answers differ."""
    rows = [dict(zip(theirs["columns"], row)) for row in theirs["rows"]]
    if len(ours) != len(rows):
        raise SystemExit(f"{name}: {len(ours)} rows by Eddyline, {len(rows)} by DuckDB")
    for at, (a, b) in enumerate(zip(ours, rows)):
        for column in b:
            if not same(a.get(column), b[column]):
                raise SystemExit(f"{name}: row {at}, {column}: {a.get(column)!r} by Eddyline, {b[column]!r} by DuckDB")
    return len(rows)


def run(bench):
    folder = warehouse(bench)
    warm(folder)
    asked = bench.folder / "queries.json"
    asked.write_text(json.dumps(plan(bench, folder)))
    duckdb = engines.Pipe([bench.query_python, str(HERE / "duckdb_session.py"), str(asked)])
    shell = engines.Shell(
        [bench.eddyline, "sql", "--warehouse", str(folder), "--views", str(ROOT / "sql"),
         "--query-memory", f"{MEMORY_GIB}GiB"]
    )
    results = []
    for name, (kind, text) in statements(duckdb).items():
        duckdb.run(text)
        rows = compare(name, sql(bench, folder, text), duckdb.answer)
        shell.run(text)
        rounds = {"eddyline": [], "duckdb": []}
        for _ in range(bench.rounds):
            for tool, engine in (("eddyline", shell), ("duckdb", duckdb)):
                wall, cpu = engine.run(text)
                rounds[tool].append({"wall": wall, "cpu": cpu})
        results.append({"name": name, "kind": kind, "rows": rows, "rounds": rounds})
        last = {tool: runs[-1] for tool, runs in rounds.items()}
        say(f"{name}: " + ", ".join(f"{tool} {run['wall']:.2f} s, {run['cpu']:.2f} s CPU" for tool, run in last.items()))
    shell.close()
    duckdb.close()
    events = sql(bench, folder, "SELECT sum(rows) AS n FROM system.cells")[0]["n"]
    return {"case": "queries", "events": events, "bytes": bytes_of(folder / "tables"), "queries": results,
            "memory_gib": MEMORY_GIB}

"""The whole load, side by side: the same export into hive-partitioned zstd Parquet without duplicates."""

import json
import os
import shutil
from statistics import median

import measure
from bench import BARE, HERE, Size, bytes_of, checked, files_of, say, warm

PEERS = ("duckdb", "chdb", "polars")
TOOLS = ("eddyline", *PEERS, *(peer + BARE for peer in PEERS))

#: Case to what is generated for it: (as it is, with --quick).
SIZES = {
    "1m": (Size(1_000_000, 1), Size(20_000, 1)),
    "10m": (Size(10_000_000, 10), Size(100_000, 5)),
    "small": (Size(400_000, 2, 13), Size(10_000, 1, 13)),
}


def command(bench, tool, source, out):
    if tool == "eddyline":
        return bench.load(source, out)
    peer, bare, _ = tool.partition(BARE)
    return [bench.load_python, str(HERE / f"load_{peer}.py"), *(["--bare"] if bare else []), str(source), str(out)]


def tables_of(tool, out):
    """Where a tool's tables lie."""
    return out / "tables" if tool == "eddyline" else out


def start_up(bench):
    """What each peer takes to start and to open a session, before any work: the median of three."""
    found = {}
    for tool in PEERS:
        runs = [measure.run([bench.load_python, str(HERE / f"load_{tool}.py"), "--open"]) for _ in range(3)]
        found[tool] = {"wall": median(r.wall for r in runs), "cpu": median(r.cpu for r in runs)}
    return found


def agreement(bench, export, doubled, outs, with_values):
    """Whether all outputs hold the same rows; see rows.py."""
    ask = [bench.query_python, str(HERE / "rows.py"), str(export / "truth.json"), str(doubled)]
    ask += [] if with_values else ["--counts"]
    ask += [f"{tool}={tables_of(tool, out)}" for tool, out in outs.items()]
    found = json.loads(checked(ask))
    if found["wrong"]:
        raise SystemExit("the outputs differ:\n  " + "\n  ".join(found["wrong"][:40]))
    return found


def run(bench, case):
    export = bench.export(SIZES[case][bench.quick])
    source = export / "currents"
    doubled = export / "doubled.parquet"
    if not doubled.exists():
        checked([bench.load_python, str(HERE / "doubled.py"), str(source), str(doubled)])
    files = files_of(source)
    warm(source)
    rounds, agreed = {tool: [] for tool in TOOLS}, None
    for number in range(bench.rounds):
        outs = {}
        for tool in TOOLS:
            outs[tool] = bench.fresh(f"out-{tool}")
            run = measure.run(command(bench, tool, source, outs[tool]))
            size = bytes_of(tables_of(tool, outs[tool]))
            rounds[tool].append({"wall": run.wall, "cpu": run.cpu, "peak": run.peak, "bytes": size})
            say(f"{case} round {number + 1}: {tool} {run.wall:.1f} s, {run.cpu:.1f} s CPU, {run.peak >> 20} MiB")
        found = agreement(bench, export, doubled, outs, with_values=number == 0)
        agreed = agreed or found
        for out in outs.values():
            shutil.rmtree(out)
    truth = json.loads((export / "truth.json").read_text())
    return {
        "case": case,
        "events": truth["events"],
        "records": truth["records"],
        "days": SIZES[case][bench.quick].days,
        "files": len(files),
        "avro_bytes": truth["bytes"],
        "median_file_bytes": int(median(map(os.path.getsize, files))),
        "rounds": rounds,
        "agreed": agreed,
        "start_up": start_up(bench),
    }

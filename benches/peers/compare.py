"""The command: runs the cases that were asked for, keeps their results and writes the report. See README.md.

Started by `run`, which makes the environments.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import case_load
import case_nightly
import case_queries
import report
import surroundings
from bench import HERE, Bench, checked, say

ROOT = HERE.parent.parent
CASES = [*case_load.SIZES, "nightly", "queries"]


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__.split("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated [default: all]")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each case [default: 5]")
    parser.add_argument("--quick", action="store_true", help="small sizes; the report goes to the target folder")
    parser.add_argument("--eddyline", metavar="PATH", help="the program [default: cargo build --release]")
    parser.add_argument("--dir", metavar="DIR", help="where exports and outputs go, such as /dev/shm/peers "
                        "[default: the target folder]")
    parser.add_argument("--fresh", action="store_true", help="forget the kept results of other cases")
    parser.add_argument("--tidy", action="store_true", help="remove exports and outputs at the end")
    parser.add_argument("--report-only", action="store_true", help="write the report from kept results, run nothing")
    parser.add_argument("--target", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def program(path, target):
    """The program to measure."""
    if path:
        return str(Path(path).resolve(strict=True))
    say("building the program")
    subprocess.run(["cargo", "build", "--release", "--bin", "eddyline"], cwd=ROOT, check=True)
    return str(target / "release/eddyline")


def origin(eddyline):
    """What was measured: version and commit."""
    commit = checked(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip()
    return f"{checked([eddyline, '--version']).strip()} ({commit})"


def versions(bench, case):
    """The others' versions."""
    if case == "nightly":
        return {}
    if case == "queries":
        return {"DuckDB": surroundings.version(bench.query_python, "duckdb")}
    of = lambda package: surroundings.version(bench.load_python, package)
    return {"DuckDB": of("duckdb"), "its avro extension": of("duckdb-extension-avro"),
            "chDB": f"{of('chdb')} (core {of('chdb-core')})", "Polars": of("polars"),
            "Python": surroundings.python()}


def main():
    asked = arguments()
    target = Path(asked.target)
    kept = target / ("peers-results-quick" if asked.quick else "peers-results")
    folder = Path(asked.dir or target / "peers-data").resolve()
    written = target / "RESULTS-quick.md" if asked.quick else HERE.parent / "RESULTS.md"
    if asked.fresh:
        shutil.rmtree(kept, ignore_errors=True)
    if not asked.report_only:
        folder.mkdir(parents=True, exist_ok=True)
        typed = [argument for argument in sys.argv[1:] if argument not in ("--target", asked.target)]
        bench = Bench(program(asked.eddyline, target), target, folder, kept, asked.rounds, asked.quick,
                      shlex.join(["benches/peers/run", *typed]))
        for case in asked.case or CASES:
            run_case(bench, case)
        if asked.tidy:
            shutil.rmtree(folder)
    written.write_text(report.text(kept, CASES))
    print(written.read_text() if asked.quick else f"wrote {os.path.relpath(written)}")


def run_case(bench, case):
    # Before the case, so that it does not count itself.
    where = {"date": surroundings.now(), "machine": surroundings.machine(), "load": surroundings.load(),
             "storage": surroundings.storage(bench.folder), "command": bench.command,
             "eddyline": origin(bench.eddyline), "versions": versions(bench, case), "rounds": bench.rounds}
    say(f"case {case}, {bench.rounds} rounds")
    if case == "nightly":
        result = case_nightly.run(bench)
    elif case == "queries":
        result = case_queries.run(bench)
    else:
        result = case_load.run(bench, case)
    bench.keep(case, result | {"where": where})


main()

"""The command: runs the cases that were asked for, keeps their results and writes the report. See README.md.

Started by `run`, which makes the environments.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import case_hourly
import case_load
import case_nightly
import case_queries
import case_stages
import report
import surroundings
from bench import HERE, Bench, checked, say

ROOT = HERE.parent.parent
CASES = [*case_load.SIZES, "stages", "nightly", "hourly", "queries"]
#: Options whose value is a place on this machine and no matter of the report.
PLACES = {"--eddyline": "PATH", "--one-stage": "PATH", "--dir": "DIR"}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/peers/run", description=__doc__.split("\n")[0])
    parser.add_argument("--case", choices=CASES, action="append", help="only this case; may be repeated [default: all]")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each case [default: 5]")
    parser.add_argument("--quick", action="store_true", help="small sizes; the report goes to the target folder")
    parser.add_argument("--eddyline", metavar="PATH", help="the program [default: cargo build --release]")
    parser.add_argument("--one-stage", metavar="PATH", help="the bench of that name, for the case stages "
                        "[default: cargo build --release]")
    parser.add_argument("--dir", metavar="DIR", help="where exports and outputs go, such as /dev/shm/peers "
                        "[default: the target folder]")
    parser.add_argument("--fresh", action="store_true", help="forget the kept results of other cases")
    parser.add_argument("--tidy", action="store_true", help="remove exports and outputs at the end")
    parser.add_argument("--report-only", action="store_true", help="write the report from kept results, run nothing")
    parser.add_argument("--target", required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def program(path, kind, name, target):
    """A program to measure: the one that was named, else it is built."""
    if path:
        return str(Path(path).resolve()) if Path(path).is_file() else sys.exit(f"there is no program {path}")
    say(f"building {name}")
    command = ["cargo", "build", "--release", f"--{kind}", name, "--message-format", "json-render-diagnostics"]
    environment = os.environ | {"CARGO_TARGET_DIR": str(target)}
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == name and kind in message["target"]["kind"]:
            return message["executable"]
    return sys.exit(f"cargo built no {kind} {name}")


def origin(eddyline):
    """What was measured: version, and the commit of this tree, marked where the sources are not as committed."""
    git = ["git", "-C", str(ROOT)]
    commit = checked([*git, "rev-parse", "--short", "HEAD"]).strip()
    changed = checked([*git, "status", "--porcelain", "--", "src", "sql", "table_defs", "Cargo.toml", "Cargo.lock"])
    return f"{checked([eddyline, '--version']).strip()} at {commit}{' with changes' if changed.strip() else ''}"


def typed():
    """The command line for the report: without places of this machine."""
    words, at = [], 1
    while at < len(sys.argv):
        word = sys.argv[at]
        if word == "--target":
            at += 1
        elif word in PLACES:
            words += [word, PLACES[word]]
            at += 1
        elif word.split("=")[0] in PLACES:
            words.append(f"{word.split('=')[0]}={PLACES[word.split('=')[0]]}")
        else:
            words.append(word)
        at += 1
    return " ".join(["benches/peers/run", *words])


def versions(bench, case):
    """The others' versions."""
    if case in ("stages", "nightly", "hourly"):
        return {}
    if case == "queries":
        return {"DuckDB": surroundings.version(bench.query_python, "duckdb")}
    packages = {"DuckDB": "duckdb", "its Avro extension": "duckdb-extension-avro", "chDB": "chdb",
                "chDB's ClickHouse": "chdb-core", "Polars": "polars"}
    found = {name: surroundings.version(bench.load_python, package) for name, package in packages.items()}
    return found | {"Python": surroundings.python()}


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
        cases = asked.case or CASES
        eddyline = program(asked.eddyline, "bin", "eddyline", target)
        one_stage = program(asked.one_stage, "bench", "one_stage", target) if "stages" in cases else None
        bench = Bench(eddyline, one_stage, target, folder, kept, asked.rounds, asked.quick, typed())
        # Of a program that was built just now more is resident until its file is on the disk (5 MiB of 113).
        os.sync()
        for case in cases:
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
    alone = {"stages": case_stages.run, "nightly": case_nightly.run, "hourly": case_hourly.run,
             "queries": case_queries.run}
    result = alone[case](bench) if case in alone else case_load.run(bench, case)
    bench.keep(case, result | {"where": where})


main()

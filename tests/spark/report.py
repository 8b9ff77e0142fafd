"""Writes the result of `tests/spark/run` for people: report.py FOUND EDDYLINE JAVA."""

import datetime
import json
import sys
from importlib.metadata import version

found = json.load(open(sys.argv[1]))
relations, wrong = found["relations"], found["wrong"]
print("# What `eddyline connect spark` prints, run in Spark")
print()
print("Written by `tests/spark/run`: every table and every view, compared with what `eddyline sql` says.")
print()
print(f"* {datetime.date.today()}; {sys.argv[2]}; PySpark {version('pyspark')}, local mode; {sys.argv[3]}")
print(f"* {len(relations)} relations with {sum(relations.values())} rows; {list(relations.values()).count(0)} are empty")
print()
if wrong:
    print("| differs | how |")
    print("|---|---|")
    for name, what in wrong.items():
        print(f"| `{name}` | {' '.join(what.split())[:300].replace('|', chr(92) + '|')} |")
else:
    print("Nothing differs.")

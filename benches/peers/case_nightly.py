"""A nightly pass: a warehouse with a history, and one more day. Does its time follow the new day or the history?

The last queue day's files are taken out of the export, the rest is loaded, and the day is put back. Each round starts
from a copy of that warehouse. After the pass one more is measured, which finds nothing new. Eddyline alone.
"""

import json
import os
import re
import shutil

import measure
from bench import Size, bytes_of, checked, files_of, say, warm

DATE = re.compile(r"/date=(\d{4}-\d\d-\d\d)-\d\d/")

#: (days of history, events a day): as they are, and with --quick.
HISTORIES = {False: [(10, 10_000), (100, 10_000), (10, 100_000), (100, 100_000)], True: [(3, 1_000), (30, 1_000)]}


class History:
    """One history: its export without the last day, the day, and the warehouse before it."""

    def __init__(self, bench, days, daily):
        self.bench, self.days, self.daily = bench, days, daily
        export = bench.export(Size(daily * (days + 1), days + 1))
        self.source, self.held = export / "currents", export / "held"
        self.put_back()
        paths = files_of(self.source)
        self.last = max(DATE.search(path).group(1) for path in paths)
        self.new_files = [path for path in paths if DATE.search(path).group(1) == self.last]
        self.new_bytes = sum(map(os.path.getsize, self.new_files))
        self.old_files = len(paths) - len(self.new_files)
        warm(self.source)
        self.take_out()
        self.before = bench.fresh(f"before-{days}-{daily}")
        say(f"loading a history of {days} days with about {daily:,} events each")
        counters = json.loads(checked(bench.load(self.source, self.before)))["counters"]
        self.old_events, self.old_bytes = counters["new"], bytes_of(self.before / "tables")
        self.rounds, self.idle, self.new = [], [], {}

    def take_out(self):
        for path in self.new_files:
            to = str(self.held) + path[len(str(self.source)) :]
            os.makedirs(os.path.dirname(to), exist_ok=True)
            os.rename(path, to)

    def put_back(self):
        for path in files_of(self.held):
            os.rename(path, str(self.source) + path[len(str(self.held)) :])
        shutil.rmtree(self.held, ignore_errors=True)

    def round(self):
        warehouse = self.bench.folder / "nightly"
        shutil.rmtree(warehouse, ignore_errors=True)
        shutil.copytree(self.before, warehouse)
        self.put_back()
        run = measure.run(self.bench.load(self.source, warehouse))
        idle = measure.run(self.bench.load(self.source, warehouse))
        self.new = json.loads(run.printed)["counters"]
        again = json.loads(idle.printed)["counters"]
        if self.new["files"] != len(self.new_files) or again["files"] or again["new"]:
            raise SystemExit(f"the nightly pass did not load the new files, or not once: {self.new}, {again}")
        self.rounds.append({"wall": run.wall, "cpu": run.cpu, "peak": run.peak})
        self.idle.append({"wall": idle.wall, "cpu": idle.cpu, "peak": idle.peak})
        self.take_out()
        shutil.rmtree(warehouse)
        say(f"nightly on {self.days} days of {self.daily:,}: {run.wall:.2f} s, {run.cpu:.2f} s CPU; idle {idle.wall:.2f} s")

    def result(self):
        return {
            "days": self.days,
            "daily": self.daily,
            "history": {"events": self.old_events, "files": self.old_files, "bytes": self.old_bytes},
            "new": {
                "events": self.new["new"],
                "records": self.new["read"],
                "files": len(self.new_files),
                "avro_bytes": self.new_bytes,
                "cells": self.new["cells"],
                "written": self.new["written"],
            },
            "rounds": self.rounds,
            "idle": self.idle,
        }


def run(bench):
    histories = [History(bench, days, daily) for days, daily in HISTORIES[bench.quick]]
    try:
        for _ in range(bench.rounds):
            for history in histories:
                history.round()
    finally:
        for history in histories:
            history.put_back()
            shutil.rmtree(history.before, ignore_errors=True)
    return {"case": "nightly", "histories": [history.result() for history in histories]}

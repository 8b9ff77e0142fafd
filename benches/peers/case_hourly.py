"""A day loaded hour by hour, as its files arrive, beside the same day loaded at once: what it costs that a cell is written
again whenever it grows. Eddyline alone.
"""

import json
import os
import re
import shutil

import measure
from bench import Size, bytes_of, files_of, say, warm

HOUR = re.compile(r"/date=\d{4}-\d\d-\d\d-(\d\d)/")

#: The day: as it is, and with --quick.
DAYS = {False: [Size(100_000, 1), Size(1_000_000, 1), Size(4_000_000, 1)], True: [Size(20_000, 1)]}


class Day:
    """One export, and its files by hour."""

    def __init__(self, bench, size):
        self.bench, self.size = bench, size
        self.source = bench.export(size) / "currents"
        self.hours = {}
        for path in files_of(self.source):
            self.hours.setdefault(HOUR.search(path).group(1), []).append(path)
        warm(self.source)
        self.at_once, self.by_hour, self.last = [], [], []

    def round(self):
        warehouse = self.bench.fresh("at-once")
        whole = measure.run(self.bench.load(self.source, warehouse))
        rows = json.loads(whole.printed)["counters"]["new"]
        self.at_once.append(taken([whole], warehouse))
        shutil.rmtree(warehouse)

        arrived, warehouse, runs, new = self.bench.fresh("arrived"), self.bench.fresh("by-hour"), [], 0
        for hour in sorted(self.hours):
            for path in self.hours[hour]:
                to = str(arrived) + path[len(str(self.source)) :]
                os.makedirs(os.path.dirname(to), exist_ok=True)
                os.link(path, to)
            runs.append(measure.run(self.bench.load(arrived, warehouse)))
            new += json.loads(runs[-1].printed)["counters"]["new"]
        if new != rows:
            raise SystemExit(f"hour by hour {new} rows were stored, at once {rows}")
        self.by_hour.append(taken(runs, warehouse))
        self.last.append(taken(runs[-1:], warehouse))
        shutil.rmtree(arrived)
        shutil.rmtree(warehouse)
        say(f"{self.size.events:,} events hour by hour: {self.by_hour[-1]['cpu']:.2f} s CPU, at once {whole.cpu:.2f} s")


def taken(runs, warehouse):
    return {
        "wall": sum(run.wall for run in runs),
        "cpu": sum(run.cpu for run in runs),
        "peak": max(run.peak for run in runs),
        "bytes": bytes_of(warehouse / "tables"),
    }


def run(bench):
    days = [Day(bench, size) for size in DAYS[bench.quick]]
    for _ in range(bench.rounds):
        for day in days:
            day.round()
    found = [
        {"events": day.size.events, "hours": len(day.hours), "at_once": day.at_once, "by_hour": day.by_hour, "last": day.last}
        for day in days
    ]
    return {"case": "hourly", "days": found}

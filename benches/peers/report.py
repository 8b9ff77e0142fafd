"""Results into RESULTS.md: medians with the least and the most, and ratios to Eddyline. Every number comes from a kept
result; a ratio is of two medians of the same interleaved rounds.
"""

import json
import math
from statistics import median

from bench import BARE, MIB

NAMES = {"eddyline": "Eddyline", "duckdb": "DuckDB", "chdb": "chDB", "polars": "Polars"}
TITLES = {
    "1m": "One day of events",
    "10m": "Ten times as many, over more days",
    "small": "Many small files",
}


def text(kept, cases):
    results = {}
    for case in cases:
        path = kept / f"{case}.json"
        if path.exists():
            results[case] = json.loads(path.read_text())
    parts = [
        "# Results",
        "Written by `benches/peers/run`; [peers/README.md](peers/README.md) says what is measured and how. Each number "
        "is the median of its rounds, with the least and the most behind it. Rounds are interleaved: every tool once, "
        "then every tool again. A ratio says how many times as much as Eddyline. A bare peer does less than the others: it "
        "writes the columns as they came, without lineage and timestamps.",
    ]
    for case, result in results.items():
        section = {"stages": stages, "nightly": nightly, "hourly": hourly, "queries": queries}.get(case, load)
        parts += [*section(result), where(result["where"])]
    if "1m" in results and "10m" in results:
        parts += flatness(results["1m"], results["10m"])
    return "\n\n".join(parts) + "\n"


def where(found):
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"Measured {found['date']}: {found['machine']}, on {found['storage']}, load {found['load']} at the start, "
        f"{found['rounds']} rounds. {found['eddyline']}{'; ' + versions if versions else ''}. `{found['command']}`"
    )


def middle(runs, key):
    return median(run[key] for run in runs)


def spread(runs, key, form):
    values = [run[key] for run in runs]
    return f"{form(median(values))} ({form(min(values))}–{form(max(values))})"


def seconds(value):
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def mib(value):
    return f"{value / MIB:,.0f}" if value > 100 * MIB else f"{value / MIB:,.1f}"


def times(a, b):
    return f"{a / b:.2f} ×" if b else "–"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def name_of(tool):
    peer, bare, _ = tool.partition(BARE)
    return f"{NAMES[peer]}, bare" if bare else NAMES[peer]


def load(result):
    rounds = result["rounds"]
    ours = rounds["eddyline"]
    keys = ("wall", "cpu", "peak", "bytes")
    same = {tool: runs for tool, runs in rounds.items() if not tool.endswith(BARE)}
    bare = {tool: runs for tool, runs in rounds.items() if tool.endswith(BARE)}

    def lines(tools):
        for tool, runs in tools.items():
            ratios = [times(middle(runs, key), middle(ours, key)) for key in keys]
            yield [
                name_of(tool), spread(runs, "wall", seconds), spread(runs, "cpu", seconds), spread(runs, "peak", mib),
                mib(middle(runs, "bytes")), *ratios,
            ]

    def least(label, tools):
        found = {key: min(middle(runs, key) for tool, runs in tools.items() if tool != "eddyline") for key in keys}
        return [f"**{label}**", *["" for _ in keys], *(f"**{times(found[key], middle(ours, key))}**" for key in keys)]

    rows = [*lines(same), least("least of the others", same)]
    if bare:
        rows += [*lines(bare), least("least of the bare", bare)]
    head = ["", "wall s", "CPU s", "peak MiB", "output MiB", "wall", "CPU", "peak", "output"]
    agreed, start = result["agreed"], result["start_up"]
    starts = ", ".join(f"{NAMES[tool]} {seconds(run['wall'])} s ({seconds(run['cpu'])} s CPU)" for tool, run in start.items())
    return [
        f"## {TITLES[result['case']]}: {result['events']:,} events in {result['files']:,} files",
        f"{result['records']:,} records, {mib(result['avro_bytes'])} MiB of Avro over {result['days']} "
        f"{'day' if result['days'] == 1 else 'days'}; a file holds {result['records'] / result['files']:.0f} records "
        f"on average (median {result['median_file_bytes'] / 1024:.1f} KiB).",
        table(head, rows),
        f"All outputs hold the same {agreed['rows']:,} rows in {agreed['tables']} tables as were generated "
        f"({agreed['columns_compared']:,} columns compared). The codec is zstd at level 1 for all. Starting and "
        f"opening a session is part of the times: {starts}.",
    ]


def flatness(small, large):
    ratio = large["events"] / small["events"]
    rows = [
        [name_of(tool), mib(middle(small["rounds"][tool], "peak")), mib(middle(large["rounds"][tool], "peak")),
         times(middle(large["rounds"][tool], "peak"), middle(small["rounds"][tool], "peak"))]
        for tool in small["rounds"] if tool in large["rounds"]
    ]
    head = ["peak MiB", f"{small['events']:,} events", f"{large['events']:,} events", "ratio"]
    return [f"## Memory with {ratio:.0f} times the events", table(head, rows)]


def stages(result):
    events = result["events"]
    alone = {name: middle(runs, "cpu") for name, runs in result["stages"].items()}
    whole = middle(result["load"], "cpu")
    each = lambda value: f"{value * 1e6 / events:.2f}"
    rows = [[name, spread(runs, "cpu", seconds), each(alone[name])] for name, runs in result["stages"].items()]
    sums = {"decode + encode": alone["decode"] + alone["encode"], "all three": sum(alone.values())}
    rows += [[name, seconds(value), each(value)] for name, value in sums.items()]
    rows.append(["the whole load", spread(result["load"], "cpu", seconds), each(whole)])
    ratios = ", ".join(f"{times(whole, value)} {name}" for name, value in sums.items())
    return [
        f"## The whole load and its stages alone: {events:,} events",
        table(["", "CPU s", "µs an event"], rows),
        f"The whole load takes {ratios}. A stage alone is one thread over prepared input: the difference of a run with "
        f"{result['repeats'][1]} repetitions and one with {result['repeats'][0]}, divided.",
    ]


def nightly(result):
    rows = []
    for one in result["histories"]:
        history, new = one["history"], one["new"]
        wall, idle = middle(one["rounds"], "wall"), middle(one["idle"], "wall")
        rows.append([
            f"{one['days']} days", f"{history['events']:,}", f"{history['files']:,}", f"{new['events']:,}",
            f"{100 * new['events'] / history['events']:.1f} %", f"{new['files']:,}", f"{new['cells']:,}",
            spread(one["rounds"], "wall", seconds), spread(one["rounds"], "cpu", seconds),
            mib(middle(one["rounds"], "peak")), seconds(idle), seconds(wall - idle),
        ])
    head = ["history", "events", "files", "new events", "share", "new files", "cells", "wall s", "CPU s", "peak MiB",
            "wall s, nothing new", "difference"]
    return ["## A nightly pass: one more day on a warehouse with a history", table(head, rows), *growth(result)]


def growth(result):
    """What ten times the history, or ten times the news, does to a pass."""
    lines = []
    found = result["histories"]
    for a in found:
        for b in found:
            more_days, more_news = b["days"] / a["days"], b["daily"] / a["daily"]
            if (more_days, more_news) == (1, 1) or more_days < 1 or more_news < 1 or (more_days > 1 and more_news > 1):
                continue
            what = f"{more_days:.0f} times the days of history, the same new day" if more_days > 1 else \
                f"{more_news:.0f} times the events a day, the same days"
            ratios = [times(middle(b["rounds"], key), middle(a["rounds"], key)) for key in ("wall", "cpu")]
            news = times(b["new"]["events"], a["new"]["events"])
            past = times(b["history"]["events"], a["history"]["events"])
            lines.append(f"* {what} (from {a['history']['events']:,} events): history {past}, new events {news}, "
                         f"wall {ratios[0]}, CPU {ratios[1]}")
    return ["\n".join(lines)] if lines else []


def hourly(result):
    rows, lines = [], []
    for day in result["days"]:
        once, hours, last = day["at_once"], day["by_hour"], day["last"]
        for label, runs in (("at once", once), (f"{day['hours']} hours, together", hours), ("the last hour", last)):
            rows.append([f"{day['events']:,}", label, spread(runs, "wall", seconds), spread(runs, "cpu", seconds),
                         mib(middle(runs, "peak")), mib(middle(runs, "bytes"))])
        ratios = {key: times(middle(hours, key), middle(once, key)) for key in ("cpu", "peak", "bytes")}
        lines.append(f"* {day['events']:,} events hour by hour take {ratios['cpu']} the CPU, {ratios['peak']} the peak "
                     f"and {ratios['bytes']} the output of the same at once")
    head = ["events of the day", "loaded", "wall s", "CPU s", "peak MiB", "output MiB"]
    return ["## A day as it arrives, hour by hour", table(head, rows), "\n".join(lines)]


def geometric(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def queries(result):
    rows, ratios = [], {}
    for query in result["queries"]:
        ours, theirs = query["rounds"]["eddyline"], query["rounds"]["duckdb"]
        # Processor time is known in hundredths of a second: less than one counts as one.
        pair = [max(middle(ours, key), least) / max(middle(theirs, key), least)
                for key, least in (("wall", 1e-6), ("cpu", 0.01))]
        for kind in (query["kind"], "all"):
            ratios.setdefault(kind, []).append(pair)
        rows.append([query["name"], spread(ours, "wall", seconds), spread(theirs, "wall", seconds),
                     seconds(middle(ours, "cpu")), seconds(middle(theirs, "cpu")), *(f"{r:.2f}" for r in pair)])
    for kind, label in (("analyst", "the analysts' queries"), ("view", "the views"), ("all", "all")):
        means = [geometric([pair[at] for pair in ratios[kind]]) for at in range(2)]
        rows.append([f"**geometric mean, {label}**", "", "", "", "", *(f"**{mean:.2f}**" for mean in means)])
    head = ["query", "Eddyline wall s", "DuckDB wall s", "Eddyline CPU s", "DuckDB CPU s", "wall ratio", "CPU ratio"]
    return [
        f"## Queries on {result['events']:,} events",
        "Here a ratio is Eddyline over DuckDB: below 1 Eddyline is faster. Both read the same Parquet files, warm, in one "
        f"process each, with {result['memory_gib']} GiB allowed; the answers are the same.",
        table(head, rows),
    ]

"""The processor time of the whole load beside that of its stages alone, on the same export; see benches/one_stage.rs."""

import json
import shutil

import measure
from bench import say, warm
from case_load import SIZES

STAGES = ("decode", "conform", "encode")
#: A stage is run so often, twice; the difference is the stage's own.
REPEATS = (1, 4)


def alone(bench, stage, source):
    """(processor seconds of one repetition, events)"""
    few, many = (measure.run([bench.one_stage, stage, str(source), str(repeat)]) for repeat in REPEATS)
    return (many.cpu - few.cpu) / (REPEATS[1] - REPEATS[0]), json.loads(many.printed)["events"]


def run(bench):
    source = bench.export(SIZES["1m"][bench.quick]) / "currents"
    warm(source)
    events, whole, stages = 0, [], {stage: [] for stage in STAGES}
    for number in range(bench.rounds):
        out = bench.fresh("out-eddyline")
        load = measure.run(bench.load(source, out))
        whole.append({"wall": load.wall, "cpu": load.cpu})
        shutil.rmtree(out)
        for stage in STAGES:
            cpu, events = alone(bench, stage, source)
            stages[stage].append({"cpu": cpu})
        taken = ", ".join(f"{stage} {runs[-1]['cpu']:.2f} s" for stage, runs in stages.items())
        say(f"stages round {number + 1}: {taken}; the whole load {load.cpu:.2f} s CPU")
    return {"case": "stages", "events": events, "load": whole, "stages": stages, "repeats": REPEATS}

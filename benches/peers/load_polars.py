"""The load with Polars: `load_polars.py EXPORT OUT`, or `load_polars.py --open` to stop before the work begins.

Choices: the files of a table are read by as many threads as there are cores (reading releases the
interpreter); eager frames, because the lazy engine's `unique` and partitioned sink were measured to take twice
the processor time;
one table at a time, the largest first, which keeps memory low.
"""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import polars as pl

import export

ROW_GROUP_ROWS = 131_072


def read(place):
    day, path = place
    return pl.read_avro(path).with_columns(queue_date=pl.lit(day))


def write(name, table, out, pool):
    frames = pool.map(read, table.paths())
    # Columns that some schemas lack are null there; which of an event's copies stays does not matter.
    rows = pl.concat(frames, how="diagonal", rechunk=False).unique("id", keep="any")
    for (day,), part in rows.partition_by("queue_date", as_dict=True, include_key=False).items():
        folder = f"{out}/{name}/queue_date={day}"
        os.makedirs(folder)
        part.write_parquet(
            f"{folder}/part.parquet", compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS
        )


def main(source, out):
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, table in export.tables(source).items():
            write(name, table, out, pool)


if __name__ == "__main__":
    if sys.argv[1] != "--open":
        main(*sys.argv[1:])

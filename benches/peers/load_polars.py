"""The load with Polars: `load_polars.py [--bare] EXPORT OUT`, or
`load_polars.py --open` to stop before the work begins.

Choices: the files of a table are read by as many threads as there are cores (reading releases the
interpreter); eager frames, because the lazy engine's `unique` and partitioned sink were measured to take twice
the processor time;
one table at a time, the largest first, which keeps memory low; lineage for a whole table at once and the
file's key as a category (file by file: a fifth more).
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


def complete(rows, frames, paths, root):
    """The rows with their moments as timestamps and with the file and the number there that each is of."""
    files = pl.DataFrame({"file": [os.path.relpath(path, root) for path in paths], "rows": [len(f) for f in frames]})
    moments = [
        (pl.col(name).cast(pl.Int64) * micros).cast(pl.Datetime("us", "UTC"))
        for name, micros in export.MOMENTS.items()
        if name in rows.columns
    ]
    keys = files.select(_source_file=pl.col("file").cast(pl.Categorical).repeat_by("rows").explode(empty_as_null=False))
    numbers = files.select(_source_row=pl.int_ranges(0, "rows").explode(empty_as_null=False))
    return rows.with_columns(*moments, *keys, *numbers)


def write(name, table, root, out, pool, bare):
    places = table.paths()
    frames = list(pool.map(read, places))
    # Columns that some schemas lack are null there; which of an event's copies stays does not matter.
    rows = pl.concat(frames, how="diagonal", rechunk=False)
    if not bare:
        rows = complete(rows, frames, [path for _, path in places], root)
    del frames
    rows = rows.unique("id", keep="any")
    for (day,), part in rows.partition_by("queue_date", as_dict=True, include_key=False).items():
        folder = f"{out}/{name}/queue_date={day}"
        os.makedirs(folder)
        part.write_parquet(
            f"{folder}/part.parquet", compression="zstd", compression_level=1, row_group_size=ROW_GROUP_ROWS
        )


def main(source, out, bare):
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for name, table in export.tables(source).items():
            write(name, table, source, out, pool, bare)


if __name__ == "__main__":
    if sys.argv[1] != "--open":
        main(*sys.argv[-2:], bare=sys.argv[1] == "--bare")

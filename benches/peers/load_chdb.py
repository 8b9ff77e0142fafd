"""The load with chDB (ClickHouse): `load_chdb.py [--bare] EXPORT OUT`, or
`load_chdb.py --open` to stop before the work begins.

Choices: one statement per table; the columns of all its writer schemas are stated, so that no file is
opened to infer them and none of them is lost; `LIMIT 1 BY id`, which keeps a set of ids and streams the rows; no Bloom
filters, which are on by default and which nobody asked for; the file's key as a low-cardinality text, as the reader has
it. Measured without gain: other block sizes, no page index.
A null array becomes an empty one: ClickHouse has no nullable arrays. The comparison of rows takes the two as equal.
"""

import os
import sys

from chdb.session import Session

import export

SETTINGS = (
    "input_format_avro_allow_missing_fields = 1, input_format_avro_null_as_default = 1, use_hive_partitioning = 0, "
    "output_format_parquet_compression_method = 'zstd', output_format_compression_level = 1, "
    "output_format_parquet_write_bloom_filter = 0, output_format_parquet_row_group_size = 131072"
)
TYPES = {
    "string": "String",
    "int": "Int32",
    "long": "Int64",
    "float": "Float32",
    "double": "Float64",
    "boolean": "Bool",
}


def clickhouse_type(avro):
    if isinstance(avro, list):
        avro = next(branch for branch in avro if branch != "null")
    if isinstance(avro, dict) and avro["type"] == "array":
        return f"Array({clickhouse_type(avro['items'])})"
    return f"Nullable({TYPES[avro['type'] if isinstance(avro, dict) else avro]})"


def columns(table):
    """Name to type, over all of the table's writer schemas."""
    found = {}
    for paths in table.schemas().values():
        for column in export.writer_schema(paths[0])["fields"]:
            new = clickhouse_type(column["type"])
            old = found.setdefault(column["name"], new)
            if {old, new} == {"Nullable(Int32)", "Nullable(Int64)"}:
                found[column["name"]] = "Nullable(Int64)"
            elif old != new:
                sys.exit(f"{table.event_type}.{column['name']} is {old} and {new}")
    return found | {"id": "String"}


def statement(name, table, root, out, bare):
    types = columns(table)
    read = ", ".join(f"`{column}` {kind}" for column, kind in types.items())
    values = {column: f"`{column}`" for column in types}
    if not bare:
        for moment, micros in export.MOMENTS.items():
            if moment in types:
                types[moment] = "Nullable(DateTime64(6, ''UTC''))"
                values[moment] = f"fromUnixTimestamp64Micro(toInt64(`{moment}`) * {micros}, 'UTC')"
        types |= {"_source_file": "LowCardinality(String)", "_source_row": "Int64"}
        values |= {"_source_file": f"substr(_path, {len(root) + 2})", "_source_row": "_row_number"}
    written = ", ".join(f"`{column}` {kind}" for column, kind in types.items())
    one = table.paths()[0][1]
    glob = f"{one[: one.index('event_type=')]}event_type={table.event_type}/**/*.avro"
    return f"""
        INSERT INTO FUNCTION
            file('{out}/{name}/queue_date={{_partition_id}}/part.parquet', 'Parquet', 'queue_date String, {written}')
        PARTITION BY queue_date
        SELECT substr(_path, position(_path, '/date=') + 6, 10) AS queue_date, {", ".join(values.values())}
        FROM file('{glob}', 'Avro', '{read}')
        LIMIT 1 BY id
        SETTINGS {SETTINGS}, max_threads = {len(os.sched_getaffinity(0))}"""


def main(source, out, bare):
    session = Session()
    for name, table in export.tables(source).items():
        result = session.query(statement(name, table, source, out, bare))
        if result.has_error():
            sys.exit(f"{name}: {result.error_message()}")


if __name__ == "__main__":
    if sys.argv[1] == "--open":
        Session().query("SELECT 1")
    else:
        main(*sys.argv[-2:], bare=sys.argv[1] == "--bare")

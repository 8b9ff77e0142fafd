-- Which columns the stored cells of each table have, and which of them came with the data instead of from a definition.
-- Grain: one row per table and set of columns (schema) that its cells are written with. Tables without cells are not here.
--
-- What is counted: cells and their rows, from the log alone; rows sums to the rows of all tables.
--
-- schema              a short text that differs where columns or their types differ.
-- is_latest           the table's cells were last written with this one. The others are older cells that the next passes bring to the newer
--                     columns, within their budget; until then those columns read as NULL there.
-- cells, size         Parquet objects and their bytes.
-- first_queue_date, last_queue_date, first_written_at, last_written_at  where the schema is found, and when it was written.
-- columns             columns of the table today, those of Eddyline's own (_extra, _source_file, _source_row, queue_date) among them.
-- discovered_columns  those the table's definition does not have: they joined because the data carried them, all of them where the event type
--                     itself is new. discovered_names lists them. One that nobody has described counts as personal.
--
-- Traps: columns and discovered_columns are the table's today, the same in all its rows here. The schemas of Braze's own files are not
-- recorded; a field that became no column is in _extra.
WITH
cell AS (
  SELECT
    table_name,
    schema,
    count(*) AS cells,
    CAST(sum(rows) AS BIGINT) AS rows,
    CAST(sum(size) AS BIGINT) AS size,
    min(queue_date) AS first_queue_date,
    max(queue_date) AS last_queue_date,
    min(written_at) AS first_written_at,
    max(written_at) AS last_written_at
  FROM system.cells
  GROUP BY table_name, schema
),
described AS (
  SELECT
    table_name,
    count(*) AS columns,
    count(*) FILTER (WHERE discovered) AS discovered_columns,
    array_to_string(array_agg(column_name ORDER BY position) FILTER (WHERE discovered), ', ') AS discovered_names
  FROM system.columns
  GROUP BY table_name
)
SELECT
  c.table_name,
  c.schema,
  row_number() OVER (PARTITION BY c.table_name ORDER BY c.last_written_at DESC, c.schema) = 1 AS is_latest,
  c.cells,
  c.rows,
  c.size,
  c.first_queue_date,
  c.last_queue_date,
  c.first_written_at,
  c.last_written_at,
  d.columns,
  d.discovered_columns,
  d.discovered_names
FROM cell c
LEFT JOIN described d ON d.table_name = c.table_name

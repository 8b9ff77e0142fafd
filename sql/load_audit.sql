-- What became of every source file: what it held, what is stored of it, how late its events came.
-- Grain: one row per source file, from the ledger; a file whose rows are stored without the ledger knowing it has a row too (fate null).
--
-- What is counted: the ledger's counts of each file, beside the rows that are stored now with that file as their source. rows_stored sums to
-- the rows of all tables.
--
-- fate, reason      loaded, quarantined or vanished, and why.
-- records           records in the file = new_records + duplicates + rejected. Duplicates came in another file before, or twice in this one.
-- rows_stored       rows of all tables that came from this file. rows_missing = new_records - rows_stored: 0 in a sound warehouse.
-- tables            tables those rows are in; above 1 for a file of several event types.
-- queue_hour        the hour (UTC) Braze queued the file's events, YYYY-MM-DD-HH; queue_date is its day.
-- first_event_at, last_event_at  by the events' own clocks.
-- max_lag_seconds   from the file's earliest event to the start of its queue hour, at least 0: offline phones and back-dated calls make it days.
-- rows_late         events more than a day older than the queue day. rows_ahead: events of a later day, by a wrong clock.
-- seconds_to_load   from the file's last change in the bucket to its load.
--
-- Traps: a filter on queue_date leaves out cells, one on fate or event_type does not. What only the ledger knows is in system.files, which
-- reads no cells at all; the records that were rejected are in system.rejects.
WITH
part AS (
  SELECT
    key AS file, TRY_CAST(substr(queue_hour, 1, 10) AS DATE) AS queue_date, queue_hour, event_type, fate, reason, CAST(size AS BIGINT) AS size,
    CAST(records AS BIGINT) AS records, CAST(new AS BIGINT) AS new_records, CAST(duplicates AS BIGINT) AS duplicates,
    CAST(rejected AS BIGINT) AS rejected, modified, loaded_at, 0 AS rows_stored, 0 AS tables, 0 AS rows_late, 0 AS rows_ahead,
    NULL AS first_event_at, NULL AS last_event_at
  FROM system.files
  UNION ALL
  SELECT
    _source_file, queue_date, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    count(*), 1,
    count(*) FILTER (WHERE time < queue_date - INTERVAL '1 day'),
    count(*) FILTER (WHERE time >= queue_date + INTERVAL '1 day'),
    min(time), max(time)
  FROM all_events
  GROUP BY _source_file, queue_date, table_name
),
file AS (
  SELECT
    file,
    queue_date,
    max(queue_hour) AS queue_hour,
    max(event_type) AS event_type,
    max(fate) AS fate,
    max(reason) AS reason,
    max(size) AS size,
    max(records) AS records,
    max(new_records) AS new_records,
    max(duplicates) AS duplicates,
    max(rejected) AS rejected,
    max(modified) AS modified,
    max(loaded_at) AS loaded_at,
    sum(rows_stored) AS rows_stored,
    sum(tables) AS tables,
    sum(rows_late) AS rows_late,
    sum(rows_ahead) AS rows_ahead,
    min(first_event_at) AS first_event_at,
    max(last_event_at) AS last_event_at
  FROM part
  GROUP BY file, queue_date
)
SELECT
  file,
  event_type,
  queue_date,
  queue_hour,
  fate,
  reason,
  size,
  records,
  new_records,
  duplicates,
  rejected,
  rows_stored,
  coalesce(new_records, 0) - rows_stored AS rows_missing,
  tables,
  first_event_at,
  last_event_at,
  CASE WHEN first_event_at IS NOT NULL THEN greatest(
    to_unixtime(TRY_CAST(concat(substr(queue_hour, 1, 10), 'T', substr(queue_hour, 12, 2), ':00:00Z') AS TIMESTAMP))
      - to_unixtime(first_event_at), 0
  ) END AS max_lag_seconds,
  rows_late,
  rows_ahead,
  modified,
  loaded_at,
  to_unixtime(loaded_at) - to_unixtime(modified) AS seconds_to_load
FROM file

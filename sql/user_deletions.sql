-- Whom Braze was asked to delete, and what the warehouse still holds of them: the work list of an erasure.
-- Grain: one row per user_id to be erased: the one a users.UserDeleteRequest names, and every profile that was merged into it. Requests
-- whose user is missing or [REDACTED] share one last row (user_id null): nobody can tell whom they mean.
--
-- What is counted: each UserDeleteRequest once, in the row of the user it names (requests).
--
-- requested_user_id  the profile whose request takes this one with it: itself, or the one it was merged into; of several the one asked first.
-- deleted_at         the earliest of those requests. last_requested_at is the latest.
-- is_requested       a request names this very profile; false for one that goes only because it was merged into another.
-- canonical_user_id  the profile the person lives on in. Where it is not itself deleted, the person goes on: a request deletes what was merged
--                    into the profile, not what it was merged into.
-- events_stored      rows of all tables that carry this user_id now, the request and the merge themselves among them.
-- events_after       those that happened after deleted_at: late files, or a profile in use again.
-- tables_holding, files_holding   tables, and source files in the bucket, that these rows lie in or came from.
-- first_queue_date, last_queue_date  the days to look at.
--
-- Traps: it counts rows by user_id alone: names, addresses and phone numbers of the person may also stand in rows of another profile, and in
-- the users.UserOrphan row that names the person as the survivor. It reads the user of every event of every table.
WITH
request AS (
  SELECT
    nullif(nullif(user_id, '[REDACTED]'), '') AS user_id,
    min(time) AS deleted_at,
    max(time) AS last_requested_at,
    count(*) AS requests
  FROM users_userdeleterequest
  GROUP BY 1
),
-- Everyone whose chain of merges passes through a profile, or ends at it.
passes AS (
  SELECT DISTINCT user_id, passed
  FROM (SELECT user_id, unnest(array_append(path, canonical_user_id)) AS passed FROM users_merged)
  WHERE passed <> user_id
),
reached AS (
  SELECT user_id, user_id AS requested_user_id, deleted_at, last_requested_at, requests FROM request
  UNION ALL
  SELECT p.user_id, r.user_id, r.deleted_at, r.last_requested_at, 0 FROM passes p JOIN request r ON r.user_id = p.passed
),
erased AS (
  SELECT
    user_id,
    first_value(requested_user_id ORDER BY deleted_at, requested_user_id) AS requested_user_id,
    min(deleted_at) AS deleted_at,
    max(last_requested_at) AS last_requested_at,
    sum(requests) AS requests
  FROM reached
  GROUP BY user_id
),
held AS (
  SELECT
    e.user_id,
    count(*) AS events_stored,
    count(*) FILTER (WHERE e.time > d.deleted_at) AS events_after,
    count(DISTINCT e.table_name) AS tables_holding,
    count(DISTINCT e._source_file) AS files_holding,
    min(e.queue_date) AS first_queue_date,
    max(e.queue_date) AS last_queue_date,
    max(e.time) AS last_event_at
  FROM erased d
  JOIN all_events e ON e.user_id = d.user_id
  GROUP BY e.user_id
)
SELECT
  d.user_id,
  d.requested_user_id,
  coalesce(m.canonical_user_id, d.user_id) AS canonical_user_id,
  d.requests > 0 AS is_requested,
  d.deleted_at,
  d.last_requested_at,
  d.requests,
  coalesce(h.events_stored, 0) AS events_stored,
  coalesce(h.events_after, 0) AS events_after,
  coalesce(h.tables_holding, 0) AS tables_holding,
  coalesce(h.files_holding, 0) AS files_holding,
  h.first_queue_date,
  h.last_queue_date,
  h.last_event_at
FROM erased d
LEFT JOIN held h ON h.user_id = d.user_id
LEFT JOIN users_merged m ON m.user_id = d.user_id

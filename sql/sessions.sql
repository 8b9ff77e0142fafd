-- App sessions: who used the app, when, for how long, on what device.
-- Grain: one row per session_id. An event without a usable session_id is a row of its own.
--
-- What is counted: each SessionStart, SessionEnd and FirstSession event once, in exactly one row (starts, ends, first_sessions).
--
-- user_id             the profile of the start (else any of the row's); canonical_user_id is the person after all merges. A session that began
--                     anonymous and ended after the login is one row.
-- started_at          the start, else the first session's time, else the end less its duration (start_is_estimated).
-- event_time          started_at, or the end where neither start nor duration is known; event_date is its UTC day.
-- duration_seconds    as the app measured it; null for a session that never reported its end (a crash, no network) or that is still open.
-- is_first_session    the very first one of the profile: only then sdk_version, country, language and timezone are known.
-- session_number      1, 2, 3 … in the order of the person's sessions within the warehouse; null for unknown people.
-- is_latest           the person's last session: filter on it for the device people use today.
-- seconds_since_previous  from the start of the person's previous session.
-- unkeyed_event_id    the event that made the row, where the session_id is missing or [REDACTED].
--
-- Traps: the end may arrive days after the start. A sum of durations leaves out sessions without an end. session_number counts what the
-- warehouse holds, so it is 1 for the first session after the export began, too.
-- A filter on event_date does not leave out files: a session is put together first.
WITH
raw AS (
  SELECT 'start' AS stage, id, time, user_id, session_id, app_id, app_group_id, device_id, device_model, os_version, platform,
    NULL AS sdk_version, NULL AS country, NULL AS language, NULL AS timezone, NULL AS duration
  FROM users_behaviors_app_sessionstart
  UNION ALL
  SELECT 'end', id, time, user_id, session_id, app_id, app_group_id, device_id, device_model, os_version, platform,
    NULL, NULL, NULL, NULL, duration
  FROM users_behaviors_app_sessionend
  UNION ALL
  SELECT 'first', id, time, user_id, session_id, app_id, app_group_id, device_id, device_model, os_version, platform,
    sdk_version, country, language, timezone, NULL
  FROM users_behaviors_app_firstsession
),
event AS (
  SELECT r.*,
    nullif(nullif(r.user_id, '[REDACTED]'), '') AS real_user_id,
    coalesce(m.canonical_user_id, nullif(nullif(r.user_id, '[REDACTED]'), '')) AS person,
    coalesce(nullif(nullif(r.session_id, '[REDACTED]'), ''), r.id) AS session_key,
    nullif(nullif(r.session_id, '[REDACTED]'), '') IS NOT NULL AS is_keyed
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
),
session AS (
  SELECT
    session_key,
    bool_or(is_keyed) AS is_keyed,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'start'), max(real_user_id)) AS user_id,
    coalesce(max(person) FILTER (WHERE stage = 'start'), max(person)) AS canonical_user_id,
    max(app_id) AS app_id,
    max(app_group_id) AS app_group_id,
    max(device_id) AS device_id,
    max(device_model) AS device_model,
    max(os_version) AS os_version,
    max(platform) AS platform,
    max(sdk_version) AS sdk_version,
    max(country) AS country,
    max(language) AS language,
    max(timezone) AS timezone,
    coalesce(min(time) FILTER (WHERE stage = 'start'), min(time) FILTER (WHERE stage = 'first')) AS reported_start,
    max(time) FILTER (WHERE stage = 'end') AS ended_at,
    max(duration) AS duration_seconds,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'start') AS starts,
    count(*) FILTER (WHERE stage = 'end') AS ends,
    count(*) FILTER (WHERE stage = 'first') AS first_sessions
  FROM event
  GROUP BY session_key
),
timed AS (
  SELECT *,
    coalesce(reported_start, ended_at - CAST(CAST(CAST(duration_seconds AS BIGINT) AS VARCHAR) || ' seconds' AS INTERVAL)) AS started_at
  FROM session
),
ordered AS (
  SELECT *,
    coalesce(started_at, ended_at) AS event_time,
    row_number() OVER (PARTITION BY canonical_user_id ORDER BY coalesce(started_at, ended_at), session_key) AS position,
    lag(coalesce(started_at, ended_at)) OVER (PARTITION BY canonical_user_id ORDER BY coalesce(started_at, ended_at), session_key)
      AS previous_at,
    lead(1) OVER (PARTITION BY canonical_user_id ORDER BY coalesce(started_at, ended_at), session_key) AS has_next
  FROM timed
)
SELECT
  CASE WHEN is_keyed THEN session_key END AS session_id,
  user_id,
  canonical_user_id,
  event_time,
  CAST(event_time AS DATE) AS event_date,
  started_at,
  reported_start IS NULL AND started_at IS NOT NULL AS start_is_estimated,
  ended_at,
  duration_seconds,
  first_sessions > 0 AS is_first_session,
  CASE WHEN canonical_user_id IS NOT NULL THEN position END AS session_number,
  CASE WHEN canonical_user_id IS NOT NULL THEN has_next IS NULL END AS is_latest,
  CASE WHEN canonical_user_id IS NOT NULL THEN to_unixtime(event_time) - to_unixtime(previous_at) END AS seconds_since_previous,
  app_group_id,
  app_id,
  device_id,
  device_model,
  platform,
  os_version,
  sdk_version,
  country,
  language,
  timezone,
  events,
  starts,
  ends,
  first_sessions,
  CASE WHEN NOT is_keyed THEN session_key END AS unkeyed_event_id
FROM ordered

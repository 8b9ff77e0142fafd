-- Of the people who first came on a day, how many came back on each day after.
-- Grain: one row per cohort (UTC day of the first session) and day number, from 0 to the last day of the warehouse, days on which nobody came
-- included. One last row (cohort_date null) holds those whose first session is not known.
--
-- What is counted: people after merges, once per day on which they started a session. session_starts counts the SessionStart events
-- themselves, so its sum is the number of rows of users_behaviors_app_sessionstart.
--
-- cohort_date       the day of the person's earliest FirstSession. People who have none in the warehouse (they came before the export began),
--                   people with a session on an earlier day (an older profile was merged in, or a clock was wrong), unknown or [REDACTED] users,
--                   and sessions that name no time are in the row without a cohort.
-- day_number        calendar days (UTC) since cohort_date: 0 is the first day itself, a return an hour later may be day 1.
-- cohort_size       people of the cohort. retained: those of them active on that day. retention: retained over cohort_size.
-- is_complete       the day was over when the newest session event was queued. Leave out the others before averaging over cohorts; a
--                   phone that was offline may still add to complete days.
--
-- Traps: a session with a wrong clock may lie years ahead; it has a row of its own and the days up to it are not filled in. Do not add up
-- retained over days: it counts people again each day.
WITH
raw AS (
  SELECT user_id, time, queue_date, 1 AS starts, false AS is_first FROM users_behaviors_app_sessionstart
  UNION ALL
  SELECT user_id, time, queue_date, 0, true FROM users_behaviors_app_firstsession
),
active AS (
  SELECT
    coalesce(m.canonical_user_id, nullif(nullif(r.user_id, '[REDACTED]'), '')) AS person,
    CAST(r.time AS DATE) AS day,
    sum(r.starts) AS starts,
    bool_or(r.is_first) AS is_first,
    max(r.queue_date) AS last_day
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
  GROUP BY person, day
),
-- Whoever was active before the first session we know of is not new: the day of the first session is unknown then.
dated AS (
  SELECT person, day, starts, last_day,
    day IS NOT DISTINCT FROM min(day) OVER (PARTITION BY person) AS is_earliest,
    CASE
      WHEN person IS NOT NULL AND day IS NOT NULL
        AND min(CASE WHEN is_first THEN day END) OVER (PARTITION BY person) = min(day) OVER (PARTITION BY person)
      THEN min(day) OVER (PARTITION BY person)
    END AS first_day
  FROM active
),
cohort AS (
  SELECT
    first_day,
    CAST(day - first_day AS BIGINT) AS day_number,
    count(CASE WHEN first_day IS NOT NULL OR is_earliest THEN person END) AS people,
    sum(starts) AS session_starts,
    max(last_day) AS last_day
  FROM dated
  GROUP BY first_day, day_number
),
-- Each row also stands for the empty days up to the next one.
spread AS (
  SELECT *,
    max(last_day) OVER () - first_day AS last_number,
    lead(day_number) OVER (PARTITION BY first_day ORDER BY day_number) AS next_number,
    max(CASE WHEN day_number = 0 THEN people END) OVER (PARTITION BY first_day) AS cohort_size
  FROM cohort
),
grid AS (
  SELECT first_day, day_number, people, session_starts, last_number, cohort_size,
    unnest(generate_series(
      coalesce(day_number, 0), greatest(coalesce(day_number, 0), least(coalesce(next_number - 1, last_number), last_number))
    )) AS number
  FROM spread
)
SELECT
  first_day AS cohort_date,
  CASE WHEN first_day IS NOT NULL THEN number END AS day_number,
  first_day + CAST(number AS INTEGER) AS activity_date,
  CASE WHEN first_day IS NULL THEN people ELSE cohort_size END AS cohort_size,
  CASE WHEN number = coalesce(day_number, 0) THEN people ELSE 0 END AS retained,
  CASE WHEN number = coalesce(day_number, 0) THEN session_starts ELSE 0 END AS session_starts,
  CASE WHEN first_day IS NOT NULL THEN CAST(CASE WHEN number = day_number THEN people ELSE 0 END AS DOUBLE) / cohort_size END AS retention,
  number < last_number AS is_complete
FROM grid

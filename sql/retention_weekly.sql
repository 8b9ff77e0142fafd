-- Of the people who first came in a week, how many came back in each week after their own first day.
-- Grain: one row per cohort (week of the first session, named by its Monday) and week number, from 0 to the last one that has begun for the
-- cohort, weeks in which nobody came included. One last row (cohort_week null) holds those whose first session is not known.
--
-- What is counted: people after merges, once per week in which they started a session. session_starts counts the SessionStart events
-- themselves, so its sum is the number of rows of users_behaviors_app_sessionstart.
--
-- cohort_week       Monday (UTC) of the week of the person's earliest FirstSession. Who has no cohort: see retention_daily.
-- week_number       whole weeks since the person's OWN first day: 0 is days 0 to 6, 1 is days 7 to 13. It is not the calendar week: who first
--                   comes on a Sunday and again on Monday has not yet come back in week 1.
-- cohort_size       people of the cohort. retained: those of them active in that week. retention: retained over cohort_size.
-- is_complete       the week was over for all of the cohort, those of Sunday too, when the newest session event was queued. Leave out the
--                   others before averaging over cohorts.
--
-- Traps: as in retention_daily. Do not add up retained over weeks: it counts people again each week.
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
    CASE
      WHEN person IS NOT NULL
        AND min(CASE WHEN is_first THEN day END) OVER (PARTITION BY person) = min(day) OVER (PARTITION BY person)
      THEN min(day) OVER (PARTITION BY person)
    END AS first_day
  FROM active
),
-- A session that names no time is in no week: whoever has a cohort counts there alone.
person_week AS (
  SELECT
    person,
    CAST(date_trunc('week', CASE WHEN day IS NOT NULL THEN first_day END) AS DATE) AS cohort_week,
    CAST(floor((day - first_day) / 7.0) AS BIGINT) AS week_number,
    bool_or(first_day IS NOT NULL) AS is_dated,
    sum(starts) AS starts,
    max(last_day) AS last_day
  FROM dated
  GROUP BY person, cohort_week, week_number
),
cohort AS (
  SELECT
    cohort_week,
    week_number,
    count(CASE WHEN cohort_week IS NOT NULL OR NOT is_dated THEN person END) AS people,
    sum(starts) AS session_starts,
    max(last_day) AS last_day
  FROM person_week
  GROUP BY cohort_week, week_number
),
-- Each row also stands for the empty weeks up to the next one.
spread AS (
  SELECT *,
    max(last_day) OVER () - cohort_week AS days,
    CAST(floor((max(last_day) OVER () - cohort_week) / 7.0) AS BIGINT) AS last_number,
    lead(week_number) OVER (PARTITION BY cohort_week ORDER BY week_number) AS next_number,
    max(CASE WHEN week_number = 0 THEN people END) OVER (PARTITION BY cohort_week) AS cohort_size
  FROM cohort
),
grid AS (
  SELECT cohort_week, week_number, people, session_starts, days, cohort_size,
    unnest(generate_series(
      coalesce(week_number, 0), greatest(coalesce(week_number, 0), least(coalesce(next_number - 1, last_number), last_number))
    )) AS number
  FROM spread
)
SELECT
  cohort_week,
  CASE WHEN cohort_week IS NOT NULL THEN number END AS week_number,
  CASE WHEN cohort_week IS NULL THEN people ELSE cohort_size END AS cohort_size,
  CASE WHEN number = coalesce(week_number, 0) THEN people ELSE 0 END AS retained,
  CASE WHEN number = coalesce(week_number, 0) THEN session_starts ELSE 0 END AS session_starts,
  CASE WHEN cohort_week IS NOT NULL THEN CAST(CASE WHEN number = week_number THEN people ELSE 0 END AS DOUBLE) / cohort_size END AS retention,
  number * 7 + 12 < days AS is_complete
FROM grid

-- Each journey through a Canvas: the steps in order, how long each took, how it ended.
-- Grain: one row per Canvas and canvas_entry_id, that is one person's one time in a Canvas. A progression whose canvas_entry_id is missing or
-- [REDACTED] is a row of its own.
--
-- What is counted: every users.canvasstep.Progression, once, in progressions.
--
-- canonical_user_id   the person after all merges; user_id the profile of the first progression. A merge on the way does not split the row.
-- saw_entry           the first step is in the export (is_canvas_entry); if false the beginning is missing.
-- steps, step_names, reached_at, seconds_at_step   lists of one length: the steps in order, when each was reached, seconds until the next one,
--                     null for the last. Several progressions in a row at one step (split, then advance) are one visit; coming back is another.
-- path                the names of the steps (else their ids) in one line.
-- seconds             from the first to the last progression.
-- exit_reason         of the last progression that gives one. Null: still on the way, done, or removed by an exit rule (see canvas_funnel).
-- next_step_id        where the last progression led to; that step has not written anything yet.
--
-- Traps: only splits, paths and advances write progressions, so a step can be passed unseen. Times are whole seconds: of progressions in the same
-- second the entry counts as the first and the one that leads nowhere as the last, the others stand by id. Control groups have no
-- journey. A filter on canvas_id leaves out row groups, one on time nothing.
WITH
-- An entry is into one Canvas, which is in every key so that a filter on it reaches the table.
progression AS (
  SELECT
    p.id,
    p.time,
    coalesce(nullif(nullif(p.canvas_entry_id, '[REDACTED]'), ''), p.id) AS journey,
    nullif(nullif(p.canvas_entry_id, '[REDACTED]'), '') AS canvas_entry_id,
    nullif(nullif(p.user_id, '[REDACTED]'), '') AS user_id,
    p.canvas_id, p.canvas_name, p.canvas_variation_id, p.canvas_variation_name, p.canvas_step_id, p.canvas_step_name, p.next_step_id,
    p.exit_reason, p.is_canvas_entry,
    row_number() OVER (
      PARTITION BY p.canvas_id, coalesce(nullif(nullif(p.canvas_entry_id, '[REDACTED]'), ''), p.id)
      ORDER BY p.time, coalesce(p.is_canvas_entry, false) DESC, p.next_step_id IS NULL, p.id
    ) AS place
  FROM users_canvasstep_progression p
),
visit AS (
  SELECT
    *,
    place = 1 OR canvas_step_id IS DISTINCT FROM lag(canvas_step_id) OVER (PARTITION BY canvas_id, journey ORDER BY place) AS is_new
  FROM progression
),
timed AS (
  SELECT
    *,
    lead(CASE WHEN is_new THEN time END) IGNORE NULLS OVER (PARTITION BY canvas_id, journey ORDER BY place) AS next_at
  FROM visit
),
journey AS (
  SELECT
    max(canvas_entry_id) AS canvas_entry_id,
    first_value(user_id ORDER BY place) FILTER (WHERE user_id IS NOT NULL) AS user_id,
    canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    min(time) AS started_at,
    max(time) AS last_at,
    bool_or(coalesce(is_canvas_entry, false)) AS saw_entry,
    count(*) AS progressions,
    count(*) FILTER (WHERE is_new) AS visits,
    array_agg(canvas_step_id ORDER BY place) FILTER (WHERE is_new) AS steps,
    array_agg(canvas_step_name ORDER BY place) FILTER (WHERE is_new) AS step_names,
    array_agg(time ORDER BY place) FILTER (WHERE is_new) AS reached_at,
    array_agg(to_unixtime(next_at) - to_unixtime(time) ORDER BY place) FILTER (WHERE is_new) AS seconds_at_step,
    string_agg(coalesce(canvas_step_name, canvas_step_id, '?'), ' > ' ORDER BY place) FILTER (WHERE is_new) AS path,
    last_value(canvas_step_id ORDER BY place) AS last_step_id,
    last_value(canvas_step_name ORDER BY place) AS last_step_name,
    last_value(next_step_id ORDER BY place) AS next_step_id,
    last_value(exit_reason ORDER BY place) FILTER (WHERE exit_reason IS NOT NULL) AS exit_reason
  FROM timed
  GROUP BY canvas_id, journey
)
SELECT
  j.canvas_entry_id,
  j.user_id,
  coalesce(m.canonical_user_id, j.user_id) AS canonical_user_id,
  j.canvas_id,
  j.canvas_name,
  j.canvas_variation_id,
  j.canvas_variation_name,
  j.started_at,
  CAST(j.started_at AS DATE) AS start_date,
  j.last_at,
  to_unixtime(j.last_at) - to_unixtime(j.started_at) AS seconds,
  j.saw_entry,
  j.progressions,
  j.visits,
  j.path,
  j.steps,
  j.step_names,
  j.reached_at,
  j.seconds_at_step,
  j.last_step_id,
  j.last_step_name,
  j.next_step_id,
  j.exit_reason
FROM users_merged m
RIGHT JOIN journey j ON m.user_id = j.user_id

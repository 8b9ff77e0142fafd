-- The way through a Canvas: who entered, which steps they reached, how they left, who converted.
-- Grain: one row per Canvas, variation, stage, step and detail.
--
-- stage               entry: detail null. step: one row per step; detail null. exit: detail is the reason, by the step people left at. conversion:
--                     detail is the goal, A to D.
-- What is counted: every users.canvas.Entry, users.canvasstep.Progression, users.canvas.exit.*, users.canvas.Conversion, and every send (for in-app
-- messages and banners every impression) that names a Canvas, once, in events. A Progression with an exit_reason stays an event of its step and
-- is only shown again under exit, where exits counts it and events does not.
--
-- position            order within variation and stage, by when each was first seen; in the same second the Canvas's first step comes first.
-- people              distinct persons after all merges, whose user is known. For a step: who passed it or was sent something by it.
-- progressions, sends events of a step by kind. Only splits, paths and advances write progressions.
-- exits               left early by an exit rule (matched_audience, performed_event), or a progression's own exit_reason.
-- entered             people who entered this variation; share_of_entered is people over entered.
-- in_control_group    the variation is the control: it has entries and conversions, no steps.
--
-- Traps: entering twice is two events and one person. Someone who entered before the export begins is reached and not entered, so a share can be
-- above 1. One way out can be told twice, by an exit rule and by a progression: do not add up exits of different reasons. Exits
-- before 2024 carry internal ids in canvas_id: here the API ids are used. Filters on canvas_id leave out row groups, not days.
WITH
raw AS (
  SELECT 'entry' AS stage, user_id, time, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, NULL AS canvas_step_id,
    NULL AS canvas_step_name, NULL AS detail, in_control_group, 1 AS counted, 0 AS is_progression, 0 AS is_send,
    false AS is_first
  FROM users_canvas_entry
  UNION ALL
  SELECT 'step', user_id, time, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, NULL,
    NULL, 1, 1, 0, is_canvas_entry
  FROM users_canvasstep_progression
  UNION ALL
  SELECT 'step', user_id, time, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, NULL,
    NULL, 1, 0, 1, false
  FROM all_events
  WHERE canvas_id IS NOT NULL AND (stage = 'send' OR (stage = 'impression' AND channel IN ('inappmessage', 'banner')))
  UNION ALL
  SELECT 'exit', user_id, time, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    exit_reason, NULL, 0, 1, 0, false
  FROM users_canvasstep_progression
  WHERE exit_reason IS NOT NULL
  UNION ALL
  SELECT 'exit', user_id, time, coalesce(canvas_api_id, canvas_id), canvas_name, coalesce(canvas_variation_api_id, canvas_variation_id),
    canvas_variation_name, coalesce(canvas_step_api_id, canvas_step_id), canvas_step_name, 'matched_audience', NULL, 1, 0, 0, false
  FROM users_canvas_exit_matchedaudience
  UNION ALL
  SELECT 'exit', user_id, time, coalesce(canvas_api_id, canvas_id), canvas_name, coalesce(canvas_variation_api_id, canvas_variation_id),
    canvas_variation_name, coalesce(canvas_step_api_id, canvas_step_id), canvas_step_name, 'performed_event', NULL, 1, 0, 0, false
  FROM users_canvas_exit_performedevent
  UNION ALL
  SELECT 'conversion', user_id, time, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, NULL, NULL,
    CASE conversion_behavior_index WHEN 0 THEN 'A' WHEN 1 THEN 'B' WHEN 2 THEN 'C' WHEN 3 THEN 'D' END, NULL, 1, 0, 0, false
  FROM users_canvas_conversion
),
per_person AS (
  SELECT
    r.canvas_id, r.canvas_variation_id, r.stage, r.canvas_step_id, r.detail,
    nullif(nullif(coalesce(m.canonical_user_id, r.user_id), '[REDACTED]'), '') AS person,
    max(r.canvas_name) AS canvas_name,
    max(r.canvas_variation_name) AS canvas_variation_name,
    max(r.canvas_step_name) AS canvas_step_name,
    bool_or(r.in_control_group) AS in_control_group,
    count(*) AS mentions,
    sum(r.counted) AS events,
    sum(r.is_progression) AS progressions,
    sum(r.is_send) AS sends,
    coalesce(bool_or(r.is_first), false) AS is_first,
    min(r.time) AS first_at,
    max(r.time) AS last_at
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
  GROUP BY 1, 2, 3, 4, 5, 6
),
place AS (
  SELECT
    canvas_id, canvas_variation_id, stage, canvas_step_id, detail,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_name) AS canvas_step_name,
    bool_or(in_control_group) AS in_control_group,
    sum(mentions) AS mentions,
    sum(events) AS events,
    sum(progressions) AS progressions,
    sum(sends) AS sends,
    bool_or(is_first) AS is_first,
    count(person) AS people,
    min(first_at) AS first_at,
    max(last_at) AS last_at
  FROM per_person
  GROUP BY canvas_id, canvas_variation_id, stage, canvas_step_id, detail
),
-- A Canvas has few places: these windows are cheap.
shown AS (
  SELECT
    *,
    coalesce(bool_or(in_control_group) OVER (PARTITION BY canvas_id, canvas_variation_id), false) AS is_control,
    sum(CASE WHEN stage = 'entry' THEN people END) OVER (PARTITION BY canvas_id, canvas_variation_id) AS entered,
    row_number() OVER (PARTITION BY canvas_id, canvas_variation_id, stage ORDER BY first_at, is_first DESC, canvas_step_id, detail) AS position
  FROM place
)
SELECT
  canvas_id,
  canvas_name,
  canvas_variation_id,
  canvas_variation_name,
  is_control AS in_control_group,
  stage,
  position,
  canvas_step_id,
  canvas_step_name,
  detail,
  events,
  people,
  CASE WHEN stage = 'step' THEN progressions ELSE 0 END AS progressions,
  sends,
  CASE WHEN stage = 'exit' THEN mentions ELSE 0 END AS exits,
  entered,
  CAST(people AS DOUBLE) / nullif(entered, 0) AS share_of_entered,
  first_at,
  last_at
FROM shown

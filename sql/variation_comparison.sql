-- Which variation wins: conversion rate of every variation of a campaign, Canvas or experiment step, with lift and significance over the control.
-- Grain: one row per kind (campaign, canvas, experiment_step), experiment and variation, control groups included.
--
-- What is counted: exposures are sends of campaigns (for in-app messages and banners impressions), users.campaigns.EnrollInControl,
-- users.canvas.Entry and users.canvas.experimentstep.SplitEntry, each once; conversions are users.campaigns.Conversion, users.canvas.Conversion
-- and users.canvas.experimentstep.Conversion, each once.
--
-- experiment_id       campaign_id, canvas_id or experiment_step_id; variation_id is message_variation_id, canvas_variation_id or
--                     experiment_split_id. A conversion that names no variation counts for the variation the person was put into, if it is
--                     just one, else under variation_id null.
-- people              distinct persons after all merges put into the variation, whose user is known. exposures are events.
-- converted           of these people, who met the primary goal (A) at least once. conversions_a … _d and conversions are events, of anyone.
-- conversion_rate     converted over people: never above 1, unlike Braze's, which counts a person's every conversion.
-- control_people, control_rate   of all control variations of the experiment together; null without a control group.
-- lift                conversion_rate over control_rate, minus 1: 0.1 is ten percent better.
-- z_score             of the difference of the two rates (two proportions, pooled); p_value is two-sided, from the normal distribution, right
--                     to six decimals. Both null for the control itself, without one, and where nobody or everybody converted.
--
-- Traps: with less than some ten converted in either group the p_value means little; with many variations some look good by chance. People drawn into
-- several variations count in each. A conversion counts whether or not it came after the exposure. A filter on experiment_id leaves out row
-- groups, not days.
WITH
raw AS (
  SELECT 'campaign' AS kind, campaign_id AS experiment_id, campaign_name AS experiment_name, message_variation_id AS variation_id,
    message_variation_name AS variation_name, user_id, 1 AS exposure, stage = 'control_enrollment' AS is_control, NULL AS id, NULL AS goal
  FROM all_events
  WHERE campaign_id IS NOT NULL
    AND (stage IN ('send', 'control_enrollment') OR (stage = 'impression' AND channel IN ('inappmessage', 'banner')))
  UNION ALL
  SELECT 'canvas', canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, user_id, 1, in_control_group, NULL, NULL
  FROM users_canvas_entry
  UNION ALL
  SELECT 'experiment_step', experiment_step_id, canvas_step_name, experiment_split_id, experiment_split_name, user_id, 1, in_control_group,
    NULL, NULL
  FROM users_canvas_experimentstep_splitentry
  UNION ALL
  SELECT 'campaign', campaign_id, campaign_name, message_variation_id, message_variation_name, user_id, 0, NULL, id,
    coalesce(conversion_behavior_index, -1)
  FROM users_campaigns_conversion
  UNION ALL
  SELECT 'canvas', canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, user_id, 0, NULL, id,
    coalesce(conversion_behavior_index, -1)
  FROM users_canvas_conversion
  UNION ALL
  SELECT 'experiment_step', experiment_step_id, canvas_step_name, experiment_split_id, experiment_split_name, user_id, 0, NULL, id,
    coalesce(conversion_behavior_index, -1)
  FROM users_canvas_experimentstep_conversion
),
event AS (
  SELECT r.*, nullif(nullif(coalesce(m.canonical_user_id, r.user_id), '[REDACTED]'), '') AS person
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
),
-- Conversions without a variation are few, and mostly none. Kind and experiment are carried along so that filters on them reach here, too.
found AS (
  SELECT c.kind, c.experiment_id, c.id, min(e.variation_id) AS variation_id
  FROM event c
  JOIN event e ON e.person = c.person AND e.kind = c.kind AND e.experiment_id = c.experiment_id
  WHERE c.goal IS NOT NULL AND c.variation_id IS NULL AND e.exposure = 1
  GROUP BY c.kind, c.experiment_id, c.id
  HAVING min(e.variation_id) = max(e.variation_id)
),
per_person AS (
  SELECT
    e.kind,
    e.experiment_id,
    coalesce(e.variation_id, f.variation_id) AS variation_id,
    e.person,
    max(e.experiment_name) AS experiment_name,
    max(e.variation_name) AS variation_name,
    bool_or(e.is_control) AS is_control,
    sum(e.exposure) AS exposures,
    count(e.goal) AS conversions,
    count(*) FILTER (WHERE e.goal = 0) AS conversions_a,
    count(*) FILTER (WHERE e.goal = 1) AS conversions_b,
    count(*) FILTER (WHERE e.goal = 2) AS conversions_c,
    count(*) FILTER (WHERE e.goal = 3) AS conversions_d
  FROM found f
  RIGHT JOIN event e ON f.id = e.id AND f.kind = e.kind AND f.experiment_id = e.experiment_id
  GROUP BY 1, 2, 3, 4
),
variation AS (
  SELECT
    kind,
    experiment_id,
    variation_id,
    max(experiment_name) AS experiment_name,
    max(variation_name) AS variation_name,
    coalesce(bool_or(is_control), false) AS is_control,
    sum(exposures) AS exposures,
    count(person) FILTER (WHERE exposures > 0) AS people,
    count(person) FILTER (WHERE exposures > 0 AND conversions_a > 0) AS converted,
    sum(conversions) AS conversions,
    sum(conversions_a) AS conversions_a,
    sum(conversions_b) AS conversions_b,
    sum(conversions_c) AS conversions_c,
    sum(conversions_d) AS conversions_d
  FROM per_person
  GROUP BY kind, experiment_id, variation_id
),
compared AS (
  SELECT
    *,
    CAST(converted AS DOUBLE) / nullif(people, 0) AS conversion_rate,
    CAST(sum(CASE WHEN is_control THEN people END) OVER (PARTITION BY kind, experiment_id) AS DOUBLE) AS control_people,
    CAST(sum(CASE WHEN is_control THEN converted END) OVER (PARTITION BY kind, experiment_id) AS DOUBLE) AS control_converted
  FROM variation
),
scored AS (
  SELECT
    *,
    control_converted / nullif(control_people, 0) AS control_rate,
    (converted + control_converted) / nullif(people + control_people, 0) AS pooled_rate
  FROM compared
),
tested AS (
  SELECT
    *,
    CASE WHEN NOT is_control THEN
      (conversion_rate - control_rate)
      / nullif(sqrt(pooled_rate * (1 - pooled_rate) * (1.0 / nullif(people, 0) + 1.0 / nullif(control_people, 0))), 0)
    END AS z_score
  FROM scored
)
SELECT
  kind,
  experiment_id,
  experiment_name,
  variation_id,
  variation_name,
  is_control,
  exposures,
  people,
  converted,
  conversions,
  conversions_a,
  conversions_b,
  conversions_c,
  conversions_d,
  conversion_rate,
  CAST(control_people AS BIGINT) AS control_people,
  control_rate,
  CASE WHEN NOT is_control THEN conversion_rate / nullif(control_rate, 0) - 1 END AS lift,
  z_score,
  -- Abramowitz and Stegun 26.2.17: the area beyond z under the normal curve, to within 1e-7.
  2 * exp(-z_score * z_score / 2) / sqrt(2 * pi())
  * (0.319381530 * t - 0.356563782 * t * t + 1.781477937 * power(t, 3) - 1.821255978 * power(t, 4) + 1.330274429 * power(t, 5)) AS p_value
FROM (SELECT *, 1 / (1 + 0.2316419 * abs(z_score)) AS t FROM tested)

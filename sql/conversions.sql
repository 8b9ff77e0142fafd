-- Every conversion: which goal was met, for which campaign, Canvas or experiment, and the message the person had last got from it.
-- Grain: one row per conversion event.
--
-- What is counted: each event of users.campaigns.Conversion, users.canvas.Conversion, users.canvas.experimentstep.Conversion and
-- users.canvas.costep.Conversion, once.
--
-- kind                 campaign, canvas, experiment_step, content_optimizer (of the last, only who and when is public).
-- event_time           campaign: when the goal was met. canvas: the END of the goal's window, so the deed lies up to window_seconds earlier.
-- queue_date           the day Braze queued the event. event_date and queue_date both leave out files of the conversions.
-- canonical_user_id    the person after all merges; user_id stays as delivered.
-- conversion_event     A to D from the index 0 to 3; A is the primary one. Null where the index is missing.
-- behavior_type, window_seconds, behavior_name   from the JSON text conversion_behavior: kind of deed, window, name of the custom event or
--                      product. Found by their keys, so that text which is not quite JSON still gives what it holds; else null.
-- last_*               the person's last message of the same campaign or Canvas in the 30 days before event_time: a send, for in-app
--                      messages and banners an impression. Of the same variation or step where the conversion names one. Braze names on a
--                      Canvas conversion the last step that was sent BEFORE the deed, hence a step sent later, within the window, does not
--                      pass for its cause. Null where there is no such message: control groups, messages older than the export.
-- seconds_since_message  from last_message_at to event_time.
--
-- Traps: the last message is an inference, Braze names none. One deed can be several rows: one per goal (A to D) and per campaign or Canvas it
-- counts for; for rates count conversion_event = 'A' alone.
WITH
raw AS (
  SELECT 'campaign' AS kind, id, time, queue_date, user_id, app_group_id, app_id, campaign_id, campaign_name, message_variation_id,
    message_variation_name, NULL AS canvas_id, NULL AS canvas_name, NULL AS canvas_variation_id, NULL AS canvas_variation_name,
    NULL AS canvas_step_id, NULL AS canvas_step_name, NULL AS experiment_step_id, NULL AS experiment_split_id, NULL AS experiment_split_name,
    conversion_behavior, conversion_behavior_index
  FROM users_campaigns_conversion
  UNION ALL
  SELECT 'canvas', id, time, queue_date, user_id, app_group_id, app_id, NULL, NULL, NULL, NULL, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, NULL, NULL, NULL, conversion_behavior, conversion_behavior_index
  FROM users_canvas_conversion
  UNION ALL
  SELECT 'experiment_step', id, time, queue_date, user_id, NULL, app_id, NULL, NULL, NULL, NULL, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, experiment_step_id, experiment_split_id, experiment_split_name,
    conversion_behavior, conversion_behavior_index
  FROM users_canvas_experimentstep_conversion
  UNION ALL
  SELECT 'content_optimizer', id, time, queue_date, user_id, app_group_id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL
  FROM users_canvas_costep_conversion
),
conversion AS (
  SELECT
    r.*,
    nullif(nullif(coalesce(m.canonical_user_id, r.user_id), '[REDACTED]'), '') AS person,
    coalesce(r.campaign_id, r.canvas_id) AS source_id
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
),
message AS (
  SELECT
    e.id, coalesce(m.canonical_user_id, e.user_id) AS person, coalesce(e.campaign_id, e.canvas_id) AS source_id, e.channel, e.dispatch_id,
    e.message_variation_id, e.canvas_step_id, e.time
  FROM users_merged m
  RIGHT JOIN all_events e ON m.user_id = e.user_id
  WHERE (e.stage = 'send' OR (e.stage = 'impression' AND e.channel IN ('inappmessage', 'banner')))
    AND (e.campaign_id IS NOT NULL OR e.canvas_id IS NOT NULL) AND e.user_id NOT IN ('', '[REDACTED]')
),
-- The step of an experiment's conversion is the experiment itself, which sends nothing. Kind, time and queue_date are carried along so that
-- filters on them reach the conversions here, too.
last_message AS (
  SELECT kind, time, queue_date, id, channel, dispatch_id, message_variation_id, canvas_step_id, message_at
  FROM (
    SELECT
      c.kind, c.time, c.queue_date, c.id, s.channel, s.dispatch_id, s.message_variation_id, s.canvas_step_id, s.time AS message_at,
      row_number() OVER (PARTITION BY c.kind, c.time, c.queue_date, c.id ORDER BY s.time DESC, s.channel, s.id) AS nearness
    FROM conversion c
    JOIN message s ON s.person = c.person AND s.source_id = c.source_id AND s.time <= c.time AND s.time >= c.time - INTERVAL '30 days'
      AND (c.message_variation_id IS NULL OR s.message_variation_id = c.message_variation_id)
      AND (c.canvas_step_id IS NULL OR c.kind = 'experiment_step' OR s.canvas_step_id = c.canvas_step_id)
  )
  WHERE nearness = 1
)
SELECT
  c.id,
  c.kind,
  c.time AS event_time,
  CAST(c.time AS DATE) AS event_date,
  c.queue_date,
  c.user_id,
  c.person AS canonical_user_id,
  c.campaign_id,
  c.campaign_name,
  c.message_variation_id,
  c.message_variation_name,
  c.canvas_id,
  c.canvas_name,
  c.canvas_variation_id,
  c.canvas_variation_name,
  c.canvas_step_id,
  c.canvas_step_name,
  c.experiment_step_id,
  c.experiment_split_id,
  c.experiment_split_name,
  CASE c.conversion_behavior_index WHEN 0 THEN 'A' WHEN 1 THEN 'B' WHEN 2 THEN 'C' WHEN 3 THEN 'D' END AS conversion_event,
  regexp_match(c.conversion_behavior, '"type"\s*:\s*"([^"]*)"')[1] AS behavior_type,
  TRY_CAST(regexp_match(c.conversion_behavior, '"window"\s*:\s*"?([0-9]{1,18})')[1] AS BIGINT) AS window_seconds,
  regexp_match(c.conversion_behavior, '"(?:custom_event_name|event_name|product_name|product_id)"\s*:\s*"([^"]*)"')[1] AS behavior_name,
  c.conversion_behavior,
  c.app_group_id,
  c.app_id,
  s.channel AS last_channel,
  s.dispatch_id AS last_dispatch_id,
  s.message_variation_id AS last_message_variation_id,
  s.canvas_step_id AS last_canvas_step_id,
  s.message_at AS last_message_at,
  to_unixtime(c.time) - to_unixtime(s.message_at) AS seconds_since_message
FROM last_message s
RIGHT JOIN conversion c ON s.id = c.id AND s.kind = c.kind AND s.time = c.time AND s.queue_date = c.queue_date

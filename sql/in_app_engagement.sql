-- Who saw and clicked which in-app message, day by day.
-- Grain: one row per person, message and UTC day. In-app messages have no Send: a row begins with what happened that day, and every count sums
-- back to the events of its table.
--
-- What is counted: each users.messages.inappmessage.* event once, on the day of its own clock.
-- Rows are put together by campaign_id, canvas_id, message, canonical_user_id and day. An impression before midnight and its click after it
-- are two rows.
--
-- user_id             a profile of the row (the largest id); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step, else the card of an old-style message.
-- event_time          the first event of the row; event_date is the day.
-- impressions         stand for sends, since none are logged: people who did not open the app do not appear. Rows with impressions > 0 are
--                     the day's unique impressions, the base of click and conversion rates.
-- clicks              body_clicks (no button named) + button_clicks. A close button counts as a button if the message gave it an id. Nothing
--                     tells software from people here: there are no bot clicks to leave out.
-- buttons             the button ids clicked, in order of time, one for each button click: unnest it to count by button. Null without any.
-- aborts              due but not shown; abort_type says why (one of them, where there were several).
-- outcome             the furthest it went that day: clicked, seen, aborted.
-- seconds_to_click    from the day's first impression to the first click, 0 where the click's clock is behind; null without either.
-- unkeyed_event_id    the event that made the row, where the user is missing or [REDACTED] (such an event never joins another).
--
-- Traps: unique impressions of several days do not add up to distinct people: use count(DISTINCT canonical_user_id). Filters on event_date,
-- campaign_id and canvas_id are applied before rows are put together; that on event_date leaves out whole files.
WITH
raw AS (
  SELECT 'impression' AS stage, id, time, user_id, message_variation_id, message_variation_name, NULL AS canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    card_id, app_group_id, send_id, timezone, app_id, platform, device_model, os_version, NULL AS button_id, NULL AS abort_type
  FROM users_messages_inappmessage_impression
  UNION ALL
  SELECT 'click', id, time, user_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id,
    canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, card_id, app_group_id, send_id, timezone,
    app_id, platform, device_model, os_version, nullif(button_id, ''), NULL
  FROM users_messages_inappmessage_click
  UNION ALL
  SELECT 'abort', id, time, user_id, message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, card_id,
    app_group_id, send_id, timezone, app_id, platform, device_model, os_version, NULL, abort_type
  FROM users_messages_inappmessage_abort
),
clean AS (
  SELECT *, CAST(time AS DATE) AS event_date, nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id
  FROM raw
),
-- An event whose user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: only an Abort carries the latter, and it must meet the Impression.
event AS (
  SELECT c.*,
    coalesce(m.canonical_user_id, c.real_user_id, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), nullif(c.card_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- Campaign and Canvas are in the key so that a filter on them reaches the tables.
engagement AS (
  SELECT
    event_date,
    campaign_id,
    canvas_id,
    user_key,
    bool_or(real_user_id IS NULL) AS user_unknown,
    max(real_user_id) AS user_id,
    max(message_variation_id) AS message_variation_id,
    max(message_variation_name) AS message_variation_name,
    max(canvas_step_message_variation_id) AS canvas_step_message_variation_id,
    max(campaign_name) AS campaign_name,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(card_id) AS card_id,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    max(app_id) AS app_id,
    max(platform) AS platform,
    max(device_model) AS device_model,
    max(os_version) AS os_version,
    max(abort_type) AS abort_type,
    array_agg(button_id ORDER BY time, id) FILTER (WHERE button_id IS NOT NULL) AS buttons,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'impression') AS first_impression_at,
    min(time) FILTER (WHERE stage = 'click') AS clicked_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'impression') AS impressions,
    count(*) FILTER (WHERE stage = 'click') AS clicks,
    count(button_id) AS button_clicks,
    count(*) FILTER (WHERE stage = 'abort') AS aborts
  FROM event
  GROUP BY event_date, campaign_id, canvas_id, message_key, user_key
)
SELECT
  'inappmessage' AS channel,
  event_date,
  first_event_at AS event_time,
  user_id,
  CASE WHEN NOT user_unknown THEN user_key END AS canonical_user_id,
  coalesce(message_variation_id, canvas_step_message_variation_id, canvas_step_id, card_id) AS message_id,
  CASE
    WHEN campaign_id IS NOT NULL THEN 'campaign'
    WHEN canvas_id IS NOT NULL OR canvas_step_id IS NOT NULL THEN 'canvas'
    ELSE 'api'
  END AS source,
  campaign_id,
  campaign_name,
  message_variation_id,
  message_variation_name,
  canvas_id,
  canvas_name,
  canvas_variation_id,
  canvas_variation_name,
  canvas_step_id,
  canvas_step_name,
  canvas_step_message_variation_id,
  card_id,
  app_group_id,
  send_id,
  timezone,
  app_id,
  platform,
  device_model,
  os_version,
  first_impression_at,
  clicked_at,
  aborted_at,
  last_event_at,
  events,
  impressions,
  clicks,
  clicks - button_clicks AS body_clicks,
  button_clicks,
  buttons,
  aborts,
  abort_type,
  CASE WHEN clicks > 0 THEN 'clicked' WHEN impressions > 0 THEN 'seen' ELSE 'aborted' END AS outcome,
  CASE
    WHEN clicked_at < first_impression_at THEN 0
    ELSE to_unixtime(clicked_at) - to_unixtime(first_impression_at)
  END AS seconds_to_click,
  CASE WHEN user_unknown THEN user_key END AS unkeyed_event_id
FROM engagement

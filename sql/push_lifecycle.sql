-- What became of every push notification on every device: sent, bounced, opened.
-- Grain: one row per dispatch, person, message and device. An event that cannot be put to a send keeps a row (sent_at null), so every
-- count sums back to the events of its table.
--
-- What is counted: each users.messages.pushnotification.* event once, in exactly one row.
-- Rows are put together by (dispatch_id, canonical_user_id, message, device_id): a person with two devices is sent two pushes under one
-- dispatch_id, so count people with count(DISTINCT canonical_user_id).
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- device_id           of the send; where that names none, of an event that rule user (below) put to it.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- deliveries          sends minus bounces, never below 0: Braze reports no delivery of a push. delivered_at is then sent_at.
-- opens               direct opens only (no influenced opens), taps on a button included. closes are the opens whose button was "close".
--                     Nothing opens a push but a person, so opens are human opens.
-- button_string       the button of the first open that had one.
-- foregrounds         arrivals on iOS while the app was in front.
-- outcome             the furthest it went: opened, bounced, delivered, aborted, retried.
-- seconds_to_open     from sent_at, 0 where the phone's clock is behind the send's (a push open may precede its send); null without one.
-- matched_by          key; user = the device is missing or [REDACTED] on one side and the person has exactly one sent device for the message in
--                     this dispatch; nearest_send = events without dispatch_id were put to the person's nearest earlier send of the same
--                     message (and device, where both are known) within 7 days; none = no send.
-- events_moved        how many events came by the last two rules.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: filter on event_date to choose sends; it does not prune files. Where device_id is missing on all events, the devices of a
-- person share one row (sends > 1).
WITH
-- Stages are numbers because they are compared often: 1 send, 2 bounce, 3 open, 4 foreground, 5 abort, 6 retry.
raw AS (
  SELECT 1 AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, device_id, app_id, platform,
    NULL AS device_model, NULL AS os_version, NULL AS button_string, NULL AS is_close
  FROM users_messages_pushnotification_send
  UNION ALL
  SELECT 2, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    device_id, app_id, platform, NULL, NULL, NULL, NULL
  FROM users_messages_pushnotification_bounce
  UNION ALL
  SELECT 3, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, device_id, app_id, platform, device_model, os_version, button_string, lower(button_action_type) =
    'close'
  FROM users_messages_pushnotification_open
  UNION ALL
  SELECT 4, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    device_id, app_id, platform, NULL, NULL, NULL, NULL
  FROM users_messages_pushnotification_iosforeground
  UNION ALL
  SELECT 5, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, device_id, app_id, platform, NULL, NULL, NULL, NULL
  FROM users_messages_pushnotification_abort
  UNION ALL
  SELECT 6, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, device_id, app_id, platform, NULL, NULL, NULL, NULL
  FROM users_messages_pushnotification_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    coalesce(nullif(device_id, '[REDACTED]'), '') AS device_key
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: Open, Abort and Retry carry the latter, Send and
-- Bounce do not, and they must meet.
event AS (
  SELECT c.*,
    coalesce(c.real_dispatch_id, c.id) AS dispatch_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- The same keys for events whose dispatch and user are known, without reading ids: no other event can find its device.
known AS (
  SELECT c.stage, c.real_dispatch_id AS dispatch_key, c.device_key,
    coalesce(m.canonical_user_id, c.real_user_id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- A missing device may be the one device the message was sent to.
by_user AS (
  SELECT e.dispatch_key, e.user_key, e.message_key, e.device_key, min(s.device_key) AS row_device_key
  FROM (
    SELECT DISTINCT e.dispatch_key, e.user_key, e.message_key, e.device_key
    FROM known e
    WHERE e.stage <> 1 AND e.dispatch_key IS NOT NULL AND e.user_key IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM known s
        WHERE s.stage = 1 AND s.dispatch_key = e.dispatch_key AND s.user_key = e.user_key
          AND s.message_key = e.message_key AND s.device_key = e.device_key
      )
  ) e
  JOIN known s ON s.dispatch_key = e.dispatch_key AND s.user_key = e.user_key AND s.message_key = e.message_key
  WHERE s.stage = 1
  GROUP BY e.dispatch_key, e.user_key, e.message_key, e.device_key
  HAVING min(s.device_key) = max(s.device_key) AND (e.device_key = '' OR min(s.device_key) = '')
),
-- An event without a dispatch goes to the nearest earlier send of the same message to the same person and device.
by_nearest_send AS (
  SELECT dispatch_key, user_key, message_key, device_key, row_dispatch_key, row_device_key
  FROM (
    SELECT
      e.dispatch_key, e.user_key, e.message_key, e.device_key, s.dispatch_key AS row_dispatch_key, s.device_key AS row_device_key,
      row_number() OVER (PARTITION BY e.id ORDER BY s.time DESC, s.dispatch_key, s.device_key) AS nearness
    FROM event e
    JOIN event s ON s.user_key = e.user_key AND s.message_key = e.message_key AND s.time <= e.time AND s.time >= e.time - INTERVAL '7 days'
      AND (s.device_key = e.device_key OR s.device_key = '' OR e.device_key = '')
    WHERE s.stage = 1 AND e.stage IN (2, 3, 4) AND e.real_dispatch_id IS NULL
  )
  WHERE nearness = 1
),
moved AS (
  SELECT dispatch_key, user_key, message_key, device_key, dispatch_key AS row_dispatch_key, row_device_key, 'user' AS rule FROM by_user
  UNION ALL
  SELECT dispatch_key, user_key, message_key, device_key, row_dispatch_key, row_device_key, 'nearest_send' AS rule FROM by_nearest_send
),
placed AS (
  SELECT e.*, v.rule, coalesce(v.row_dispatch_key, e.dispatch_key) AS row_dispatch_key, coalesce(v.row_device_key, e.device_key) AS row_device_key
  FROM moved v
  RIGHT JOIN event e
    ON v.dispatch_key = e.dispatch_key AND v.user_key = e.user_key AND v.message_key = e.message_key AND v.device_key = e.device_key
    AND (e.stage IN (2, 3, 4) OR e.stage IN (5, 6) AND v.rule = 'user')
),
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
    row_dispatch_key,
    user_key AS row_user_key,
    row_device_key,
    bool_or(rule IS NULL AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(rule IS NULL AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 1), max(real_user_id)) AS user_id,
    max(nullif(device_key, '')) FILTER (WHERE rule = 'user') AS learnt_device_id,
    max(message_variation_id) FILTER (WHERE rule IS NULL) AS message_variation_id,
    max(message_variation_name) FILTER (WHERE rule IS NULL) AS message_variation_name,
    max(canvas_step_message_variation_id) FILTER (WHERE rule IS NULL) AS canvas_step_message_variation_id,
    max(campaign_id) FILTER (WHERE rule IS NULL) AS campaign_id,
    max(campaign_name) FILTER (WHERE rule IS NULL) AS campaign_name,
    max(canvas_id) FILTER (WHERE rule IS NULL) AS canvas_id,
    max(canvas_name) FILTER (WHERE rule IS NULL) AS canvas_name,
    max(canvas_variation_id) FILTER (WHERE rule IS NULL) AS canvas_variation_id,
    max(canvas_variation_name) FILTER (WHERE rule IS NULL) AS canvas_variation_name,
    max(canvas_step_id) FILTER (WHERE rule IS NULL) AS canvas_step_id,
    max(canvas_step_name) FILTER (WHERE rule IS NULL) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    max(app_id) AS app_id,
    max(platform) AS platform,
    max(device_model) AS device_model,
    max(os_version) AS os_version,
    first_value(button_string ORDER BY time, id) FILTER (WHERE button_string IS NOT NULL) AS button_string,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 1) AS sent_at,
    min(time) FILTER (WHERE stage = 2) AS bounced_at,
    min(time) FILTER (WHERE stage = 3) AS opened_at,
    min(time) FILTER (WHERE stage = 4) AS foreground_at,
    min(time) FILTER (WHERE stage = 5) AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 1) AS sends,
    count(*) FILTER (WHERE stage = 2) AS bounces,
    count(*) FILTER (WHERE stage = 3) AS opens,
    count(*) FILTER (WHERE is_close) AS closes,
    count(*) FILTER (WHERE stage = 4) AS foregrounds,
    count(*) FILTER (WHERE stage = 5) AS aborts,
    count(*) FILTER (WHERE stage = 6) AS retries,
    count(rule) AS events_moved,
    bool_or(rule = 'user') AS by_user,
    bool_or(rule = 'nearest_send') AS by_nearest
  FROM placed
  GROUP BY row_dispatch_key, user_key, message_key, row_device_key
)
SELECT
  'push' AS channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
  coalesce(nullif(row_device_key, ''), learnt_device_id) AS device_id,
  coalesce(message_variation_id, canvas_step_message_variation_id, canvas_step_id) AS message_id,
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
  app_group_id,
  send_id,
  timezone,
  app_id,
  platform,
  device_model,
  os_version,
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  CASE WHEN sends > bounces THEN sent_at END AS delivered_at,
  bounced_at,
  opened_at,
  foreground_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  CASE WHEN sends > bounces THEN sends - bounces ELSE 0 END AS deliveries,
  bounces,
  opens,
  closes,
  foregrounds,
  aborts,
  retries,
  button_string,
  CASE
    WHEN opens > 0 THEN 'opened'
    WHEN bounces > 0 AND bounces >= sends THEN 'bounced'
    WHEN sends + foregrounds > 0 THEN 'delivered'
    WHEN aborts > 0 THEN 'aborted'
    ELSE 'retried'
  END AS outcome,
  CASE WHEN opened_at < sent_at THEN 0 ELSE to_unixtime(opened_at) - to_unixtime(sent_at) END AS seconds_to_open,
  CASE WHEN sends = 0 THEN 'none' WHEN by_nearest THEN 'nearest_send' WHEN by_user THEN 'user' ELSE 'key' END AS matched_by,
  events_moved,
  CASE WHEN dispatch_unknown THEN row_dispatch_key WHEN user_unknown THEN row_user_key END AS unkeyed_event_id
FROM lifecycle

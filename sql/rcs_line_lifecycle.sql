-- What became of every RCS and LINE message: sent, delivered, read, refused, replaced by an SMS, clicked, answered.
-- Grain: one row per channel (rcs or line), dispatch, person and message. An event that cannot be put to a send keeps a row (sent_at null), so
-- every count sums back to the events of its table.
--
-- What is counted: each users.messages.rcs.* and users.messages.line.* event once, in exactly one row.
-- Rows are put together by (channel, dispatch_id, canonical_user_id, message). RCS reads, clicks and replies carry no dispatch_id: a read or
-- click goes to the nearest earlier send of the same message to the same person within 7 days, a reply to the nearest earlier send within 4
-- hours (of the same message where the reply names one), always within its channel.
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- to_phone_number     RCS only. sender is the RCS agent or the LINE channel the message came from (for a reply: went to).
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- deliveries, reads   RCS only: LINE reports neither, so a LINE message that nobody clicked stays at sent.
-- rejections          refused by the carrier, mostly because phone or network lack RCS. fell_back_to_sms: an SMS was tried in its place; what
--                     became of that one is in sms_lifecycle (same dispatch and person, is_sms_fallback).
-- clicks              human_clicks + bot_clicks. RCS clicks are taps on links, buttons and suggestions; bots are told apart only where the
--                     customer turned the filter on.
-- replies             inbound messages put to this send; unsubscribes are those that ended the subscription (RCS only).
-- outcome             the furthest it went: unsubscribed, replied, clicked (human), read, delivered, failed (rejected), sent, aborted, retried,
--                     inbound (a message from a person that answers no send). A bot's click only proves delivery.
-- seconds_to_*        from sent_at, 0 where the event's clock is behind the send's; null without a send.
-- matched_by          key; address = the user is missing or [REDACTED] and the phone number stands for it; nearest_send = some events came by
--                     the rule for events without dispatch_id; none = no send.
-- events_moved        how many events came by nearest_send.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: RCS aborts have no dispatch_id and always stand alone. Filter on channel to read one of the two alone, on event_date to choose
-- sends (that does not prune files).
WITH
-- is_bot is true or null.
raw AS (
  SELECT 'rcs' AS channel, 'send' AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, NULL AS timezone, to_phone_number AS phone_number, from_rcs_sender AS sender,
    subscription_group_id, NULL AS error, NULL AS provider_error_code, NULL AS is_sms_fallback, NULL AS is_opt_out, NULL AS is_bot
  FROM users_messages_rcs_send
  UNION ALL
  SELECT 'rcs', 'delivery', id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, to_phone_number, from_rcs_sender, subscription_group_id, NULL, NULL,
    NULL, NULL, NULL
  FROM users_messages_rcs_delivery
  UNION ALL
  SELECT 'rcs', 'read', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, NULL, to_phone_number, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_rcs_read
  UNION ALL
  SELECT 'rcs', 'rejection', id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, to_phone_number, from_rcs_sender, subscription_group_id, error,
    provider_error_code, is_sms_fallback, NULL, NULL
  FROM users_messages_rcs_rejection
  UNION ALL
  SELECT 'rcs', 'click', id, time, user_id, NULL,
    message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, user_phone_number, NULL,
    subscription_group_id, NULL, NULL, NULL, NULL, nullif(is_suspected_bot_click, false)
  FROM users_messages_rcs_click
  UNION ALL
  SELECT 'rcs', 'inbound', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, NULL, user_phone_number, to_rcs_sender, subscription_group_id, NULL, NULL, NULL, lower(action) = 'unsubscribed', NULL
  FROM users_messages_rcs_inboundreceive
  UNION ALL
  SELECT 'rcs', 'abort', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, NULL, NULL, NULL, subscription_group_id, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_rcs_abort
  UNION ALL
  SELECT 'line', 'send', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL,
    line_channel_id, subscription_group_id, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_line_send
  UNION ALL
  SELECT 'line', 'click', id, time, user_id,
    dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, NULL,
    canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL, line_channel_id,
    subscription_group_id, NULL, NULL, NULL, NULL, nullif(is_suspected_bot_click, false)
  FROM users_messages_line_click
  UNION ALL
  SELECT 'line', 'inbound', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL,
    line_channel_id, subscription_group_id, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_line_inboundreceive
  UNION ALL
  SELECT 'line', 'abort', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL,
    line_channel_id, subscription_group_id, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_line_abort
  UNION ALL
  SELECT 'line', 'retry', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL,
    line_channel_id, subscription_group_id, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_line_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    nullif(nullif(phone_number, '[REDACTED]'), '') AS real_phone_number
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: as in the other channels, where not every event carries the latter.
event AS (
  SELECT c.*,
    coalesce(c.real_dispatch_id, c.id) AS dispatch_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.real_phone_number, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- An event without a dispatch goes to the nearest earlier send in its channel. The channel is in every key so that a filter on it reaches
-- both sides.
by_nearest_send AS (
  SELECT channel, dispatch_key, user_key, message_key, row_dispatch_key, row_message_key
  FROM (
    SELECT
      e.channel, e.dispatch_key, e.user_key, e.message_key, s.dispatch_key AS row_dispatch_key, s.message_key AS row_message_key,
      row_number() OVER (PARTITION BY e.channel, e.id ORDER BY s.time DESC, s.dispatch_key, s.message_key) AS nearness
    FROM event e
    JOIN event s ON s.user_key = e.user_key AND s.channel = e.channel AND s.time <= e.time
    WHERE s.stage = 'send' AND e.real_dispatch_id IS NULL AND e.stage NOT IN ('send', 'abort', 'retry')
      AND CASE
        WHEN e.stage = 'inbound' THEN s.time >= e.time - INTERVAL '4 hours' AND e.message_key IN ('', s.message_key)
        ELSE s.time >= e.time - INTERVAL '7 days' AND e.message_key = s.message_key
      END
  )
  WHERE nearness = 1
),
placed AS (
  SELECT e.*,
    v.row_dispatch_key IS NOT NULL AS is_moved,
    coalesce(v.row_dispatch_key, e.dispatch_key) AS row_dispatch_key,
    coalesce(v.row_message_key, e.message_key) AS row_message_key
  FROM by_nearest_send v
  RIGHT JOIN event e
    ON v.channel = e.channel AND v.dispatch_key = e.dispatch_key AND v.user_key = e.user_key AND v.message_key = e.message_key
),
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
    channel,
    row_dispatch_key,
    user_key AS row_user_key,
    bool_or(NOT is_moved AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(NOT is_moved AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'send'), max(real_user_id)) AS user_id,
    coalesce(max(real_phone_number) FILTER (WHERE stage = 'send'), max(real_phone_number)) AS phone_number,
    max(message_variation_id) FILTER (WHERE NOT is_moved) AS message_variation_id,
    max(message_variation_name) FILTER (WHERE NOT is_moved) AS message_variation_name,
    max(canvas_step_message_variation_id) FILTER (WHERE NOT is_moved) AS canvas_step_message_variation_id,
    max(campaign_id) FILTER (WHERE NOT is_moved) AS campaign_id,
    max(campaign_name) FILTER (WHERE NOT is_moved) AS campaign_name,
    max(canvas_id) FILTER (WHERE NOT is_moved) AS canvas_id,
    max(canvas_name) FILTER (WHERE NOT is_moved) AS canvas_name,
    max(canvas_variation_id) FILTER (WHERE NOT is_moved) AS canvas_variation_id,
    max(canvas_variation_name) FILTER (WHERE NOT is_moved) AS canvas_variation_name,
    max(canvas_step_id) FILTER (WHERE NOT is_moved) AS canvas_step_id,
    max(canvas_step_name) FILTER (WHERE NOT is_moved) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    coalesce(max(sender) FILTER (WHERE stage = 'send'), max(sender)) AS sender,
    max(subscription_group_id) AS subscription_group_id,
    max(error) AS error,
    max(provider_error_code) AS provider_error_code,
    bool_or(is_sms_fallback) AS fell_back_to_sms,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'delivery') AS delivered_at,
    min(time) FILTER (WHERE stage = 'rejection') AS rejected_at,
    min(time) FILTER (WHERE stage = 'read') AS read_at,
    min(time) FILTER (WHERE stage = 'click') AS clicked_at,
    min(time) FILTER (WHERE stage = 'click' AND is_bot IS NULL) AS first_human_click_at,
    min(time) FILTER (WHERE stage = 'click' AND is_bot) AS first_bot_click_at,
    min(time) FILTER (WHERE stage = 'inbound') AS replied_at,
    min(time) FILTER (WHERE is_opt_out) AS unsubscribed_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'delivery') AS deliveries,
    count(*) FILTER (WHERE stage = 'rejection') AS rejections,
    count(*) FILTER (WHERE stage = 'read') AS reads,
    count(*) FILTER (WHERE stage = 'click' AND is_bot IS NULL) AS human_clicks,
    count(*) FILTER (WHERE stage = 'click' AND is_bot) AS bot_clicks,
    count(*) FILTER (WHERE stage = 'inbound') AS replies,
    count(*) FILTER (WHERE is_opt_out) AS unsubscribes,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries,
    count(*) FILTER (WHERE is_moved) AS events_moved
  FROM placed
  GROUP BY channel, row_dispatch_key, user_key, row_message_key
)
SELECT
  channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
  phone_number AS to_phone_number,
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
  sender,
  subscription_group_id,
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  delivered_at,
  rejected_at,
  read_at,
  clicked_at,
  first_human_click_at,
  first_bot_click_at,
  replied_at,
  unsubscribed_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  deliveries,
  rejections,
  reads,
  human_clicks + bot_clicks AS clicks,
  human_clicks,
  bot_clicks,
  replies,
  unsubscribes,
  aborts,
  retries,
  error,
  provider_error_code,
  coalesce(fell_back_to_sms, false) AS fell_back_to_sms,
  CASE
    WHEN unsubscribes > 0 THEN 'unsubscribed'
    WHEN replies > 0 AND sends > 0 THEN 'replied'
    WHEN human_clicks > 0 THEN 'clicked'
    WHEN reads > 0 THEN 'read'
    WHEN deliveries + bot_clicks > 0 THEN 'delivered'
    WHEN rejections > 0 THEN 'failed'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    WHEN retries > 0 THEN 'retried'
    ELSE 'inbound'
  END AS outcome,
  CASE WHEN delivered_at < sent_at THEN 0 ELSE to_unixtime(delivered_at) - to_unixtime(sent_at) END AS seconds_to_delivery,
  CASE WHEN read_at < sent_at THEN 0 ELSE to_unixtime(read_at) - to_unixtime(sent_at) END AS seconds_to_read,
  CASE WHEN clicked_at < sent_at THEN 0 ELSE to_unixtime(clicked_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN first_human_click_at < sent_at THEN 0 ELSE to_unixtime(first_human_click_at) - to_unixtime(sent_at) END AS seconds_to_human_click,
  CASE WHEN replied_at < sent_at THEN 0 ELSE to_unixtime(replied_at) - to_unixtime(sent_at) END AS seconds_to_reply,
  CASE
    WHEN sends = 0 THEN 'none'
    WHEN events_moved > 0 THEN 'nearest_send'
    WHEN user_unknown AND phone_number IS NOT NULL THEN 'address'
    ELSE 'key'
  END AS matched_by,
  events_moved,
  CASE
    WHEN dispatch_unknown THEN row_dispatch_key
    WHEN user_unknown AND phone_number IS NULL THEN row_user_key
  END AS unkeyed_event_id
FROM lifecycle

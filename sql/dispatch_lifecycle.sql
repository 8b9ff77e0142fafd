-- The life of every message in every channel that sends: when it was sent, delivered, opened, clicked, read, answered, refused.
-- Grain: one row per channel, dispatch, person and message; for push also per device, for WhatsApp per message id. An event that cannot be put
-- to a send keeps a row (sent_at null), so every count sums back to the events.
--
-- What is counted: every event of email, push, sms, whatsapp, rcs, line and webhook messages, once, in exactly one row. The first four are the
-- rows of email_lifecycle, push_lifecycle, sms_lifecycle and whatsapp_lifecycle, where the columns of their own are; the others are put
-- together here. Cards, in-app messages and banners carry no dispatch_id and are not here.
-- A dispatch_id alone is NOT a key: a scheduled campaign shares one among all its recipients and it can span channels.
--
-- address             email address or phone number. device_id and platform: push only.
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- failures            what did not arrive: email and push bounces, sms rejections and failures, whatsapp failures, rcs rejections, terminal
--                     webhook failures. delays are not final: email soft bounces and deferrals, webhook failures that are tried again.
-- deliveries          as reported; push: sends minus bounces. line and webhook report none.
-- opens, clicks       all; human_* without machine opens and suspected bots, machine_opens and bot_clicks those alone.
-- replies             inbound messages put to this send (unsubscribes among them for sms and whatsapp; email: clicks on the link).
-- other_events        what the columns here have no name for: sms carrier hand-overs, iOS foreground arrivals.
-- outcome             the furthest it went, in the words of the channel's view.
-- seconds_to_*        from sent_at, clamped at 0; null without a send. seconds_to_open and seconds_to_click are to the first HUMAN one.
-- matched_by          how the events found the send: key, address, user, message_id, nearest_send, rcs_fallback; none = there is no send.
-- events_moved        how many events came by another rule than the key.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: rcs clicks, reads and replies carry no dispatch_id: nearest earlier send of the same message within 7 days, replies 4 hours.
-- A push to two devices is two rows. Filter on event_date to choose sends; it does not prune files.
WITH
raw AS (
  SELECT 'rcs' AS channel, 'send' AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, NULL AS timezone, to_phone_number AS address
  FROM users_messages_rcs_send
  UNION ALL
  SELECT 'rcs', 'delivery', id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, to_phone_number
  FROM users_messages_rcs_delivery
  UNION ALL
  SELECT 'rcs', 'read', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, NULL, to_phone_number
  FROM users_messages_rcs_read
  UNION ALL
  SELECT 'rcs', 'failure', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, NULL, to_phone_number
  FROM users_messages_rcs_rejection
  UNION ALL
  SELECT 'rcs', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, id, time, user_id, NULL,
    message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, user_phone_number
  FROM users_messages_rcs_click
  UNION ALL
  SELECT 'rcs', 'inbound', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, NULL, user_phone_number
  FROM users_messages_rcs_inboundreceive
  UNION ALL
  SELECT 'rcs', 'abort', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, NULL, NULL
  FROM users_messages_rcs_abort
  UNION ALL
  SELECT 'line', 'send', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_line_send
  UNION ALL
  SELECT 'line', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, id, time, user_id,
    dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, NULL,
    canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_line_click
  UNION ALL
  SELECT 'line', 'inbound', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_line_inboundreceive
  UNION ALL
  SELECT 'line', 'abort', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_line_abort
  UNION ALL
  SELECT 'line', 'retry', id, time, user_id, dispatch_id, message_variation_id, NULL, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, NULL, canvas_variation_id, NULL, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_line_retry
  UNION ALL
  SELECT 'webhook', 'send', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, NULL
  FROM users_messages_webhook_send
  UNION ALL
  SELECT 'webhook', CASE WHEN coalesce(is_terminal, true) THEN 'failure' ELSE 'delay' END, id, time, user_id, dispatch_id,
    message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, NULL
  FROM users_messages_webhook_failure
  UNION ALL
  SELECT 'webhook', 'abort', id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_webhook_abort
  UNION ALL
  SELECT 'webhook', 'retry', id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL
  FROM users_messages_webhook_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    nullif(nullif(address, '[REDACTED]'), '') AS real_address
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: a webhook's Failure carries the latter, its Send does
-- not, and they must meet.
event AS (
  SELECT c.*,
    coalesce(c.real_dispatch_id, c.id) AS dispatch_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.real_address, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- An event without a dispatch goes to the nearest earlier send in its channel.
by_nearest_send AS (
  SELECT dispatch_key, user_key, message_key, row_dispatch_key, row_message_key
  FROM (
    SELECT
      e.dispatch_key, e.user_key, e.message_key, s.dispatch_key AS row_dispatch_key, s.message_key AS row_message_key,
      row_number() OVER (PARTITION BY e.id ORDER BY s.time DESC, s.dispatch_key, s.message_key) AS nearness
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
  RIGHT JOIN event e ON v.dispatch_key = e.dispatch_key AND v.user_key = e.user_key AND v.message_key = e.message_key
),
other AS (
  SELECT
    channel,
    row_dispatch_key,
    user_key AS row_user_key,
    bool_or(NOT is_moved AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(NOT is_moved AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'send'), max(real_user_id)) AS user_id,
    coalesce(max(real_address) FILTER (WHERE stage = 'send'), max(real_address)) AS address,
    max(message_variation_id) AS message_variation_id,
    max(message_variation_name) AS message_variation_name,
    max(canvas_step_message_variation_id) AS canvas_step_message_variation_id,
    max(campaign_id) AS campaign_id,
    max(campaign_name) AS campaign_name,
    max(canvas_id) AS canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'delivery') AS delivered_at,
    min(time) FILTER (WHERE stage = 'failure') AS failed_at,
    min(time) FILTER (WHERE stage IN ('human_click', 'bot_click')) AS clicked_at,
    min(time) FILTER (WHERE stage = 'human_click') AS first_human_click_at,
    min(time) FILTER (WHERE stage = 'read') AS read_at,
    min(time) FILTER (WHERE stage = 'inbound') AS replied_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'delivery') AS deliveries,
    count(*) FILTER (WHERE stage = 'failure') AS failures,
    count(*) FILTER (WHERE stage = 'delay') AS delays,
    count(*) FILTER (WHERE stage = 'human_click') AS human_clicks,
    count(*) FILTER (WHERE stage = 'bot_click') AS bot_clicks,
    count(*) FILTER (WHERE stage = 'read') AS reads,
    count(*) FILTER (WHERE stage = 'inbound') AS replies,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries,
    count(*) FILTER (WHERE is_moved) AS events_moved
  FROM placed
  GROUP BY channel, row_dispatch_key, user_key, row_message_key
)
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, email_address AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, bounced_at AS failed_at, opened_at, first_human_open_at, clicked_at, first_human_click_at,
  NULL AS read_at, NULL AS replied_at, unsubscribed_at, spam_at, aborted_at, last_event_at, events, sends, deliveries, bounces AS
  failures, soft_bounces + deferrals AS delays, opens, human_opens, machine_opens, clicks, human_clicks, bot_clicks, 0 AS reads, 0 AS
  replies, unsubscribes, spam_reports, aborts, retries, 0 AS other_events, outcome, seconds_to_delivery, seconds_to_human_open AS
  seconds_to_open, seconds_to_human_click AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM email_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, device_id, NULL AS address, platform, message_id, source, campaign_id,
  campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
  canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time, event_date, sent_at,
  delivered_at, bounced_at AS failed_at, opened_at, opened_at AS first_human_open_at, NULL AS clicked_at, NULL AS first_human_click_at,
  NULL AS read_at, NULL AS replied_at, NULL AS unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries,
  bounces AS failures, 0 AS delays, opens, opens AS human_opens, 0 AS machine_opens, 0 AS clicks, 0 AS human_clicks, 0 AS bot_clicks, 0 AS
  reads, 0 AS replies, 0 AS unsubscribes, 0 AS spam_reports, aborts, retries, foregrounds AS other_events, outcome, CASE WHEN delivered_at
  IS NOT NULL THEN 0 END AS seconds_to_delivery, seconds_to_open, NULL AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM push_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, to_phone_number AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, failed_at, NULL AS opened_at, NULL AS first_human_open_at, clicked_at, first_human_click_at,
  NULL AS read_at, replied_at, unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries, rejections +
  failures AS failures, 0 AS delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, clicks, human_clicks, bot_clicks, 0 AS reads,
  replies, unsubscribes, 0 AS spam_reports, aborts, retries, carrier_sends AS other_events, outcome, seconds_to_delivery,
  NULL AS seconds_to_open, seconds_to_human_click AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM sms_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, to_phone_number AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, failed_at, NULL AS opened_at, NULL AS first_human_open_at, clicked_at, clicked_at AS
  first_human_click_at, read_at, replied_at, unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries,
  failures, 0 AS delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, clicks, clicks AS human_clicks, 0 AS bot_clicks, reads,
  replies, unsubscribes, 0 AS spam_reports, aborts, retries, 0 AS other_events, outcome, seconds_to_delivery, NULL AS seconds_to_open,
  seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM whatsapp_lifecycle
UNION ALL
SELECT
  channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
  NULL AS device_id,
  address,
  NULL AS platform,
  coalesce(message_variation_id, canvas_step_message_variation_id, canvas_step_id) AS message_id,
  CASE WHEN campaign_id IS NOT NULL THEN 'campaign' WHEN canvas_id IS NOT NULL OR canvas_step_id IS NOT NULL THEN 'canvas' ELSE 'api' END AS source,
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
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  delivered_at,
  failed_at,
  NULL AS opened_at,
  NULL AS first_human_open_at,
  clicked_at,
  first_human_click_at,
  read_at,
  replied_at,
  NULL AS unsubscribed_at,
  NULL AS spam_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  deliveries,
  failures,
  delays,
  0 AS opens,
  0 AS human_opens,
  0 AS machine_opens,
  human_clicks + bot_clicks AS clicks,
  human_clicks,
  bot_clicks,
  reads,
  replies,
  0 AS unsubscribes,
  0 AS spam_reports,
  aborts,
  retries,
  0 AS other_events,
  CASE
    WHEN replies > 0 AND sends > 0 THEN 'replied'
    WHEN human_clicks > 0 THEN 'clicked'
    WHEN reads > 0 THEN 'read'
    WHEN deliveries + bot_clicks > 0 THEN 'delivered'
    WHEN failures > 0 THEN 'failed'
    WHEN delays > 0 THEN 'delayed'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    WHEN retries > 0 THEN 'retried'
    ELSE 'inbound'
  END AS outcome,
  CASE WHEN delivered_at < sent_at THEN 0 ELSE to_unixtime(delivered_at) - to_unixtime(sent_at) END AS seconds_to_delivery,
  NULL AS seconds_to_open,
  CASE WHEN first_human_click_at < sent_at THEN 0 ELSE to_unixtime(first_human_click_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE
    WHEN sends = 0 THEN 'none'
    WHEN events_moved > 0 THEN 'nearest_send'
    WHEN user_unknown AND address IS NOT NULL THEN 'address'
    ELSE 'key'
  END AS matched_by,
  events_moved,
  CASE WHEN dispatch_unknown THEN row_dispatch_key WHEN user_unknown AND address IS NULL THEN row_user_key END AS unkeyed_event_id
FROM other

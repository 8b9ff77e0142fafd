-- What became of every WhatsApp message: sent, delivered, read, failed, clicked, answered.
-- Grain: one row per WhatsApp message id of a send; where the files carry no message id, per dispatch, person and message. An event that
-- cannot be put to a send keeps a row (sent_at null), so every count sums back to the events of its table.
--
-- What is counted: each users.messages.whatsapp.* event once, in exactly one row.
-- How an event finds its send, first rule that fits: same whatsapp_message_id (a reply: its in_reply_to); same dispatch_id, person and
-- message, where one of the two has no message id (nearest earlier send, else the first); for an event without dispatch_id the
-- person's nearest earlier send within 7 days of the same message, for a reply within 4 hours (and of the same message where it names
-- one), again only where one of the two has no message id.
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- whatsapp_message_id Meta's id of the outbound message; not to be confused with message_id.
-- reads               read receipts: people can turn them off.
-- replies             inbound messages put to this send; unsubscribes are those that ended the subscription.
-- outcome             the furthest it went: unsubscribed, replied, clicked, read, delivered, failed, sent, aborted, retried, inbound (a message
--                     from a person that answers no send).
-- seconds_to_*        from sent_at, 0 where the event's clock is behind the send's; null without a send.
-- matched_by          key; message_id = some events came from another dispatch, person or message but named this message id;
--                     nearest_send; address = the user is missing or [REDACTED] and the phone number stands for it; none = no send.
-- events_moved        how many events came by message_id or nearest_send.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: a free-form conversation has inbound messages without any send. Filter on event_date to choose sends; it does not prune files.
WITH
raw AS (
  SELECT 'send' AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, to_phone_number AS phone_number, from_phone_number, subscription_group_id, message_id AS wa_id,
    template_name, flow_id, NULL AS provider_error_code, NULL AS provider_error_title, NULL AS is_opt_out
  FROM users_messages_whatsapp_send
  UNION ALL
  SELECT 'delivery', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, to_phone_number, from_phone_number, subscription_group_id, message_id, template_name, flow_id, NULL,
    NULL, NULL
  FROM users_messages_whatsapp_delivery
  UNION ALL
  SELECT 'read', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, to_phone_number, from_phone_number, subscription_group_id, message_id, template_name, flow_id, NULL,
    NULL, NULL
  FROM users_messages_whatsapp_read
  UNION ALL
  SELECT 'failure', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, to_phone_number, from_phone_number, subscription_group_id, message_id, template_name, flow_id,
    provider_error_code, provider_error_title, NULL
  FROM users_messages_whatsapp_failure
  UNION ALL
  SELECT 'click', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    NULL, timezone, user_phone_number, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_whatsapp_click
  UNION ALL
  SELECT 'inbound', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, timezone, user_phone_number, NULL, subscription_group_id, in_reply_to, NULL, NULL, NULL, NULL, lower(action) =
    'unsubscribed'
  FROM users_messages_whatsapp_inboundreceive
  UNION ALL
  SELECT 'abort', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, to_phone_number, NULL, subscription_group_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_whatsapp_abort
  UNION ALL
  SELECT 'retry', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, NULL, timezone, to_phone_number, NULL, subscription_group_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_whatsapp_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    nullif(nullif(phone_number, '[REDACTED]'), '') AS real_phone_number,
    coalesce(nullif(wa_id, '[REDACTED]'), '') AS wa_key
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: as in the other channels.
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
sent AS (
  SELECT id, time, dispatch_key, user_key, message_key, wa_key FROM event WHERE stage = 'send'
),
loose AS (
  SELECT e.id, e.time, e.stage, e.real_dispatch_id, e.dispatch_key, e.user_key, e.message_key, e.wa_key
  FROM event e
  WHERE e.stage <> 'send'
    AND NOT EXISTS (
      SELECT 1 FROM sent s
      WHERE s.dispatch_key = e.dispatch_key AND s.user_key = e.user_key AND s.message_key = e.message_key AND s.wa_key = e.wa_key
    )
),
candidate AS (
  SELECT
    e.id, e.time, 1 AS rank, 'message_id' AS rule, s.time AS sent_at,
    s.dispatch_key AS row_dispatch_key, s.user_key AS row_user_key, s.message_key AS row_message_key, s.wa_key AS row_wa_key
  FROM loose e
  JOIN sent s ON s.wa_key = e.wa_key
  WHERE e.wa_key <> ''
  UNION ALL
  SELECT e.id, e.time, 2, 'key', s.time, s.dispatch_key, s.user_key, s.message_key, s.wa_key
  FROM loose e
  JOIN sent s ON s.dispatch_key = e.dispatch_key AND s.user_key = e.user_key AND s.message_key = e.message_key
  WHERE e.wa_key = '' OR s.wa_key = ''
  UNION ALL
  SELECT e.id, e.time, 3, 'nearest_send', s.time, s.dispatch_key, s.user_key, s.message_key, s.wa_key
  FROM loose e
  JOIN sent s ON s.user_key = e.user_key AND s.time <= e.time
  WHERE e.real_dispatch_id IS NULL AND e.stage NOT IN ('abort', 'retry') AND (e.wa_key = '' OR s.wa_key = '')
    AND CASE
      WHEN e.stage = 'inbound' THEN s.time >= e.time - INTERVAL '4 hours' AND e.message_key IN ('', s.message_key)
      ELSE s.time >= e.time - INTERVAL '7 days' AND e.message_key = s.message_key
    END
),
-- The best rule wins; within it the latest send not after the event, else the first one.
moved AS (
  SELECT id, rule, row_dispatch_key, row_user_key, row_message_key, row_wa_key
  FROM (
    SELECT *,
      row_number() OVER (
        PARTITION BY id
        ORDER BY rank, sent_at > time, CASE WHEN sent_at > time THEN sent_at END, sent_at DESC,
          row_dispatch_key, row_user_key, row_message_key, row_wa_key
      ) AS preference
    FROM candidate
  )
  WHERE preference = 1
),
placed AS (
  SELECT e.*, v.rule,
    coalesce(v.row_dispatch_key, e.dispatch_key) AS row_dispatch_key,
    coalesce(v.row_user_key, e.user_key) AS row_user_key,
    coalesce(v.row_message_key, e.message_key) AS row_message_key,
    coalesce(v.row_wa_key, e.wa_key) AS row_wa_key
  FROM moved v
  RIGHT JOIN event e ON v.id = e.id
),
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
    row_dispatch_key,
    row_user_key,
    nullif(row_wa_key, '') AS whatsapp_message_id,
    bool_or(rule IS NULL AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(rule IS NULL AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'send'), max(real_user_id)) AS user_id,
    coalesce(max(real_phone_number) FILTER (WHERE stage = 'send'), max(real_phone_number) FILTER (WHERE rule IS NULL)) AS phone_number,
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
    max(from_phone_number) AS from_phone_number,
    max(subscription_group_id) AS subscription_group_id,
    max(template_name) AS template_name,
    max(flow_id) AS flow_id,
    max(provider_error_code) AS provider_error_code,
    max(provider_error_title) AS provider_error_title,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'delivery') AS delivered_at,
    min(time) FILTER (WHERE stage = 'read') AS read_at,
    min(time) FILTER (WHERE stage = 'failure') AS failed_at,
    min(time) FILTER (WHERE stage = 'click') AS clicked_at,
    min(time) FILTER (WHERE stage = 'inbound') AS replied_at,
    min(time) FILTER (WHERE is_opt_out) AS unsubscribed_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'delivery') AS deliveries,
    count(*) FILTER (WHERE stage = 'read') AS reads,
    count(*) FILTER (WHERE stage = 'failure') AS failures,
    count(*) FILTER (WHERE stage = 'click') AS clicks,
    count(*) FILTER (WHERE stage = 'inbound') AS replies,
    count(*) FILTER (WHERE is_opt_out) AS unsubscribes,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries,
    count(*) FILTER (WHERE rule IN ('message_id', 'nearest_send')) AS events_moved,
    bool_or(rule = 'message_id') AS by_message_id,
    bool_or(rule = 'nearest_send') AS by_nearest
  FROM placed
  GROUP BY row_dispatch_key, row_user_key, row_message_key, row_wa_key
)
SELECT
  'whatsapp' AS channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
  phone_number AS to_phone_number,
  whatsapp_message_id,
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
  from_phone_number,
  subscription_group_id,
  template_name,
  flow_id,
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  delivered_at,
  read_at,
  failed_at,
  clicked_at,
  replied_at,
  unsubscribed_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  deliveries,
  reads,
  failures,
  clicks,
  replies,
  unsubscribes,
  aborts,
  retries,
  provider_error_code,
  provider_error_title,
  CASE
    WHEN unsubscribes > 0 THEN 'unsubscribed'
    WHEN replies > 0 AND sends > 0 THEN 'replied'
    WHEN clicks > 0 THEN 'clicked'
    WHEN reads > 0 THEN 'read'
    WHEN deliveries > 0 THEN 'delivered'
    WHEN failures > 0 THEN 'failed'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    WHEN retries > 0 THEN 'retried'
    ELSE 'inbound'
  END AS outcome,
  CASE WHEN delivered_at < sent_at THEN 0 ELSE to_unixtime(delivered_at) - to_unixtime(sent_at) END AS seconds_to_delivery,
  CASE WHEN read_at < sent_at THEN 0 ELSE to_unixtime(read_at) - to_unixtime(sent_at) END AS seconds_to_read,
  CASE WHEN clicked_at < sent_at THEN 0 ELSE to_unixtime(clicked_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN replied_at < sent_at THEN 0 ELSE to_unixtime(replied_at) - to_unixtime(sent_at) END AS seconds_to_reply,
  CASE
    WHEN sends = 0 THEN 'none'
    WHEN by_nearest THEN 'nearest_send'
    WHEN by_message_id THEN 'message_id'
    WHEN user_unknown AND phone_number IS NOT NULL THEN 'address'
    ELSE 'key'
  END AS matched_by,
  events_moved,
  CASE
    WHEN dispatch_unknown THEN row_dispatch_key
    WHEN user_unknown AND phone_number IS NULL THEN row_user_key
  END AS unkeyed_event_id
FROM lifecycle

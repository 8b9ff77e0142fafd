-- What became of every SMS: sent, handed to the carrier, delivered, rejected or failed, clicked, answered.
-- Grain: one row per dispatch, person and message. An event that cannot be put to a send keeps a row (sent_at null), so every count sums
-- back to the events of its table.
--
-- What is counted: each users.messages.sms.* event once, in exactly one row. An RCS rejection that fell back to SMS is shown beside the
-- SMS (rcs_rejected_at) but never counted here.
-- Rows are put together by (dispatch_id, canonical_user_id, message). Clicks and replies carry no dispatch_id: a click goes to the nearest
-- earlier send of the same message to the same person within 7 days, a reply to the nearest earlier send to the same person within 4
-- hours (of the same message where the reply names one).
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- carrier_sends       hand-overs to the carrier. rejections: refused by the carrier. failures: accepted, then lost. Neither excludes a
--                     later delivery.
-- clicks              human_clicks + bot_clicks (short links; bots are told apart only where the customer turned the filter on).
-- replies             inbound messages put to this send; unsubscribes are those that ended the subscription (STOP and the like).
-- is_sms_fallback     sent in place of a rejected RCS message. Such an SMS may have no Send of its own: matched_by is then rcs_fallback.
-- outcome             the furthest it went: unsubscribed, replied, clicked (human), delivered, rejected, failed, handed_over, sent, aborted,
--                     retried, inbound (a message from a person that answers no send).
-- seconds_to_*        from sent_at, 0 where the event's clock is behind the send's; null without a send.
-- matched_by          key; address = the user is missing or [REDACTED] and the phone number stands for it; nearest_send = some events came by
--                     the rule for events without dispatch_id; rcs_fallback; none = no send.
-- events_moved        how many events came by nearest_send.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: Braze writes one inbound event per profile that shares the phone number, so a reply can appear under several people. Aborts and
-- Retries have no dispatch_id and always stand alone. Filter on event_date to choose sends; it does not prune files.
WITH
-- is_bot is true or null.
raw AS (
  SELECT 'send' AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, to_phone_number AS phone_number,
    NULL AS from_phone_number, subscription_group_id, category, NULL AS error, NULL AS provider_error_code, NULL AS is_sms_fallback,
    NULL AS is_opt_out, NULL AS is_bot
  FROM users_messages_sms_send
  UNION ALL
  SELECT 'carrier_send', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    to_phone_number, from_phone_number, subscription_group_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_sms_carriersend
  UNION ALL
  SELECT 'delivery', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    to_phone_number, from_phone_number, subscription_group_id, NULL, NULL, NULL, is_sms_fallback, NULL, NULL
  FROM users_messages_sms_delivery
  UNION ALL
  SELECT 'rejection', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    to_phone_number, from_phone_number, subscription_group_id, NULL, error, provider_error_code, is_sms_fallback, NULL, NULL
  FROM users_messages_sms_rejection
  UNION ALL
  SELECT 'failure', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    to_phone_number, NULL, subscription_group_id, NULL, error, provider_error_code, is_sms_fallback, NULL, NULL
  FROM users_messages_sms_deliveryfailure
  UNION ALL
  SELECT 'click', id, time, user_id, NULL,
    message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, NULL, timezone, user_phone_number, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, nullif(is_suspected_bot_click, false)
  FROM users_messages_sms_shortlinkclick
  UNION ALL
  SELECT 'inbound', id, time, user_id, NULL, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id,
    canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, NULL, NULL,
    user_phone_number, NULL, subscription_group_id, NULL, NULL, NULL, NULL, lower(action) = 'unsubscribed', NULL
  FROM users_messages_sms_inboundreceive
  UNION ALL
  SELECT 'abort', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    NULL, NULL, NULL, NULL, subscription_group_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_sms_abort
  UNION ALL
  SELECT 'retry', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    NULL, NULL, NULL, NULL, subscription_group_id, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_sms_retry
  UNION ALL
  SELECT 'rcs_rejection', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, NULL, to_phone_number, NULL, subscription_group_id, NULL, NULL, NULL, is_sms_fallback, NULL, NULL
  FROM users_messages_rcs_rejection
  WHERE is_sms_fallback
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    nullif(nullif(phone_number, '[REDACTED]'), '') AS real_phone_number
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: an RCS rejection carries the latter, the SMS that
-- replaces it does not, and they must meet.
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
-- Clicks and replies, and whatever else has lost its dispatch.
by_nearest_send AS (
  SELECT dispatch_key, user_key, message_key, row_dispatch_key, row_message_key
  FROM (
    SELECT
      e.dispatch_key, e.user_key, e.message_key, s.dispatch_key AS row_dispatch_key, s.message_key AS row_message_key,
      row_number() OVER (PARTITION BY e.id ORDER BY s.time DESC, s.dispatch_key, s.message_key) AS nearness
    FROM event e
    JOIN event s ON s.user_key = e.user_key AND s.time <= e.time
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
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
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
    max(from_phone_number) AS from_phone_number,
    max(subscription_group_id) AS subscription_group_id,
    max(category) AS category,
    max(error) AS error,
    max(provider_error_code) AS provider_error_code,
    bool_or(is_sms_fallback) AS is_sms_fallback,
    min(time) FILTER (WHERE stage <> 'rcs_rejection') AS first_event_at,
    max(time) FILTER (WHERE stage <> 'rcs_rejection') AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'carrier_send') AS carrier_sent_at,
    min(time) FILTER (WHERE stage = 'delivery') AS delivered_at,
    min(time) FILTER (WHERE stage = 'rejection') AS rejected_at,
    min(time) FILTER (WHERE stage IN ('rejection', 'failure')) AS failed_at,
    min(time) FILTER (WHERE stage = 'click') AS clicked_at,
    min(time) FILTER (WHERE stage = 'click' AND is_bot IS NULL) AS first_human_click_at,
    min(time) FILTER (WHERE stage = 'click' AND is_bot) AS first_bot_click_at,
    min(time) FILTER (WHERE stage = 'inbound') AS replied_at,
    min(time) FILTER (WHERE is_opt_out) AS unsubscribed_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    min(time) FILTER (WHERE stage = 'rcs_rejection') AS rcs_rejected_at,
    count(*) FILTER (WHERE stage <> 'rcs_rejection') AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'carrier_send') AS carrier_sends,
    count(*) FILTER (WHERE stage = 'delivery') AS deliveries,
    count(*) FILTER (WHERE stage = 'rejection') AS rejections,
    count(*) FILTER (WHERE stage = 'failure') AS failures,
    count(*) FILTER (WHERE stage = 'click') AS clicks,
    count(*) FILTER (WHERE stage = 'click' AND is_bot IS NULL) AS human_clicks,
    count(*) FILTER (WHERE stage = 'click' AND is_bot) AS bot_clicks,
    count(*) FILTER (WHERE stage = 'inbound') AS replies,
    count(*) FILTER (WHERE is_opt_out) AS unsubscribes,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries,
    count(*) FILTER (WHERE is_moved) AS events_moved
  FROM placed
  GROUP BY row_dispatch_key, user_key, row_message_key
  HAVING count(*) FILTER (WHERE stage <> 'rcs_rejection') > 0
)
SELECT
  'sms' AS channel,
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
  from_phone_number,
  subscription_group_id,
  category,
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  carrier_sent_at,
  delivered_at,
  rejected_at,
  failed_at,
  clicked_at,
  first_human_click_at,
  first_bot_click_at,
  replied_at,
  unsubscribed_at,
  aborted_at,
  rcs_rejected_at,
  last_event_at,
  events,
  sends,
  carrier_sends,
  deliveries,
  rejections,
  failures,
  clicks,
  human_clicks,
  bot_clicks,
  replies,
  unsubscribes,
  aborts,
  retries,
  error,
  provider_error_code,
  coalesce(is_sms_fallback, false) AS is_sms_fallback,
  CASE
    WHEN unsubscribes > 0 THEN 'unsubscribed'
    WHEN replies > 0 AND sends > 0 THEN 'replied'
    WHEN human_clicks > 0 THEN 'clicked'
    WHEN deliveries + bot_clicks > 0 THEN 'delivered'
    WHEN rejections > 0 THEN 'rejected'
    WHEN failures > 0 THEN 'failed'
    WHEN carrier_sends > 0 THEN 'handed_over'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    WHEN retries > 0 THEN 'retried'
    ELSE 'inbound'
  END AS outcome,
  CASE WHEN delivered_at < sent_at THEN 0 ELSE to_unixtime(delivered_at) - to_unixtime(sent_at) END AS seconds_to_delivery,
  CASE WHEN clicked_at < sent_at THEN 0 ELSE to_unixtime(clicked_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN first_human_click_at < sent_at THEN 0 ELSE to_unixtime(first_human_click_at) - to_unixtime(sent_at) END AS seconds_to_human_click,
  CASE WHEN replied_at < sent_at THEN 0 ELSE to_unixtime(replied_at) - to_unixtime(sent_at) END AS seconds_to_reply,
  CASE
    WHEN sends = 0 AND rcs_rejected_at IS NOT NULL THEN 'rcs_fallback'
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

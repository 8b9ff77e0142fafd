-- Opens, clicks, reads, replies, unsubscribes and spam reports that belong to no send, each with the reason: the audit of the lifecycles.
-- Grain: one row per row of a channel's lifecycle that was engaged with and has no send: per channel, dispatch, person and message (push: and
-- device), or one event where the dispatch is unknown.
--
-- What is counted: engagement of email, push, sms, whatsapp, rcs and line. What a lifecycle put to a send by any of its rules is not here,
-- what it could not is here, so engagements here and engagement in lifecycle rows with sends add up to the events. Deliveries and bounces
-- without a send are not engagement.
--
-- reason    with a dispatch_id:
--           other_device       the person was sent this message in this dispatch on another device (push)
--           other_message      the person was sent another message in this dispatch
--           other_profile      the dispatch went to others: a forwarded email, a shared phone, two profiles with one address
--           dispatch_not_sent  no send of the dispatch is in the warehouse: it was sent before the export began, or files are missing
--           without:
--           outside_window     the person was sent this message before, but longer ago than the lifecycle looks back (7 days, replies 4 hours)
--           before_send        the person was sent this message only after it
--           message_not_sent   it names a WhatsApp message that is not in the warehouse
--           wrote_first        a reply that names no message, from a person who was sent nothing in this channel before
--           no_dispatch        the person was never sent this message
--           in both cases:
--           user_unknown       the user is missing or [REDACTED] and no address stands for the user: it never joins
--
-- canonical_user_id   the person after all merges; user_id as delivered (any profile of the row).
-- address             email address or phone number. message_id: message variation, else Canvas step message variation, else Canvas step.
-- event_time          the first event of the row; event_date is its UTC day.
-- engagements         human_opens + machine_opens + human_clicks + bot_clicks + reads + replies + link_unsubscribes + spam_reports.
-- link_unsubscribes   email only; STOP and the like are replies.
-- last_sent_at        when the person was last sent this message before the event (a reply that names no message: anything in the channel).
-- unkeyed_event_id    the id of the event, where the row is one event whose dispatch or user is unknown.
--
-- Traps: the click on an SMS that replaced a rejected RCS message is here, as no_dispatch: such an SMS has no Send of its own. Many
-- dispatch_not_sent in the first days of an export are normal. It reads every lifecycle and all sends: filter on channel to read less.
WITH
loose AS (
  SELECT channel, dispatch_id, user_id, canonical_user_id, email_address AS address, NULL AS device_id, NULL AS whatsapp_message_id, message_id,
    source, campaign_id, message_variation_id, canvas_id, canvas_step_id, canvas_step_message_variation_id, event_time, event_date,
    human_opens, machine_opens, human_clicks, bot_clicks, 0 AS reads, 0 AS replies, unsubscribes AS link_unsubscribes, spam_reports,
    unkeyed_event_id
  FROM email_lifecycle
  WHERE sends = 0 AND opens + clicks + unsubscribes + spam_reports > 0
  UNION ALL
  SELECT channel, dispatch_id, user_id, canonical_user_id, NULL, device_id, NULL, message_id, source, campaign_id, message_variation_id,
    canvas_id, canvas_step_id, canvas_step_message_variation_id, event_time, event_date, opens, 0, 0, 0, 0, 0, 0, 0, unkeyed_event_id
  FROM push_lifecycle
  WHERE sends = 0 AND opens > 0
  UNION ALL
  SELECT channel, dispatch_id, user_id, canonical_user_id, to_phone_number, NULL, NULL, message_id, source, campaign_id,
    message_variation_id, canvas_id, canvas_step_id, canvas_step_message_variation_id, event_time, event_date, 0, 0, human_clicks,
    bot_clicks, 0, replies, 0, 0, unkeyed_event_id
  FROM sms_lifecycle
  WHERE sends = 0 AND clicks + replies > 0
  UNION ALL
  SELECT channel, dispatch_id, user_id, canonical_user_id, to_phone_number, NULL, whatsapp_message_id, message_id, source, campaign_id,
    message_variation_id, canvas_id, canvas_step_id, canvas_step_message_variation_id, event_time, event_date, 0, 0, clicks, 0, reads,
    replies, 0, 0, unkeyed_event_id
  FROM whatsapp_lifecycle
  WHERE sends = 0 AND reads + clicks + replies > 0
  UNION ALL
  SELECT channel, dispatch_id, user_id, canonical_user_id, to_phone_number, NULL, NULL, message_id, source, campaign_id,
    message_variation_id, canvas_id, canvas_step_id, canvas_step_message_variation_id, event_time, event_date, 0, 0, human_clicks,
    bot_clicks, reads, replies, 0, 0, unkeyed_event_id
  FROM rcs_line_lifecycle
  WHERE sends = 0 AND reads + clicks + replies > 0
),
-- The same keys as in the lifecycles.
engaged AS (
  SELECT *,
    coalesce(canonical_user_id, address) AS person,
    coalesce(
      nullif(message_variation_id, '[REDACTED]'), nullif(canvas_step_id, '[REDACTED]'), nullif(canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM loose
),
sent AS (
  SELECT
    e.channel,
    e.time,
    nullif(nullif(e.dispatch_id, '[REDACTED]'), '') AS dispatch_id,
    coalesce(m.canonical_user_id, e.real_user_id, e.real_address) AS person,
    coalesce(
      nullif(e.message_variation_id, '[REDACTED]'), nullif(e.canvas_step_id, '[REDACTED]'),
      nullif(e.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN (
    SELECT channel, time, dispatch_id, message_variation_id, canvas_step_id, canvas_step_message_variation_id,
      nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
      coalesce(
        lower(nullif(nullif(email_address, '[REDACTED]'), '')), nullif(nullif(to_phone_number, '[REDACTED]'), '')
      ) AS real_address
    FROM all_events
    WHERE stage = 'send' AND event_type LIKE 'users.messages.%' AND channel IN ('email', 'push', 'sms', 'whatsapp', 'rcs', 'line')
  ) e ON m.user_id = e.real_user_id
),
-- Every send the person had in the channel, folded into a few facts at once: no row is multiplied.
compared AS (
  SELECT
    l.channel, l.dispatch_id, l.user_id, l.canonical_user_id, l.address, l.device_id, l.whatsapp_message_id, l.message_id, l.source,
    l.campaign_id, l.message_variation_id, l.canvas_id, l.canvas_step_id, l.canvas_step_message_variation_id, l.event_time, l.event_date,
    l.human_opens, l.machine_opens, l.human_clicks, l.bot_clicks, l.reads, l.replies, l.link_unsubscribes, l.spam_reports,
    l.unkeyed_event_id, l.person, l.message_key,
    coalesce(bool_or(s.dispatch_id = l.dispatch_id), false) AS in_dispatch,
    coalesce(bool_or(s.dispatch_id = l.dispatch_id AND s.message_key = l.message_key), false) AS in_dispatch_and_message,
    max(s.time) FILTER (WHERE s.time <= l.event_time AND s.message_key = l.message_key) AS message_sent_before,
    min(s.time) FILTER (WHERE s.time > l.event_time AND s.message_key = l.message_key) AS message_sent_after,
    max(s.time) FILTER (WHERE s.time <= l.event_time) AS anything_sent_before
  FROM engaged l
  LEFT JOIN sent s ON s.channel = l.channel AND s.person = l.person
  GROUP BY l.channel, l.dispatch_id, l.user_id, l.canonical_user_id, l.address, l.device_id, l.whatsapp_message_id, l.message_id, l.source,
    l.campaign_id, l.message_variation_id, l.canvas_id, l.canvas_step_id, l.canvas_step_message_variation_id, l.event_time, l.event_date,
    l.human_opens, l.machine_opens, l.human_clicks, l.bot_clicks, l.reads, l.replies, l.link_unsubscribes, l.spam_reports,
    l.unkeyed_event_id, l.person, l.message_key
),
explained AS (
  SELECT c.*,
    d.dispatch_id IS NOT NULL AS is_dispatch_sent,
    CASE WHEN c.replies > 0 AND c.message_key = '' THEN c.anything_sent_before ELSE c.message_sent_before END AS last_sent_at
  FROM compared c
  LEFT JOIN (SELECT DISTINCT channel, dispatch_id FROM sent WHERE dispatch_id IS NOT NULL) d
    ON d.channel = c.channel AND d.dispatch_id = c.dispatch_id
)
SELECT
  channel,
  CASE
    WHEN person IS NULL THEN 'user_unknown'
    WHEN in_dispatch_and_message AND channel = 'push' THEN 'other_device'
    WHEN in_dispatch THEN 'other_message'
    WHEN is_dispatch_sent THEN 'other_profile'
    WHEN dispatch_id IS NOT NULL THEN 'dispatch_not_sent'
    WHEN whatsapp_message_id IS NOT NULL THEN 'message_not_sent'
    WHEN last_sent_at IS NOT NULL THEN 'outside_window'
    WHEN message_sent_after IS NOT NULL THEN 'before_send'
    WHEN replies > 0 AND message_key = '' THEN 'wrote_first'
    ELSE 'no_dispatch'
  END AS reason,
  dispatch_id,
  user_id,
  canonical_user_id,
  address,
  device_id,
  message_id,
  source,
  campaign_id,
  message_variation_id,
  canvas_id,
  canvas_step_id,
  canvas_step_message_variation_id,
  event_time,
  event_date,
  human_opens + machine_opens + human_clicks + bot_clicks + reads + replies + link_unsubscribes + spam_reports AS engagements,
  human_opens,
  machine_opens,
  human_clicks,
  bot_clicks,
  reads,
  replies,
  link_unsubscribes,
  spam_reports,
  last_sent_at,
  unkeyed_event_id
FROM explained

-- How much each person is messaged: messages per day and channel, over the last 7 and 28 days, and what they did about it.
-- Grain: one row per person, channel and UTC day on which a message was sent to them or they reacted to one. Messages to missing or
-- [REDACTED] users of a channel and day share one row (canonical_user_id null).
--
-- What is counted: each send, open, click, opt-out and spam report of email, push, sms, whatsapp, rcs and line once, on the day it happened:
-- an open counts on its own day, not on the day of the send. Sends are attempts: what bounced counts too.
--
-- messages               what the person gets to see: a push to three devices is three sends and one message.
-- messages_7d, _28d      messages of this channel on this day and the 6 (27) days before; messages_all_channels, _7d_all_channels and
--                        _28d_all_channels are those of all channels together. Null for unknown people.
-- days_since_previous    from the last earlier day with a message in this channel; days_since_previous_any in any channel.
-- human_opens, human_clicks leave out machine opens and suspected bots, which are machine_opens and bot_clicks. WhatsApp
--                        clicks carry no mark of bots.
-- opt_outs               clicks on an unsubscribe link, and replies that ended the subscription (STOP and the like).
-- week_start             Monday of the week: group by it for messages per week.
-- user_id                one of the person's profiles that took part, as delivered; canonical_user_id is the person after all merges.
--
-- Traps: people who got nothing have no row, so an average over rows is per active day, not per day of the period. An RCS message that was
-- refused and then sent as SMS counts in both channels where the SMS has a Send of its own. Pushes without a dispatch_id count one each.
-- The columns over 7 and 28 days need the days before: a filter on event_date leaves out files only where no such column and no
-- days_since_… is selected.
WITH
raw AS (
  SELECT 'email' AS channel, 'send' AS stage, time, user_id, NULL AS push_key FROM users_messages_email_send
  UNION ALL
  SELECT 'push', 'send', time, user_id,
    concat(coalesce(nullif(nullif(dispatch_id, '[REDACTED]'), ''), id), ' ', message_variation_id, ' ', canvas_step_id)
  FROM users_messages_pushnotification_send
  UNION ALL
  SELECT 'sms', 'send', time, user_id, NULL FROM users_messages_sms_send
  UNION ALL
  SELECT 'whatsapp', 'send', time, user_id, NULL FROM users_messages_whatsapp_send
  UNION ALL
  SELECT 'rcs', 'send', time, user_id, NULL FROM users_messages_rcs_send
  UNION ALL
  SELECT 'line', 'send', time, user_id, NULL FROM users_messages_line_send
  UNION ALL
  SELECT 'email', CASE WHEN machine_open IS NOT NULL THEN 'machine_open' ELSE 'human_open' END, time, user_id, NULL
  FROM users_messages_email_open
  UNION ALL
  SELECT 'push', 'human_open', time, user_id, NULL FROM users_messages_pushnotification_open
  UNION ALL
  SELECT 'email', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, time, user_id, NULL
  FROM users_messages_email_click
  UNION ALL
  SELECT 'sms', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, time, user_id, NULL
  FROM users_messages_sms_shortlinkclick
  UNION ALL
  SELECT 'whatsapp', 'human_click', time, user_id, NULL FROM users_messages_whatsapp_click
  UNION ALL
  SELECT 'rcs', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, time, user_id, NULL
  FROM users_messages_rcs_click
  UNION ALL
  SELECT 'line', CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, time, user_id, NULL
  FROM users_messages_line_click
  UNION ALL
  SELECT 'email', 'opt_out', time, user_id, NULL FROM users_messages_email_unsubscribe
  UNION ALL
  SELECT 'sms', 'opt_out', time, user_id, NULL FROM users_messages_sms_inboundreceive WHERE lower(action) = 'unsubscribed'
  UNION ALL
  SELECT 'whatsapp', 'opt_out', time, user_id, NULL FROM users_messages_whatsapp_inboundreceive WHERE lower(action) = 'unsubscribed'
  UNION ALL
  SELECT 'rcs', 'opt_out', time, user_id, NULL FROM users_messages_rcs_inboundreceive WHERE lower(action) = 'unsubscribed'
  UNION ALL
  SELECT 'email', 'spam', time, user_id, NULL FROM users_messages_email_markasspam
),
-- The sends of one push to several devices come together first.
message AS (
  SELECT
    coalesce(m.canonical_user_id, nullif(nullif(r.user_id, '[REDACTED]'), '')) AS person,
    r.channel,
    CAST(r.time AS DATE) AS day,
    r.push_key,
    min(nullif(nullif(r.user_id, '[REDACTED]'), '')) AS user_id,
    count(*) AS events,
    count(*) FILTER (WHERE r.stage = 'send') AS sends,
    count(*) FILTER (WHERE r.stage = 'human_open') AS human_opens,
    count(*) FILTER (WHERE r.stage = 'machine_open') AS machine_opens,
    count(*) FILTER (WHERE r.stage = 'human_click') AS human_clicks,
    count(*) FILTER (WHERE r.stage = 'bot_click') AS bot_clicks,
    count(*) FILTER (WHERE r.stage = 'opt_out') AS opt_outs,
    count(*) FILTER (WHERE r.stage = 'spam') AS spam_reports
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
  GROUP BY person, channel, day, push_key
),
pressure AS (
  SELECT
    person,
    channel,
    day,
    min(user_id) AS user_id,
    sum(events) AS events,
    sum(CASE WHEN push_key IS NULL THEN sends ELSE 1 END) AS messages,
    sum(sends) AS sends,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    sum(opt_outs) AS opt_outs,
    sum(spam_reports) AS spam_reports
  FROM message
  GROUP BY person, channel, day
)
SELECT
  user_id,
  person AS canonical_user_id,
  day AS event_date,
  CAST(date_trunc('week', day) AS DATE) AS week_start,
  channel,
  events,
  messages,
  sends,
  CASE WHEN person IS NOT NULL THEN sum(messages) OVER (PARTITION BY person, day) END AS messages_all_channels,
  CASE WHEN person IS NOT NULL THEN sum(messages) OVER (
    PARTITION BY person, channel ORDER BY day RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW
  ) END AS messages_7d,
  CASE WHEN person IS NOT NULL THEN sum(messages) OVER (
    PARTITION BY person, channel ORDER BY day RANGE BETWEEN INTERVAL '27 days' PRECEDING AND CURRENT ROW
  ) END AS messages_28d,
  CASE WHEN person IS NOT NULL THEN sum(messages) OVER (
    PARTITION BY person ORDER BY day RANGE BETWEEN INTERVAL '6 days' PRECEDING AND CURRENT ROW
  ) END AS messages_7d_all_channels,
  CASE WHEN person IS NOT NULL THEN sum(messages) OVER (
    PARTITION BY person ORDER BY day RANGE BETWEEN INTERVAL '27 days' PRECEDING AND CURRENT ROW
  ) END AS messages_28d_all_channels,
  CASE WHEN person IS NOT NULL THEN day - max(CASE WHEN messages > 0 THEN day END) OVER (
    PARTITION BY person, channel ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ) END AS days_since_previous,
  CASE WHEN person IS NOT NULL THEN day - max(CASE WHEN messages > 0 THEN day END) OVER (
    PARTITION BY person ORDER BY day RANGE BETWEEN UNBOUNDED PRECEDING AND INTERVAL '1 day' PRECEDING
  ) END AS days_since_previous_any,
  human_opens,
  machine_opens,
  human_clicks,
  bot_clicks,
  opt_outs,
  spam_reports
FROM pressure

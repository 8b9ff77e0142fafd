-- Campaign results per day of sending: volume, delivery, engagement, opt-outs and conversions of every variation in every channel.
-- Grain: one row per campaign, message variation, channel and UTC day of the send. What cannot be put to a send is counted on the day it
-- happened, so every count sums back to the events; such a day may have sends = 0 and rates that are null or above 1.
--
-- What is counted: the rows of dispatch_lifecycle that have a campaign (Canvas and API messages are not here), and every
-- users.campaigns.Conversion, once. Engagement counts on the day of the SEND, whenever it happened: recent days still grow.
--
-- sends, deliveries, opens, clicks, … are events. unique_* count each (dispatch, person) once; two profiles with one address are two (Braze's
-- own figure is per address and counts a repeat after 7 days again). human_* leave out machine opens and suspected bot clicks.
-- unique_recipients   distinct people sent to that day, however many dispatches (Braze's "unique recipients" are per day, too).
-- bounces             email and push bounces; failures are those plus sms, whatsapp, rcs and webhook failures. delays are not final.
-- bounce_rate, failure_rate, spam_rate   over sends.
-- open_rate, human_open_rate, click_rate, human_click_rate, unsubscribe_rate   unique, over deliveries (null in channels that report none).
-- click_to_open_rate  unique clicks over unique opens.
-- conversions_a … _d  conversions by the campaign's conversion events (A is the primary); conversions also holds those without a letter.
--                     A conversion names no dispatch and no channel: it counts on the day and channel of the person's last send of the
--                     variation (of the campaign, where it names no variation) in the 30 days before it, else on its own day with channel null.
-- conversion_rate     conversions_a over unique_recipients.
--
-- Traps: unique_recipients of several days do not add up to the distinct people of the period; take them from dispatch_lifecycle. Day and
-- campaign are those of the send, which are known only when a message is put together: filters on them do not prune files.
WITH
per_recipient AS (
  SELECT
    campaign_id,
    message_variation_id,
    channel,
    event_date,
    max(campaign_name) AS campaign_name,
    max(message_variation_name) AS message_variation_name,
    CASE WHEN sum(sends) > 0 THEN person END AS recipient,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    CASE WHEN channel IN ('email', 'push') THEN sum(failures) ELSE 0 END AS bounces,
    sum(failures) AS failures,
    sum(delays) AS delays,
    sum(opens) AS opens,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(clicks) AS clicks,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    sum(reads) AS reads,
    sum(replies) AS replies,
    sum(unsubscribes) AS unsubscribes,
    sum(spam_reports) AS spam_reports,
    sum(aborts) AS aborts
  FROM (SELECT *, coalesce(canonical_user_id, address, unkeyed_event_id) AS person FROM dispatch_lifecycle WHERE campaign_id IS NOT NULL)
  GROUP BY campaign_id, message_variation_id, channel, event_date, dispatch_id, person
),
sent AS (
  SELECT
    coalesce(m.canonical_user_id, e.user_id) AS person, e.channel, e.campaign_id, e.message_variation_id, e.time
  FROM users_merged m
  RIGHT JOIN all_events e ON m.user_id = e.user_id
  WHERE e.stage = 'send' AND e.channel IN ('email', 'push', 'sms', 'whatsapp', 'rcs', 'line', 'webhook')
    AND e.campaign_id IS NOT NULL AND e.user_id NOT IN ('', '[REDACTED]')
),
conversion AS (
  SELECT
    c.id, coalesce(m.canonical_user_id, c.user_id) AS person, c.campaign_id, c.campaign_name, c.message_variation_id, c.message_variation_name,
    c.time, c.conversion_behavior_index
  FROM users_merged m
  RIGHT JOIN users_campaigns_conversion c ON m.user_id = c.user_id
),
last_send AS (
  SELECT id, channel, message_variation_id, sent_at
  FROM (
    SELECT
      c.id, s.channel, s.message_variation_id, s.time AS sent_at,
      row_number() OVER (PARTITION BY c.id ORDER BY s.time DESC, s.channel, s.message_variation_id) AS nearness
    FROM conversion c
    JOIN sent s ON s.person = c.person AND s.campaign_id = c.campaign_id AND s.time <= c.time AND s.time >= c.time - INTERVAL '30 days'
      AND (c.message_variation_id IS NULL OR s.message_variation_id = c.message_variation_id)
  )
  WHERE nearness = 1
),
converted AS (
  SELECT
    c.campaign_id,
    coalesce(c.message_variation_id, s.message_variation_id) AS message_variation_id,
    s.channel,
    CAST(coalesce(s.sent_at, c.time) AS DATE) AS event_date,
    c.campaign_name,
    c.message_variation_name,
    c.conversion_behavior_index
  FROM last_send s
  RIGHT JOIN conversion c ON s.id = c.id
),
part AS (
  SELECT
    campaign_id, message_variation_id, channel, event_date, campaign_name, message_variation_name, recipient, events, sends, deliveries, bounces,
    failures, delays, opens, human_opens, machine_opens, clicks, human_clicks, bot_clicks, reads, replies, unsubscribes, spam_reports,
    aborts, 0 AS conversions, NULL AS conversion_behavior_index
  FROM per_recipient
  UNION ALL
  SELECT
    campaign_id, message_variation_id, channel, event_date, campaign_name, message_variation_name, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 1, conversion_behavior_index
  FROM converted
),
day AS (
  SELECT
    campaign_id,
    message_variation_id,
    channel,
    event_date,
    max(campaign_name) AS campaign_name,
    max(message_variation_name) AS message_variation_name,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    count(DISTINCT recipient) AS unique_recipients,
    sum(bounces) AS bounces,
    sum(failures) AS failures,
    sum(delays) AS delays,
    sum(opens) AS opens,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(clicks) AS clicks,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    count(*) FILTER (WHERE opens > 0) AS unique_opens,
    count(*) FILTER (WHERE human_opens > 0) AS unique_human_opens,
    count(*) FILTER (WHERE clicks > 0) AS unique_clicks,
    count(*) FILTER (WHERE human_clicks > 0) AS unique_human_clicks,
    sum(reads) AS reads,
    sum(replies) AS replies,
    sum(unsubscribes) AS unsubscribes,
    count(*) FILTER (WHERE unsubscribes > 0) AS unique_unsubscribes,
    sum(spam_reports) AS spam_reports,
    sum(aborts) AS aborts,
    sum(conversions) AS conversions,
    count(*) FILTER (WHERE conversion_behavior_index = 0) AS conversions_a,
    count(*) FILTER (WHERE conversion_behavior_index = 1) AS conversions_b,
    count(*) FILTER (WHERE conversion_behavior_index = 2) AS conversions_c,
    count(*) FILTER (WHERE conversion_behavior_index = 3) AS conversions_d
  FROM part
  GROUP BY campaign_id, message_variation_id, channel, event_date
)
SELECT
  event_date,
  channel,
  campaign_id,
  campaign_name,
  message_variation_id,
  message_variation_name,
  events,
  sends,
  deliveries,
  unique_recipients,
  bounces,
  failures,
  delays,
  opens,
  human_opens,
  machine_opens,
  unique_opens,
  unique_human_opens,
  clicks,
  human_clicks,
  bot_clicks,
  unique_clicks,
  unique_human_clicks,
  reads,
  replies,
  unsubscribes,
  unique_unsubscribes,
  spam_reports,
  aborts,
  conversions,
  conversions_a,
  conversions_b,
  conversions_c,
  conversions_d,
  CAST(bounces AS DOUBLE) / nullif(sends, 0) AS bounce_rate,
  CAST(failures AS DOUBLE) / nullif(sends, 0) AS failure_rate,
  CAST(spam_reports AS DOUBLE) / nullif(sends, 0) AS spam_rate,
  CAST(unique_opens AS DOUBLE) / nullif(deliveries, 0) AS open_rate,
  CAST(unique_human_opens AS DOUBLE) / nullif(deliveries, 0) AS human_open_rate,
  CAST(unique_clicks AS DOUBLE) / nullif(deliveries, 0) AS click_rate,
  CAST(unique_human_clicks AS DOUBLE) / nullif(deliveries, 0) AS human_click_rate,
  CAST(unique_clicks AS DOUBLE) / nullif(unique_opens, 0) AS click_to_open_rate,
  CAST(unique_unsubscribes AS DOUBLE) / nullif(deliveries, 0) AS unsubscribe_rate,
  CAST(conversions_a AS DOUBLE) / nullif(unique_recipients, 0) AS conversion_rate
FROM day

-- One sending, summed up: how many it reached, when it began and ended, how fast it went, and what came of it.
-- Grain: one row per dispatch and channel; what has no dispatch_id (missing or [REDACTED]) is one row per channel, campaign and Canvas step with
-- dispatch_id null.
--
-- What is counted: the rows of dispatch_lifecycle, so every event of a message in a channel that sends, once. Engagement counts for its
-- dispatch, whenever it happened.
--
-- campaign_id, …      of the dispatch; where it holds several (Canvas steps, say), the greatest of the ids.
-- message_id          variation or step, null where the dispatch holds several.
-- recipients          distinct people sent to.
-- first_sent_at, last_sent_at   first and last send; send_seconds lies between, sends_per_minute is null where that is 0.
-- first_event_at, last_event_at   of all events.
-- sends, deliveries, opens, clicks, … are events. unique_* count each person once; human_* leave out machine opens and suspected bot clicks.
-- bounces             email and push bounces; failures are those plus sms, whatsapp, rcs and webhook failures. delays are not final.
-- bounce_rate, failure_rate, spam_rate   over sends.
-- open_rate, human_open_rate, click_rate, human_click_rate, unsubscribe_rate   unique, over deliveries (null in channels that report none).
-- click_to_open_rate  unique clicks over unique opens.
--
-- Traps: a triggered message has a dispatch for every person: filter on recipients > 1 for the scheduled ones. A dispatch can span channels and
-- is then several rows. A send to many time zones takes a day and sends_per_minute says little. Filter on first_sent_at to choose
-- dispatches; it does not prune files.
WITH
per_recipient AS (
  SELECT
    channel,
    dispatch_id,
    -- Where the dispatch is unknown, messages that have nothing but that in common stay apart.
    CASE WHEN dispatch_id IS NULL THEN campaign_id END AS lone_campaign_id,
    CASE WHEN dispatch_id IS NULL THEN canvas_step_id END AS lone_step_id,
    person,
    max(source) AS source,
    max(campaign_id) AS campaign_id,
    max(campaign_name) AS campaign_name,
    max(canvas_id) AS canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(send_id) AS send_id,
    max(message_id) AS message_id,
    min(message_id) AS other_message_id,
    min(sent_at) AS first_sent_at,
    max(sent_at) AS last_sent_at,
    min(event_time) AS first_event_at,
    max(last_event_at) AS last_event_at,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    CASE WHEN channel IN ('email', 'push') THEN sum(failures) ELSE 0 END AS bounces,
    sum(failures) AS failures,
    sum(delays) AS delays,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    sum(reads) AS reads,
    sum(replies) AS replies,
    sum(unsubscribes) AS unsubscribes,
    sum(spam_reports) AS spam_reports,
    sum(aborts) AS aborts
  FROM (SELECT *, coalesce(canonical_user_id, address, unkeyed_event_id) AS person FROM dispatch_lifecycle)
  GROUP BY channel, dispatch_id, lone_campaign_id, lone_step_id, person
),
dispatch AS (
  SELECT
    channel,
    dispatch_id,
    max(source) AS source,
    max(campaign_id) AS campaign_id,
    max(campaign_name) AS campaign_name,
    max(canvas_id) AS canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(send_id) AS send_id,
    CASE WHEN max(message_id) = min(other_message_id) THEN max(message_id) END AS message_id,
    count(*) FILTER (WHERE sends > 0) AS recipients,
    min(first_sent_at) AS first_sent_at,
    max(last_sent_at) AS last_sent_at,
    to_unixtime(max(last_sent_at)) - to_unixtime(min(first_sent_at)) AS send_seconds,
    min(first_event_at) AS first_event_at,
    max(last_event_at) AS last_event_at,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    sum(bounces) AS bounces,
    sum(failures) AS failures,
    sum(delays) AS delays,
    sum(human_opens + machine_opens) AS opens,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    count(*) FILTER (WHERE human_opens + machine_opens > 0) AS unique_opens,
    count(*) FILTER (WHERE human_opens > 0) AS unique_human_opens,
    sum(human_clicks + bot_clicks) AS clicks,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    count(*) FILTER (WHERE human_clicks + bot_clicks > 0) AS unique_clicks,
    count(*) FILTER (WHERE human_clicks > 0) AS unique_human_clicks,
    sum(reads) AS reads,
    sum(replies) AS replies,
    sum(unsubscribes) AS unsubscribes,
    count(*) FILTER (WHERE unsubscribes > 0) AS unique_unsubscribes,
    sum(spam_reports) AS spam_reports,
    sum(aborts) AS aborts
  FROM per_recipient
  GROUP BY channel, dispatch_id, lone_campaign_id, lone_step_id
)
SELECT
  dispatch_id,
  channel,
  source,
  campaign_id,
  campaign_name,
  canvas_id,
  canvas_name,
  canvas_step_id,
  canvas_step_name,
  send_id,
  message_id,
  recipients,
  first_sent_at,
  last_sent_at,
  send_seconds,
  60.0 * sends / nullif(send_seconds, 0) AS sends_per_minute,
  first_event_at,
  last_event_at,
  events,
  sends,
  deliveries,
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
  CAST(bounces AS DOUBLE) / nullif(sends, 0) AS bounce_rate,
  CAST(failures AS DOUBLE) / nullif(sends, 0) AS failure_rate,
  CAST(spam_reports AS DOUBLE) / nullif(sends, 0) AS spam_rate,
  CAST(unique_opens AS DOUBLE) / nullif(deliveries, 0) AS open_rate,
  CAST(unique_human_opens AS DOUBLE) / nullif(deliveries, 0) AS human_open_rate,
  CAST(unique_clicks AS DOUBLE) / nullif(deliveries, 0) AS click_rate,
  CAST(unique_human_clicks AS DOUBLE) / nullif(deliveries, 0) AS human_click_rate,
  CAST(unique_clicks AS DOUBLE) / nullif(unique_opens, 0) AS click_to_open_rate,
  CAST(unique_unsubscribes AS DOUBLE) / nullif(deliveries, 0) AS unsubscribe_rate
FROM dispatch

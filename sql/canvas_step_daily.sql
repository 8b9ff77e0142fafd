-- Canvas results per day of sending: volume, delivery, engagement, opt-outs and conversions of every step in every channel.
-- Grain: one row per Canvas, Canvas variation, step, channel and UTC day of the send. What cannot be put to a send is counted on the day it
-- happened, so every count sums back to the events; such a day may have sends = 0 and rates that are null or above 1.
--
-- What is counted: the rows of dispatch_lifecycle that have a Canvas or a Canvas step, and every users.canvas.Conversion, once. Engagement
-- counts on the day of the SEND, whenever it happened: recent days still grow. Entries, splits and exits are in canvas_funnel.
--
-- sends, deliveries, opens, clicks, … are events. unique_* count each (dispatch, person) once. human_* leave out machine opens and suspected
-- bot clicks.
-- unique_recipients   distinct people sent to that day by this step, however many dispatches, as Braze counts them.
-- bounces             email and push bounces; failures are those plus sms, whatsapp, rcs and webhook failures. delays are not final.
-- bounce_rate, failure_rate, spam_rate   over sends.
-- open_rate, human_open_rate, click_rate, human_click_rate, unsubscribe_rate   unique, over deliveries (null in channels that report none).
-- click_to_open_rate  unique clicks over unique opens.
-- conversions_a … _d  conversions by goal (A is the primary); conversions also holds those without a letter. A conversion counts for the step it
--                     names, which is the last one sent before the deed (else the step of the last message), on the day and channel of
--                     that step's last message in the 30 days before it (see conversions), else on its own day with channel null.
-- conversion_rate     conversions_a over unique_recipients.
--
-- Traps: unique_recipients of several days or steps do not add up to distinct people; take them from dispatch_lifecycle or canvas_funnel. In-app
-- messages, cards and banners have no dispatch: a step of theirs appears with its conversions alone. The control group has no step.
-- Filter on event_date to choose sends; it does not prune files.
WITH
per_recipient AS (
  SELECT
    canvas_id,
    canvas_variation_id,
    canvas_step_id,
    channel,
    event_date,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_name) AS canvas_step_name,
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
  FROM (SELECT *, coalesce(canonical_user_id, address, unkeyed_event_id) AS person FROM dispatch_lifecycle WHERE source = 'canvas')
  GROUP BY canvas_id, canvas_variation_id, canvas_step_id, channel, event_date, dispatch_id, person
),
part AS (
  SELECT
    canvas_id, canvas_variation_id, canvas_step_id, channel, event_date, canvas_name, canvas_variation_name, canvas_step_name, recipient,
    events, sends, deliveries, bounces, failures, delays, opens, human_opens, machine_opens, clicks, human_clicks, bot_clicks, reads,
    replies, unsubscribes, spam_reports, aborts, 0 AS conversions, NULL AS conversion_event
  FROM per_recipient
  UNION ALL
  SELECT
    canvas_id, canvas_variation_id, coalesce(canvas_step_id, last_canvas_step_id), last_channel,
    CAST(coalesce(last_message_at, event_time) AS DATE), canvas_name, canvas_variation_name, canvas_step_name, NULL, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 1, conversion_event
  FROM conversions
  WHERE kind = 'canvas'
),
day AS (
  SELECT
    canvas_id,
    canvas_variation_id,
    canvas_step_id,
    channel,
    event_date,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_name) AS canvas_step_name,
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
    count(*) FILTER (WHERE conversion_event = 'A') AS conversions_a,
    count(*) FILTER (WHERE conversion_event = 'B') AS conversions_b,
    count(*) FILTER (WHERE conversion_event = 'C') AS conversions_c,
    count(*) FILTER (WHERE conversion_event = 'D') AS conversions_d
  FROM part
  GROUP BY canvas_id, canvas_variation_id, canvas_step_id, channel, event_date
)
SELECT
  event_date,
  channel,
  canvas_id,
  canvas_name,
  canvas_variation_id,
  canvas_variation_name,
  canvas_step_id,
  canvas_step_name,
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

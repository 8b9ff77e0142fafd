-- How well email arrives by who sends it: the sending domain, pool, server and provider, per day of sending.
-- Grain: one row per UTC day of the send, from_domain, ip_pool, sending_ip and esp.
--
-- What is counted: each users.messages.email.* event once, through the rows of email_lifecycle. A Send names no sending_ip and no esp, an Open
-- or a complaint no sending_ip: each takes them from the delivery or bounce of its own message. What cannot be put to a send
-- counts on the day it happened.
--
-- from_domain, ip_pool, sending_ip, esp   as of the message; null where no event of the message says.
-- messages            rows of email_lifecycle: one per dispatch, person and message; all columns from sends to spam_reports are events.
-- unique_*            messages with at least one; human_* without machine opens and suspected bot clicks.
-- bounces             final refusals, drops among them. soft_bounces and deferrals are NOT final.
-- delivery_rate, bounce_rate, spam_rate   over sends. open_rate, human_open_rate, human_click_rate, unsubscribe_rate   unique, over deliveries.
--
-- Traps: messages that are still under way have no sending_ip: on the newest day such a row holds sends without a result. A message tried from two
-- servers counts whole with one of them. Filters do not prune files; to watch today's arrivals read deliverability_by_domain.
WITH
sender_day AS (
  SELECT
    event_date,
    lower(from_domain) AS from_domain,
    ip_pool,
    sending_ip,
    esp,
    count(*) AS messages,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    sum(bounces) AS bounces,
    sum(CASE WHEN is_drop THEN bounces ELSE 0 END) AS drops,
    sum(soft_bounces) AS soft_bounces,
    sum(deferrals) AS deferrals,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    sum(unsubscribes) AS unsubscribes,
    sum(spam_reports) AS spam_reports,
    count(*) FILTER (WHERE opens > 0) AS unique_opens,
    count(*) FILTER (WHERE human_opens > 0) AS unique_human_opens,
    count(*) FILTER (WHERE human_clicks > 0) AS unique_human_clicks,
    count(*) FILTER (WHERE unsubscribes > 0) AS unique_unsubscribes
  FROM email_lifecycle
  GROUP BY 1, 2, 3, 4, 5
)
SELECT
  event_date,
  from_domain,
  ip_pool,
  sending_ip,
  esp,
  messages,
  events,
  sends,
  deliveries,
  bounces,
  drops,
  soft_bounces,
  deferrals,
  human_opens,
  machine_opens,
  human_clicks,
  bot_clicks,
  unsubscribes,
  spam_reports,
  unique_opens,
  unique_human_opens,
  unique_human_clicks,
  unique_unsubscribes,
  CAST(deliveries AS DOUBLE) / nullif(sends, 0) AS delivery_rate,
  CAST(bounces AS DOUBLE) / nullif(sends, 0) AS bounce_rate,
  CAST(spam_reports AS DOUBLE) / nullif(sends, 0) AS spam_rate,
  CAST(unique_opens AS DOUBLE) / nullif(deliveries, 0) AS open_rate,
  CAST(unique_human_opens AS DOUBLE) / nullif(deliveries, 0) AS human_open_rate,
  CAST(unique_human_clicks AS DOUBLE) / nullif(deliveries, 0) AS human_click_rate,
  CAST(unique_unsubscribes AS DOUBLE) / nullif(deliveries, 0) AS unsubscribe_rate
FROM sender_day

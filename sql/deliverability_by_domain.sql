-- How well email arrives at each recipient domain, day by day: accepted, bounced, put off, opened, complained about.
-- Grain: one row per UTC day of the event and recipient domain.
--
-- What is counted: each users.messages.email.* event once, on the day it happened (NOT on the day of its send), so that the last days are
-- complete at once and only the files of the days asked for are read.
--
-- recipient_domain    what follows the @ of the address, in lower case; null where the address is missing or [REDACTED].
-- bounces             final refusals, drops among them (the sending provider itself refused). soft_bounces and deferrals are NOT final.
-- human_opens, machine_opens, human_clicks, bot_clicks   events, not people. A machine open is one whose machine_open is not null (mail
--                     privacy proxies); bots are told apart only where the customer turned the filter on.
-- top_bounce_code     the most frequent code among bounces, top_delay_code among soft bounces and deferrals: the enhanced status code, else
--                     the SMTP code (see bounce_reasons). Of equally frequent ones the smallest.
-- delivery_rate, bounce_rate, spam_rate   over the sends of the day; null without sends.
--
-- Traps: an answer can come the day after its send, a complaint weeks after: on a quiet day a rate can be above 1. Sum several days before
-- dividing, or take deliverability_by_sender or email_lifecycle, which count on the day of the send. Many domains share one mail host.
WITH
raw AS (
  SELECT 'send' AS stage, time, email_address, NULL AS domain, NULL AS answer FROM users_messages_email_send
  UNION ALL
  SELECT 'delivery', time, email_address, NULL, NULL FROM users_messages_email_delivery
  UNION ALL
  SELECT CASE WHEN is_drop THEN 'drop' ELSE 'bounce' END, time, email_address, NULL, bounce_reason FROM users_messages_email_bounce
  UNION ALL
  SELECT 'soft_bounce', time, email_address, NULL, bounce_reason FROM users_messages_email_softbounce
  UNION ALL
  SELECT 'deferral', time, email_address, recipient_domain, deferral_reason FROM users_messages_email_deferral
  UNION ALL
  SELECT CASE WHEN machine_open IS NOT NULL THEN 'machine_open' ELSE 'human_open' END, time, email_address, NULL, NULL
  FROM users_messages_email_open
  UNION ALL
  SELECT CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, time, email_address, NULL, NULL
  FROM users_messages_email_click
  UNION ALL
  SELECT 'unsubscribe', time, email_address, NULL, NULL FROM users_messages_email_unsubscribe
  UNION ALL
  SELECT 'spam', time, email_address, NULL, NULL FROM users_messages_email_markasspam
  UNION ALL
  SELECT 'abort', time, email_address, NULL, NULL FROM users_messages_email_abort
  UNION ALL
  SELECT 'retry', time, email_address, NULL, NULL FROM users_messages_email_retry
),
-- Narrow first: a day holds few combinations of these, and only they need taking apart.
tally AS (
  SELECT
    CAST(time AS DATE) AS event_date,
    lower(coalesce(nullif(split_part(email_address, '@', 2), ''), nullif(nullif(domain, '[REDACTED]'), ''))) AS recipient_domain,
    stage,
    answer,
    count(*) AS events
  FROM raw
  GROUP BY 1, 2, 3, 4
),
coded AS (
  SELECT
    event_date, recipient_domain, stage, events,
    coalesce(
      regexp_match(answer, '(?:^|[^0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\.?[^0-9.]|\.?$)')[1],
      regexp_match(answer, '(?:^|[^0-9.])([245][0-9]{2})(?:[^0-9.]|$)')[1]
    ) AS code
  FROM tally
),
-- Bounces and drops of one code are one reason.
by_code AS (
  SELECT
    event_date,
    recipient_domain,
    CASE WHEN stage IN ('bounce', 'drop') THEN code END AS bounce_code,
    CASE WHEN stage IN ('soft_bounce', 'deferral') THEN code END AS delay_code,
    sum(events) AS events,
    sum(CASE WHEN stage = 'send' THEN events ELSE 0 END) AS sends,
    sum(CASE WHEN stage = 'delivery' THEN events ELSE 0 END) AS deliveries,
    sum(CASE WHEN stage IN ('bounce', 'drop') THEN events ELSE 0 END) AS bounces,
    sum(CASE WHEN stage = 'drop' THEN events ELSE 0 END) AS drops,
    sum(CASE WHEN stage = 'soft_bounce' THEN events ELSE 0 END) AS soft_bounces,
    sum(CASE WHEN stage = 'deferral' THEN events ELSE 0 END) AS deferrals,
    sum(CASE WHEN stage = 'human_open' THEN events ELSE 0 END) AS human_opens,
    sum(CASE WHEN stage = 'machine_open' THEN events ELSE 0 END) AS machine_opens,
    sum(CASE WHEN stage = 'human_click' THEN events ELSE 0 END) AS human_clicks,
    sum(CASE WHEN stage = 'bot_click' THEN events ELSE 0 END) AS bot_clicks,
    sum(CASE WHEN stage = 'unsubscribe' THEN events ELSE 0 END) AS unsubscribes,
    sum(CASE WHEN stage = 'spam' THEN events ELSE 0 END) AS spam_reports,
    sum(CASE WHEN stage = 'abort' THEN events ELSE 0 END) AS aborts,
    sum(CASE WHEN stage = 'retry' THEN events ELSE 0 END) AS retries
  FROM coded
  GROUP BY 1, 2, 3, 4
),
domain_day AS (
  SELECT
    event_date,
    recipient_domain,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    sum(bounces) AS bounces,
    sum(drops) AS drops,
    sum(soft_bounces) AS soft_bounces,
    sum(deferrals) AS deferrals,
    sum(human_opens) AS human_opens,
    sum(machine_opens) AS machine_opens,
    sum(human_clicks) AS human_clicks,
    sum(bot_clicks) AS bot_clicks,
    sum(unsubscribes) AS unsubscribes,
    sum(spam_reports) AS spam_reports,
    sum(aborts) AS aborts,
    sum(retries) AS retries,
    first_value(bounce_code ORDER BY events DESC, bounce_code) FILTER (WHERE bounce_code IS NOT NULL) AS top_bounce_code,
    first_value(delay_code ORDER BY events DESC, delay_code) FILTER (WHERE delay_code IS NOT NULL) AS top_delay_code
  FROM by_code
  GROUP BY event_date, recipient_domain
)
SELECT
  event_date,
  recipient_domain,
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
  aborts,
  retries,
  top_bounce_code,
  top_delay_code,
  CAST(deliveries AS DOUBLE) / nullif(sends, 0) AS delivery_rate,
  CAST(bounces AS DOUBLE) / nullif(sends, 0) AS bounce_rate,
  CAST(spam_reports AS DOUBLE) / nullif(sends, 0) AS spam_rate
FROM domain_day

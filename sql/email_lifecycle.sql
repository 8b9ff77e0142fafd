-- What became of every email: sent, delivered, bounced, opened by a human or a machine, clicked, unsubscribed, marked as spam.
-- Grain: one row per dispatch, person and message. An event that cannot be put to a send keeps a row (sent_at null), so every count sums
-- back to the events of its table.
--
-- What is counted: each users.messages.email.* event once, in exactly one row.
-- Rows are put together by (dispatch_id, canonical_user_id, message). A dispatch_id alone is NOT a key: a scheduled campaign shares one
-- among all its recipients.
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- email_address       of the send, in lower case.
-- opens               human_opens + machine_opens. A machine open is one whose machine_open is not null (mail privacy proxies).
-- clicks              human_clicks + bot_clicks. Bots are told apart only where the customer turned the filter on; else every click is human.
-- bounces             final refusals (is_drop: dropped by the sending service itself). soft_bounces and deferrals are NOT final: a
--                     delivery may follow. Soft bounces were one per retry before 2025-02-25 and one per message since.
-- unsubscribes        clicks on the unsubscribe link, not a change of state: see users_behaviors_subscription_globalstatechange.
-- outcome             the furthest it went: spam, unsubscribed, clicked, opened (both human), bounced, delivered, delayed (soft bounce or
--                     deferral, no more), sent, aborted, retried. A machine's open or click only proves delivery.
-- seconds_to_*        from sent_at, 0 where the event's clock is behind the send's; null without a send.
-- matched_by          key; address = engagement of another profile was put here because this is the only recipient of the message in this
--                     dispatch with that address (or the user is unknown and the address stands for it); nearest_send = events without
--                     dispatch_id were put to the person's nearest earlier send of the same message within 7 days; none = no send.
-- events_moved        how many events came by the last two rules.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: filter on event_date to choose sends; it does not prune files. Two profiles with one address are two rows, while Braze's own
-- unique opens count addresses. Opens before the send are kept.
WITH
-- Stages are numbers because they are compared often: 1 send, 2 delivery, 3 bounce, 4 soft bounce, 5 deferral, 6 open, 7 click, 8 unsubscribe,
-- 9 spam, 10 abort, 11 retry. Each table has one stage, a literal: a filter on it leaves out whole tables.
-- is_machine is true or null.
raw AS (
  SELECT 1 AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, email_address, ip_pool, from_domain,
    NULL AS esp, NULL AS sending_ip, NULL AS mailbox_provider, NULL AS reason, NULL AS is_drop,
    NULL AS is_machine
  FROM users_messages_email_send
  UNION ALL
  SELECT 2, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    email_address, ip_pool, from_domain, esp, sending_ip, NULL, NULL, NULL, NULL
  FROM users_messages_email_delivery
  UNION ALL
  SELECT 3, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    email_address, ip_pool, from_domain, esp, sending_ip, NULL, bounce_reason, is_drop, NULL
  FROM users_messages_email_bounce
  UNION ALL
  SELECT 4, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    email_address, ip_pool, from_domain, esp, sending_ip, NULL, bounce_reason, NULL, NULL
  FROM users_messages_email_softbounce
  UNION ALL
  SELECT 5, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, email_address, ip_pool, from_domain, esp, sending_ip, NULL, deferral_reason, NULL, NULL
  FROM users_messages_email_deferral
  UNION ALL
  SELECT 6, id, time, user_id, dispatch_id,
    message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, email_address, ip_pool, from_domain, esp,
    NULL, mailbox_provider, NULL, NULL, nullif(machine_open IS NOT NULL, false)
  FROM users_messages_email_open
  UNION ALL
  SELECT 7, id, time, user_id, dispatch_id,
    message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, email_address, ip_pool, from_domain, esp,
    NULL, mailbox_provider, NULL, NULL, nullif(is_suspected_bot_click, false)
  FROM users_messages_email_click
  UNION ALL
  SELECT 8, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    email_address, ip_pool, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_unsubscribe
  UNION ALL
  SELECT 9, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    email_address, ip_pool, from_domain, esp, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_markasspam
  UNION ALL
  SELECT 10, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, email_address, ip_pool, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_abort
  UNION ALL
  SELECT 11, id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, email_address, ip_pool, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    lower(nullif(nullif(email_address, '[REDACTED]'), '')) AS real_address
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: only Abort, Retry and Deferral carry the latter, and a
-- Send without it must still meet its Deferral.
event AS (
  SELECT c.*,
    coalesce(c.real_dispatch_id, c.id) AS dispatch_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.real_address, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key,
    stage IN (6, 7, 8, 9) AS is_engagement
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- The same keys for events whose dispatch is known, without reading ids: nothing else is ever put to a send by its address.
known AS (
  SELECT c.stage, c.real_dispatch_id AS dispatch_key, c.real_address,
    coalesce(m.canonical_user_id, c.real_user_id, c.real_address) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- Engagement of a profile the message was not mailed to goes to the one profile with that address it was mailed to, if there is just one.
by_address AS (
  SELECT e.dispatch_key, e.user_key, e.message_key, e.dispatch_key AS row_dispatch_key, min(r.user_key) AS row_user_key
  FROM (
    SELECT DISTINCT e.dispatch_key, e.user_key, e.message_key, e.real_address
    FROM known e
    WHERE e.stage IN (6, 7, 8, 9) AND e.dispatch_key IS NOT NULL AND e.real_address IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM known s
        WHERE s.stage IN (1, 2) AND s.dispatch_key = e.dispatch_key AND s.user_key = e.user_key AND s.message_key = e.message_key
      )
  ) e
  JOIN known r ON r.dispatch_key = e.dispatch_key AND r.message_key = e.message_key AND r.real_address = e.real_address
  WHERE r.stage IN (1, 2)
  GROUP BY e.dispatch_key, e.user_key, e.message_key
  HAVING min(r.user_key) = max(r.user_key)
),
-- An event without a dispatch goes to the nearest earlier send of the same message to the same person.
by_nearest_send AS (
  SELECT dispatch_key, user_key, message_key, row_dispatch_key
  FROM (
    SELECT
      e.dispatch_key, e.user_key, e.message_key, s.dispatch_key AS row_dispatch_key,
      row_number() OVER (PARTITION BY e.id ORDER BY s.time DESC, s.dispatch_key) AS nearness
    FROM event e
    JOIN event s ON s.user_key = e.user_key AND s.message_key = e.message_key AND s.time <= e.time AND s.time >= e.time - INTERVAL '7 days'
    WHERE s.stage = 1 AND e.stage NOT IN (1, 10, 11) AND e.real_dispatch_id IS NULL
  )
  WHERE nearness = 1
),
moved AS (
  SELECT dispatch_key, user_key, message_key, row_dispatch_key, row_user_key, 'address' AS rule FROM by_address
  UNION ALL
  SELECT dispatch_key, user_key, message_key, row_dispatch_key, user_key AS row_user_key, 'nearest_send' AS rule FROM by_nearest_send
),
placed AS (
  SELECT e.*, v.rule, coalesce(v.row_dispatch_key, e.dispatch_key) AS row_dispatch_key, coalesce(v.row_user_key, e.user_key) AS row_user_key
  FROM moved v
  RIGHT JOIN event e
    ON v.dispatch_key = e.dispatch_key AND v.user_key = e.user_key AND v.message_key = e.message_key
    AND (e.is_engagement OR v.rule = 'nearest_send')
),
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
    row_dispatch_key,
    row_user_key,
    bool_or(rule IS NULL AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(rule IS NULL AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 1), max(real_user_id)) AS user_id,
    coalesce(max(real_address) FILTER (WHERE stage = 1), max(real_address)) AS email_address,
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
    max(ip_pool) AS ip_pool,
    max(from_domain) AS from_domain,
    max(esp) AS esp,
    max(sending_ip) AS sending_ip,
    max(mailbox_provider) AS mailbox_provider,
    max(reason) FILTER (WHERE stage = 3) AS bounce_reason,
    max(reason) FILTER (WHERE stage = 4) AS soft_bounce_reason,
    max(reason) FILTER (WHERE stage = 5) AS deferral_reason,
    bool_or(is_drop) AS is_drop,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 1) AS sent_at,
    min(time) FILTER (WHERE stage = 2) AS delivered_at,
    max(time) FILTER (WHERE stage = 2) AS last_delivered_at,
    min(time) FILTER (WHERE stage = 3) AS bounced_at,
    max(time) FILTER (WHERE stage = 3) AS last_bounced_at,
    min(time) FILTER (WHERE stage = 4) AS soft_bounced_at,
    min(time) FILTER (WHERE stage = 5) AS deferred_at,
    min(time) FILTER (WHERE stage = 6) AS opened_at,
    min(time) FILTER (WHERE stage = 6 AND is_machine IS NULL) AS first_human_open_at,
    min(time) FILTER (WHERE stage = 6 AND is_machine) AS first_machine_open_at,
    min(time) FILTER (WHERE stage = 7) AS clicked_at,
    min(time) FILTER (WHERE stage = 7 AND is_machine IS NULL) AS first_human_click_at,
    min(time) FILTER (WHERE stage = 7 AND is_machine) AS first_bot_click_at,
    min(time) FILTER (WHERE stage = 8) AS unsubscribed_at,
    min(time) FILTER (WHERE stage = 9) AS spam_at,
    min(time) FILTER (WHERE stage = 10) AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 1) AS sends,
    count(*) FILTER (WHERE stage = 2) AS deliveries,
    count(*) FILTER (WHERE stage = 3) AS bounces,
    count(*) FILTER (WHERE stage = 4) AS soft_bounces,
    count(*) FILTER (WHERE stage = 5) AS deferrals,
    count(*) FILTER (WHERE stage = 6) AS opens,
    count(*) FILTER (WHERE stage = 6 AND is_machine IS NULL) AS human_opens,
    count(*) FILTER (WHERE stage = 6 AND is_machine) AS machine_opens,
    count(*) FILTER (WHERE stage = 7) AS clicks,
    count(*) FILTER (WHERE stage = 7 AND is_machine IS NULL) AS human_clicks,
    count(*) FILTER (WHERE stage = 7 AND is_machine) AS bot_clicks,
    count(*) FILTER (WHERE stage = 8) AS unsubscribes,
    count(*) FILTER (WHERE stage = 9) AS spam_reports,
    count(*) FILTER (WHERE stage = 10) AS aborts,
    count(*) FILTER (WHERE stage = 11) AS retries,
    count(rule) AS events_moved,
    bool_or(rule = 'address') AS by_address,
    bool_or(rule = 'nearest_send') AS by_nearest
  FROM placed
  GROUP BY row_dispatch_key, row_user_key, message_key
)
SELECT
  'email' AS channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
  email_address,
  nullif(split_part(email_address, '@', 2), '') AS recipient_domain,
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
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  delivered_at,
  bounced_at,
  soft_bounced_at,
  deferred_at,
  opened_at,
  first_human_open_at,
  first_machine_open_at,
  clicked_at,
  first_human_click_at,
  first_bot_click_at,
  unsubscribed_at,
  spam_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  deliveries,
  bounces,
  soft_bounces,
  deferrals,
  opens,
  human_opens,
  machine_opens,
  clicks,
  human_clicks,
  bot_clicks,
  unsubscribes,
  spam_reports,
  aborts,
  retries,
  bounce_reason,
  soft_bounce_reason,
  deferral_reason,
  is_drop,
  ip_pool,
  esp,
  sending_ip,
  from_domain,
  mailbox_provider,
  CASE
    WHEN spam_reports > 0 THEN 'spam'
    WHEN unsubscribes > 0 THEN 'unsubscribed'
    WHEN human_clicks > 0 THEN 'clicked'
    WHEN human_opens > 0 THEN 'opened'
    WHEN bounces > 0 AND (deliveries = 0 OR last_bounced_at > last_delivered_at) THEN 'bounced'
    WHEN deliveries + machine_opens + bot_clicks > 0 THEN 'delivered'
    WHEN soft_bounces + deferrals > 0 THEN 'delayed'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    ELSE 'retried'
  END AS outcome,
  CASE WHEN delivered_at < sent_at THEN 0 ELSE to_unixtime(delivered_at) - to_unixtime(sent_at) END AS seconds_to_delivery,
  CASE WHEN opened_at < sent_at THEN 0 ELSE to_unixtime(opened_at) - to_unixtime(sent_at) END AS seconds_to_open,
  CASE WHEN first_human_open_at < sent_at THEN 0 ELSE to_unixtime(first_human_open_at) - to_unixtime(sent_at) END AS seconds_to_human_open,
  CASE WHEN clicked_at < sent_at THEN 0 ELSE to_unixtime(clicked_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN first_human_click_at < sent_at THEN 0 ELSE to_unixtime(first_human_click_at) - to_unixtime(sent_at) END AS seconds_to_human_click,
  CASE
    WHEN sends = 0 THEN 'none'
    WHEN by_nearest THEN 'nearest_send'
    WHEN by_address OR (user_unknown AND email_address IS NOT NULL) THEN 'address'
    ELSE 'key'
  END AS matched_by,
  events_moved,
  CASE
    WHEN dispatch_unknown THEN row_dispatch_key
    WHEN user_unknown AND email_address IS NULL THEN row_user_key
  END AS unkeyed_event_id
FROM lifecycle

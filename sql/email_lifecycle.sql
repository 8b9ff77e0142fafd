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
-- opens = human_opens + machine_opens. A machine open is one whose machine_open is not null (mail privacy proxies).
-- clicks = human_clicks + bot_clicks. Bots are told apart only where the customer turned the filter on; otherwise all clicks are human.
-- bounces             final refusals (is_drop: dropped by the sending service itself). soft_bounces and deferrals are NOT final: a
--                     delivery may follow. Soft bounces were one per retry before 2025-02-25 and one per message since.
-- unsubscribes        clicks on the unsubscribe link, not a change of state: see users_behaviors_subscription_globalstatechange.
-- outcome             the furthest it went: spam, unsubscribed, clicked, opened (both human), delivered, bounced, delayed (soft bounce or
--                     deferral, no more), sent, aborted, retried. A machine's open or click only proves delivery.
-- seconds_to_*        from sent_at, 0 where the event's clock is ahead of the send's; null without a send.
-- matched_by          key; address = some events came from another profile and the address had exactly one recipient of this message in
--                     this dispatch; nearest_send = some events had no dispatch_id and went to the person's nearest earlier send of the
--                     same message within 7 days; none = no send. events_moved says how many events got here by the last two rules.
-- unkeyed_event_id    the event that made the row, where dispatch or user is missing or [REDACTED] (such an event never joins by key).
--
-- Traps: filter on event_date to choose sends; it does not prune files (queue_date does, but it can cut a lifecycle in two).
-- Two profiles with one address are two rows; Braze's own unique opens count addresses.
WITH
raw AS (
  SELECT 'send' AS stage, id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, from_domain,
    NULL AS esp, NULL AS sending_ip, NULL AS reason, NULL AS is_drop
  FROM users_messages_email_send
  UNION ALL
  SELECT 'delivery', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, ip_pool, from_domain, esp, sending_ip, NULL, NULL
  FROM users_messages_email_delivery
  UNION ALL
  SELECT 'bounce', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, ip_pool, from_domain, esp, sending_ip, bounce_reason, is_drop
  FROM users_messages_email_bounce
  UNION ALL
  SELECT 'soft_bounce', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, ip_pool, from_domain, esp, sending_ip, bounce_reason, NULL
  FROM users_messages_email_softbounce
  UNION ALL
  SELECT 'deferral', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, from_domain, esp, sending_ip, deferral_reason, NULL
  FROM users_messages_email_deferral
  UNION ALL
  SELECT CASE WHEN machine_open IS NOT NULL THEN 'machine_open' ELSE 'human_open' END, id, time, user_id, dispatch_id, email_address,
    message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, from_domain, esp, NULL, NULL, NULL
  FROM users_messages_email_open
  UNION ALL
  SELECT CASE WHEN coalesce(is_suspected_bot_click, false) THEN 'bot_click' ELSE 'human_click' END, id, time, user_id, dispatch_id,
    email_address, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, from_domain,
    esp, NULL, NULL, NULL
  FROM users_messages_email_click
  UNION ALL
  SELECT 'unsubscribe', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, ip_pool, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_unsubscribe
  UNION ALL
  SELECT 'spam', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name, NULL, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, ip_pool, from_domain, esp, NULL, NULL, NULL
  FROM users_messages_email_markasspam
  UNION ALL
  SELECT 'abort', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_abort
  UNION ALL
  SELECT 'retry', id, time, user_id, dispatch_id, email_address, message_variation_id, message_variation_name,
    canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
    canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, ip_pool, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_email_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id,
    lower(nullif(nullif(email_address, '[REDACTED]'), '')) AS real_address
  FROM raw
),
-- message_key prefers the Canvas step to the step's message variation: only Abort, Retry and Deferral carry the latter, and a Send without it
-- must still meet its Deferral. unkeyed_event_id keeps events with an incomplete key apart from each other.
event AS (
  SELECT c.*,
    coalesce(m.canonical_user_id, c.real_user_id) AS canonical_user_id,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'), nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key,
    CASE WHEN c.real_user_id IS NULL OR c.real_dispatch_id IS NULL THEN c.id END AS unkeyed_event_id
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
sent AS (
  SELECT id, time, real_dispatch_id, real_address, canonical_user_id, message_key, unkeyed_event_id FROM event WHERE stage = 'send'
),
-- Addresses that stand for exactly one recipient of a message in a dispatch.
sole_recipient AS (
  SELECT real_dispatch_id, message_key, real_address, max(canonical_user_id) AS canonical_user_id, max(unkeyed_event_id) AS unkeyed_event_id
  FROM sent
  WHERE real_dispatch_id IS NOT NULL AND real_address IS NOT NULL
  GROUP BY real_dispatch_id, message_key, real_address
  HAVING min(coalesce(canonical_user_id, id)) = max(coalesce(canonical_user_id, id))
),
nearest_send AS (
  SELECT event_id, real_dispatch_id, canonical_user_id, message_key, unkeyed_event_id
  FROM (
    SELECT
      l.id AS event_id, s.real_dispatch_id, s.canonical_user_id, s.message_key, s.unkeyed_event_id,
      row_number() OVER (PARTITION BY l.id ORDER BY s.time DESC, s.real_dispatch_id, s.id) AS nearness
    FROM event l
    JOIN sent s ON s.canonical_user_id = l.canonical_user_id AND s.message_key = l.message_key
      AND s.time <= l.time AND s.time >= l.time - INTERVAL '7 days'
    WHERE l.real_dispatch_id IS NULL AND l.stage NOT IN ('send', 'abort', 'retry')
  )
  WHERE nearness = 1
),
keyed AS (
  SELECT
    real_dispatch_id,
    canonical_user_id,
    message_key,
    unkeyed_event_id,
    max(real_user_id) FILTER (WHERE stage = 'send') AS sent_user_id,
    max(real_user_id) AS any_user_id,
    max(real_address) FILTER (WHERE stage = 'send') AS sent_address,
    max(real_address) AS any_address,
    max(message_variation_id) AS message_variation_id,
    max(message_variation_name) AS message_variation_name,
    max(canvas_step_message_variation_id) AS canvas_step_message_variation_id,
    max(campaign_id) AS campaign_id,
    max(campaign_name) AS campaign_name,
    max(canvas_id) AS canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    max(ip_pool) AS ip_pool,
    max(from_domain) AS from_domain,
    max(esp) AS esp,
    max(sending_ip) AS sending_ip,
    max(reason) FILTER (WHERE stage = 'bounce') AS bounce_reason,
    max(reason) FILTER (WHERE stage = 'soft_bounce') AS soft_bounce_reason,
    max(reason) FILTER (WHERE stage = 'deferral') AS deferral_reason,
    bool_or(is_drop) AS is_drop,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'delivery') AS delivered_at,
    max(time) FILTER (WHERE stage = 'delivery') AS last_delivered_at,
    min(time) FILTER (WHERE stage = 'bounce') AS bounced_at,
    max(time) FILTER (WHERE stage = 'bounce') AS last_bounced_at,
    min(time) FILTER (WHERE stage = 'soft_bounce') AS first_soft_bounce_at,
    min(time) FILTER (WHERE stage = 'deferral') AS first_deferral_at,
    min(time) FILTER (WHERE stage = 'human_open') AS first_human_open_at,
    min(time) FILTER (WHERE stage = 'machine_open') AS first_machine_open_at,
    min(time) FILTER (WHERE stage = 'human_click') AS first_human_click_at,
    min(time) FILTER (WHERE stage = 'bot_click') AS first_bot_click_at,
    min(time) FILTER (WHERE stage = 'unsubscribe') AS unsubscribed_at,
    min(time) FILTER (WHERE stage = 'spam') AS spam_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'delivery') AS deliveries,
    count(*) FILTER (WHERE stage = 'bounce') AS bounces,
    count(*) FILTER (WHERE stage = 'soft_bounce') AS soft_bounces,
    count(*) FILTER (WHERE stage = 'deferral') AS deferrals,
    count(*) FILTER (WHERE stage = 'human_open') AS human_opens,
    count(*) FILTER (WHERE stage = 'machine_open') AS machine_opens,
    count(*) FILTER (WHERE stage = 'human_click') AS human_clicks,
    count(*) FILTER (WHERE stage = 'bot_click') AS bot_clicks,
    count(*) FILTER (WHERE stage = 'unsubscribe') AS unsubscribes,
    count(*) FILTER (WHERE stage = 'spam') AS spam_reports,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries
  FROM event
  GROUP BY real_dispatch_id, canonical_user_id, message_key, unkeyed_event_id
),
-- Only engagement looks for another recipient: a group with a send, a delivery or any other trace of being mailed stays where it is.
seeking AS (
  SELECT *,
    CASE WHEN sends + deliveries + bounces + soft_bounces + deferrals + aborts + retries = 0 THEN any_address END AS sought_address
  FROM keyed
),
placed AS (
  SELECT
    g.*,
    CASE WHEN n.event_id IS NOT NULL THEN n.real_dispatch_id ELSE g.real_dispatch_id END AS row_dispatch_id,
    CASE
      WHEN n.event_id IS NOT NULL THEN n.canonical_user_id
      WHEN r.real_address IS NOT NULL THEN r.canonical_user_id
      ELSE g.canonical_user_id
    END AS row_user_id,
    CASE
      WHEN n.event_id IS NOT NULL THEN n.unkeyed_event_id
      WHEN r.real_address IS NOT NULL THEN r.unkeyed_event_id
      ELSE g.unkeyed_event_id
    END AS row_unkeyed_event_id,
    r.real_address IS NOT NULL AS by_address,
    n.event_id IS NOT NULL AS by_nearest
  FROM nearest_send n
  RIGHT JOIN (
    sole_recipient r
    RIGHT JOIN seeking g
      ON r.real_dispatch_id = g.real_dispatch_id AND r.message_key = g.message_key AND r.real_address = g.sought_address
  ) ON n.event_id = g.unkeyed_event_id
),
lifecycle AS (
  SELECT
    row_dispatch_id AS dispatch_id,
    row_user_id AS canonical_user_id,
    row_unkeyed_event_id AS unkeyed_event_id,
    coalesce(max(sent_user_id), max(any_user_id)) AS user_id,
    coalesce(max(sent_address), max(any_address)) AS email_address,
    max(message_variation_id) AS message_variation_id,
    max(message_variation_name) AS message_variation_name,
    max(canvas_step_message_variation_id) AS canvas_step_message_variation_id,
    max(campaign_id) AS campaign_id,
    max(campaign_name) AS campaign_name,
    max(canvas_id) AS canvas_id,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    max(ip_pool) AS ip_pool,
    max(from_domain) AS from_domain,
    max(esp) AS esp,
    max(sending_ip) AS sending_ip,
    max(bounce_reason) AS bounce_reason,
    max(soft_bounce_reason) AS soft_bounce_reason,
    max(deferral_reason) AS deferral_reason,
    bool_or(is_drop) AS is_drop,
    min(first_event_at) AS first_event_at,
    max(last_event_at) AS last_event_at,
    min(sent_at) AS sent_at,
    min(delivered_at) AS delivered_at,
    max(last_delivered_at) AS last_delivered_at,
    min(bounced_at) AS bounced_at,
    max(last_bounced_at) AS last_bounced_at,
    min(first_soft_bounce_at) AS first_soft_bounce_at,
    min(first_deferral_at) AS first_deferral_at,
    min(first_human_open_at) AS first_human_open_at,
    min(first_machine_open_at) AS first_machine_open_at,
    min(first_human_click_at) AS first_human_click_at,
    min(first_bot_click_at) AS first_bot_click_at,
    min(unsubscribed_at) AS unsubscribed_at,
    min(spam_at) AS spam_at,
    min(aborted_at) AS aborted_at,
    sum(events) AS events,
    sum(sends) AS sends,
    sum(deliveries) AS deliveries,
    sum(bounces) AS bounces,
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
    bool_or(by_address) AS by_address,
    bool_or(by_nearest) AS by_nearest,
    sum(CASE WHEN by_address OR by_nearest THEN events ELSE 0 END) AS events_moved
  FROM placed
  GROUP BY row_dispatch_id, row_user_id, message_key, row_unkeyed_event_id
)
SELECT
  'email' AS channel,
  dispatch_id,
  user_id,
  canonical_user_id,
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
  first_soft_bounce_at,
  first_deferral_at,
  least(first_human_open_at, first_machine_open_at) AS opened_at,
  first_human_open_at,
  first_machine_open_at,
  least(first_human_click_at, first_bot_click_at) AS clicked_at,
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
  human_opens + machine_opens AS opens,
  human_opens,
  machine_opens,
  human_clicks + bot_clicks AS clicks,
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
  CASE WHEN least(first_human_open_at, first_machine_open_at) < sent_at THEN 0 ELSE to_unixtime(least(first_human_open_at, first_machine_open_at)) - to_unixtime(sent_at) END AS seconds_to_open,
  CASE WHEN first_human_open_at < sent_at THEN 0 ELSE to_unixtime(first_human_open_at) - to_unixtime(sent_at) END AS seconds_to_human_open,
  CASE WHEN least(first_human_click_at, first_bot_click_at) < sent_at THEN 0 ELSE to_unixtime(least(first_human_click_at, first_bot_click_at)) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN first_human_click_at < sent_at THEN 0 ELSE to_unixtime(first_human_click_at) - to_unixtime(sent_at) END AS seconds_to_human_click,
  CASE WHEN sends = 0 THEN 'none' WHEN by_nearest THEN 'nearest_send' WHEN by_address THEN 'address' ELSE 'key' END AS matched_by,
  events_moved,
  unkeyed_event_id
FROM lifecycle

-- Every email open, with whether it is unique by Braze's rule and whether a person or a machine opened.
-- Grain: one row per event of users.messages.email.Open; nothing is left out, so count(*) is the number of opens.
--
-- What is counted: count(*) FILTER (WHERE is_unique) is Braze's "unique opens". Its rule: opens are lined up by time within workspace, message,
-- dispatch and EMAIL ADDRESS. The first one counts; a later one counts again only if at least 7 days lie between it and the one before it,
-- counted or not. (Opens on days 0, 6 and 12 are one unique open.)
--
-- is_unique           by that rule over all opens, machine opens among them, as Braze reports.
-- is_human            machine_open is null. A machine open (mail privacy proxies) is one whose machine_open is not null, whatever it says.
-- is_unique_human     the same rule over the human opens alone; a machine open neither counts nor hides a human one.
-- previous_open_at    the open before it in its line; null for the first.
-- lined_up_by         dispatch; send_time (the dispatch is missing or [REDACTED], the exact time of the send is known); message (neither is:
--                     all sends of the message to the address are one line); event (nothing tells which mail it was, or whose: it stands
--                     alone and is unique).
-- email_address       in lower case. Where it is missing or [REDACTED] the person stands for it, so that strangers never share a line.
-- user_id             as delivered; canonical_user_id is the person after all merges; both null where missing or [REDACTED].
-- message_id          message variation, else Canvas step.
-- event_time          the event's own clock, event_date its UTC day; queue_date is the day Braze queued it.
--
-- Traps: two profiles with one address are one line here and two rows in email_lifecycle, so the two differ by design. A line may begin
-- before the day you filter on: filters on campaign_id, canvas_id and dispatch_id are applied before opens are lined up, those on dates and
-- users after.
WITH
clean AS (
  SELECT
    id, time, queue_date, message_variation_id, message_variation_name, campaign_id, campaign_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, send_id, timezone, from_domain, ip_pool, esp,
    machine_open, user_agent, browser, device_class, device_model, device_os, mailbox_provider, is_amp,
    machine_open IS NULL AS is_human,
    nullif(nullif(user_id, '[REDACTED]'), '') AS user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS dispatch_id,
    lower(nullif(nullif(email_address, '[REDACTED]'), '')) AS email_address,
    nullif(app_group_id, '[REDACTED]') AS app_group_id,
    send_time,
    coalesce(nullif(message_variation_id, '[REDACTED]'), nullif(canvas_step_id, '[REDACTED]'), '') AS message_key
  FROM users_messages_email_open
),
-- What nothing is known of is keyed by its own id, so that such events never share a line.
placed AS (
  SELECT c.*,
    coalesce(m.canonical_user_id, c.user_id) AS canonical_user_id,
    CASE
      WHEN coalesce(c.email_address, c.user_id) IS NULL THEN 'event'
      WHEN c.dispatch_id IS NOT NULL THEN 'dispatch'
      WHEN c.send_time IS NOT NULL THEN 'send_time'
      WHEN c.message_key <> '' THEN 'message'
      ELSE 'event'
    END AS lined_up_by
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.user_id
),
keyed AS (
  SELECT *,
    CASE lined_up_by WHEN 'send_time' THEN send_time END AS send_time_key,
    CASE lined_up_by WHEN 'event' THEN id ELSE coalesce(email_address, canonical_user_id) END AS address_key
  FROM placed
),
-- A message has one campaign or Canvas: they are in the key only so that a filter on them reaches the table.
lined_up AS (
  SELECT *,
    max(time) OVER before AS previous_open_at,
    max(CASE WHEN is_human THEN time END) OVER before AS previous_human_at
  FROM keyed
  WINDOW before AS (
    PARTITION BY campaign_id, canvas_id, dispatch_id, app_group_id, message_key, send_time_key, address_key
    ORDER BY time, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  )
)
SELECT
  id,
  time AS event_time,
  CAST(time AS DATE) AS event_date,
  queue_date,
  coalesce(time >= previous_open_at + INTERVAL '7 days', previous_open_at IS NULL) AS is_unique,
  is_human,
  is_human AND coalesce(time >= previous_human_at + INTERVAL '7 days', previous_human_at IS NULL) AS is_unique_human,
  previous_open_at,
  lined_up_by,
  dispatch_id,
  user_id,
  canonical_user_id,
  email_address,
  nullif(split_part(email_address, '@', 2), '') AS recipient_domain,
  coalesce(message_variation_id, canvas_step_id) AS message_id,
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
  app_group_id,
  send_id,
  send_time,
  timezone,
  from_domain,
  ip_pool,
  esp,
  machine_open,
  user_agent,
  browser,
  device_class,
  device_model,
  device_os,
  mailbox_provider,
  is_amp
FROM lined_up

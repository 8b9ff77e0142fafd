-- What became of every webhook: called, failed and tried again, failed for good, aborted.
-- Grain: one row per dispatch, person and message. An event that cannot be put to a send keeps a row (sent_at null), so every count sums
-- back to the events of its table.
--
-- What is counted: each users.messages.webhook.* event once, in exactly one row.
-- Rows are put together by (dispatch_id, canonical_user_id, message). A failure without dispatch_id goes to the nearest earlier send of the
-- same message for the same person within 7 days.
--
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- failures            final: nothing follows (is_terminal, or not told). delays are attempts that failed and are tried again. failed_attempts
--                     is the sum of both; a success is not told, so attempts as such cannot be counted.
-- http_status_code, webhook_failure_source, webhook_duration_ms, host, url_path   of the last failed attempt. No status code means that no
--                     answer came.
-- retry_count         the highest number of earlier tries that a failure named.
-- failed_at           the final failure; delayed_at the first attempt that was tried again.
-- outcome             failed, delayed (an attempt failed, no final failure was told), sent, aborted, retried.
-- seconds_to_failure  from sent_at to failed_at, 0 where the event's clock is behind the send's; null without a send.
-- matched_by          key; nearest_send = some events came by the rule for events without dispatch_id; none = no send.
-- events_moved        how many events came by nearest_send.
-- unkeyed_event_id    the event that made the row, where the dispatch or the user is missing or [REDACTED] (such an event never joins by
--                     key).
--
-- Traps: outcome sent means that no failure was reported, not that the endpoint did its work. retries are Braze's own second attempts to
-- start the call, failed_attempts are answers of the endpoint. Filter on event_date to choose sends; it does not prune files.
WITH
raw AS (
  SELECT 'send' AS stage, id, time, user_id, dispatch_id, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL AS http_status_code,
    NULL AS webhook_failure_source, NULL AS webhook_duration, NULL AS host, NULL AS url_path, NULL AS retry_count
  FROM users_messages_webhook_send
  UNION ALL
  SELECT CASE WHEN coalesce(is_terminal, true) THEN 'failure' ELSE 'delay' END, id, time, user_id, dispatch_id, message_variation_id,
    message_variation_name, canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, NULL, http_status_code, webhook_failure_source,
    webhook_duration, host, url_path, retry_count
  FROM users_messages_webhook_failure
  UNION ALL
  SELECT 'abort', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_webhook_abort
  UNION ALL
  SELECT 'retry', id, time, user_id, dispatch_id, message_variation_id, message_variation_name, canvas_step_message_variation_id,
    campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    app_group_id, send_id, timezone, NULL, NULL, NULL, NULL, NULL, NULL
  FROM users_messages_webhook_retry
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(dispatch_id, '[REDACTED]'), '') AS real_dispatch_id
  FROM raw
),
-- An event whose dispatch or user is unknown is keyed by its own id, so that such events never join each other.
-- message_key prefers the Canvas step to the step's message variation: a Failure carries the latter, a Send does not, and they must meet.
event AS (
  SELECT c.*,
    coalesce(c.real_dispatch_id, c.id) AS dispatch_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.id) AS user_key,
    coalesce(
      nullif(c.message_variation_id, '[REDACTED]'), nullif(c.canvas_step_id, '[REDACTED]'),
      nullif(c.canvas_step_message_variation_id, '[REDACTED]'), ''
    ) AS message_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
by_nearest_send AS (
  SELECT dispatch_key, row_dispatch_key
  FROM (
    SELECT
      e.dispatch_key, s.dispatch_key AS row_dispatch_key,
      row_number() OVER (PARTITION BY e.id ORDER BY s.time DESC, s.dispatch_key) AS nearness
    FROM event e
    JOIN event s ON s.user_key = e.user_key AND s.message_key = e.message_key AND s.time <= e.time AND s.time >= e.time - INTERVAL '7 days'
    WHERE s.stage = 'send' AND e.stage IN ('failure', 'delay') AND e.real_dispatch_id IS NULL
  )
  WHERE nearness = 1
),
-- Only events without a dispatch are moved, and their dispatch_key is their own id.
placed AS (
  SELECT e.*, v.row_dispatch_key IS NOT NULL AS is_moved, coalesce(v.row_dispatch_key, e.dispatch_key) AS row_dispatch_key
  FROM by_nearest_send v
  RIGHT JOIN event e ON v.dispatch_key = e.dispatch_key
),
-- What a message is called is said by the events that have its key: one that was moved to it may name less, or another.
lifecycle AS (
  SELECT
    row_dispatch_key,
    user_key AS row_user_key,
    bool_or(NOT is_moved AND real_dispatch_id IS NULL) AS dispatch_unknown,
    bool_or(NOT is_moved AND real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'send'), max(real_user_id)) AS user_id,
    max(message_variation_id) FILTER (WHERE NOT is_moved) AS message_variation_id,
    max(message_variation_name) FILTER (WHERE NOT is_moved) AS message_variation_name,
    max(canvas_step_message_variation_id) FILTER (WHERE NOT is_moved) AS canvas_step_message_variation_id,
    max(campaign_id) FILTER (WHERE NOT is_moved) AS campaign_id,
    max(campaign_name) FILTER (WHERE NOT is_moved) AS campaign_name,
    max(canvas_id) FILTER (WHERE NOT is_moved) AS canvas_id,
    max(canvas_name) FILTER (WHERE NOT is_moved) AS canvas_name,
    max(canvas_variation_id) FILTER (WHERE NOT is_moved) AS canvas_variation_id,
    max(canvas_variation_name) FILTER (WHERE NOT is_moved) AS canvas_variation_name,
    max(canvas_step_id) FILTER (WHERE NOT is_moved) AS canvas_step_id,
    max(canvas_step_name) FILTER (WHERE NOT is_moved) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    first_value(http_status_code ORDER BY time DESC, id DESC) FILTER (WHERE stage IN ('failure', 'delay')) AS http_status_code,
    first_value(webhook_failure_source ORDER BY time DESC, id DESC) FILTER (WHERE stage IN ('failure', 'delay')) AS webhook_failure_source,
    first_value(webhook_duration ORDER BY time DESC, id DESC) FILTER (WHERE stage IN ('failure', 'delay')) AS webhook_duration_ms,
    first_value(host ORDER BY time DESC, id DESC) FILTER (WHERE stage IN ('failure', 'delay')) AS host,
    first_value(url_path ORDER BY time DESC, id DESC) FILTER (WHERE stage IN ('failure', 'delay')) AS url_path,
    max(retry_count) AS retry_count,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'failure') AS failed_at,
    min(time) FILTER (WHERE stage = 'delay') AS delayed_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'failure') AS failures,
    count(*) FILTER (WHERE stage = 'delay') AS delays,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'retry') AS retries,
    count(*) FILTER (WHERE is_moved) AS events_moved
  FROM placed
  GROUP BY row_dispatch_key, user_key, message_key
)
SELECT
  'webhook' AS channel,
  CASE WHEN NOT dispatch_unknown THEN row_dispatch_key END AS dispatch_id,
  user_id,
  CASE WHEN NOT user_unknown THEN row_user_key END AS canonical_user_id,
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
  failed_at,
  delayed_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  failures + delays AS failed_attempts,
  failures,
  delays,
  aborts,
  retries,
  http_status_code,
  webhook_failure_source,
  webhook_duration_ms,
  host,
  url_path,
  retry_count,
  CASE
    WHEN failures > 0 THEN 'failed'
    WHEN delays > 0 THEN 'delayed'
    WHEN sends > 0 THEN 'sent'
    WHEN aborts > 0 THEN 'aborted'
    ELSE 'retried'
  END AS outcome,
  CASE WHEN failed_at < sent_at THEN 0 ELSE to_unixtime(failed_at) - to_unixtime(sent_at) END AS seconds_to_failure,
  CASE WHEN sends = 0 THEN 'none' WHEN events_moved > 0 THEN 'nearest_send' ELSE 'key' END AS matched_by,
  events_moved,
  CASE WHEN dispatch_unknown THEN row_dispatch_key WHEN user_unknown THEN row_user_key END AS unkeyed_event_id
FROM lifecycle

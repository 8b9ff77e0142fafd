-- What became of every Content Card: made available, seen, clicked, dismissed.
-- Grain: one row per campaign (or Canvas), card and person. A card belongs to one campaign, so this is one row per card and person. An event whose
-- card has no Send keeps a row (sent_at null), so every count sums back to the events of its table.
--
-- What is counted: each users.messages.contentcard.* event once, in exactly one row. Rows are put together by content_card_id, which
-- follows a card exactly; neither dispatch_id nor time plays a part.
--
-- user_id             the profile the card was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- sends               the card was made available. Whether it was ever fetched is not told.
-- impressions, clicks repeat; rows with impressions > 0 are Braze's unique impressions, and its click rate is rows with clicks > 0 over those.
--                     Nothing tells software from people here: there are no machine impressions and no bot clicks to leave out.
-- marked_unique_*     events that Braze itself marks as unique; 0 in files from before version 11, which carry no mark.
-- dismissals          the person swiped the card away.
-- outcome             the furthest it went: clicked, dismissed, seen, sent, aborted.
-- seconds_to_*        from sent_at to the first one, 0 where the phone's clock is behind the send's; null without a send.
-- matched_by          key; none = no send.
-- unkeyed_event_id    the event that made the row, where the card or the user is missing or [REDACTED] (such an event never joins by key).
--
-- Traps: an Abort has no card and always stands alone. Not every seen card has a Send in the warehouse: it may have been sent before the
-- export began. Filters on campaign_id and canvas_id are applied before rows are put together; one on event_date is not.
WITH
raw AS (
  SELECT 'send' AS stage, id, time, user_id, content_card_id, message_variation_id, message_variation_name,
    NULL AS canvas_step_message_variation_id, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone, NULL AS app_id, NULL AS platform,
    NULL AS abort_type, NULL AS is_unique
  FROM users_messages_contentcard_send
  UNION ALL
  SELECT 'impression', id, time, user_id, content_card_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    app_id, platform, NULL, is_unique
  FROM users_messages_contentcard_impression
  UNION ALL
  SELECT 'click', id, time, user_id, content_card_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    app_id, platform, NULL, is_unique
  FROM users_messages_contentcard_click
  UNION ALL
  SELECT 'dismissal', id, time, user_id, content_card_id, message_variation_id, message_variation_name, NULL, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id, send_id, timezone,
    app_id, platform, NULL, is_unique
  FROM users_messages_contentcard_dismiss
  UNION ALL
  SELECT 'abort', id, time, user_id, NULL, message_variation_id, message_variation_name, canvas_step_message_variation_id, campaign_id,
    campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, app_group_id,
    send_id, timezone, NULL, NULL, abort_type, NULL
  FROM users_messages_contentcard_abort
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    nullif(nullif(content_card_id, '[REDACTED]'), '') AS real_card_id
  FROM raw
),
-- An event whose card or user is unknown is keyed by its own id, so that such events never join each other.
event AS (
  SELECT c.*,
    coalesce(c.real_card_id, c.id) AS card_key,
    coalesce(m.canonical_user_id, c.real_user_id, c.id) AS user_key
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.real_user_id
),
-- Campaign and Canvas are in the key so that a filter on them reaches the tables.
engagement AS (
  SELECT
    campaign_id,
    canvas_id,
    card_key,
    user_key,
    bool_or(real_card_id IS NULL) AS card_unknown,
    bool_or(real_user_id IS NULL) AS user_unknown,
    coalesce(max(real_user_id) FILTER (WHERE stage = 'send'), max(real_user_id)) AS user_id,
    max(message_variation_id) AS message_variation_id,
    max(message_variation_name) AS message_variation_name,
    max(canvas_step_message_variation_id) AS canvas_step_message_variation_id,
    max(campaign_name) AS campaign_name,
    max(canvas_name) AS canvas_name,
    max(canvas_variation_id) AS canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    max(canvas_step_id) AS canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    max(app_group_id) AS app_group_id,
    max(send_id) AS send_id,
    max(timezone) AS timezone,
    max(app_id) AS app_id,
    max(platform) AS platform,
    max(abort_type) AS abort_type,
    min(time) AS first_event_at,
    max(time) AS last_event_at,
    min(time) FILTER (WHERE stage = 'send') AS sent_at,
    min(time) FILTER (WHERE stage = 'impression') AS first_impression_at,
    max(time) FILTER (WHERE stage = 'impression') AS last_impression_at,
    min(time) FILTER (WHERE stage = 'click') AS clicked_at,
    min(time) FILTER (WHERE stage = 'dismissal') AS dismissed_at,
    min(time) FILTER (WHERE stage = 'abort') AS aborted_at,
    count(*) AS events,
    count(*) FILTER (WHERE stage = 'send') AS sends,
    count(*) FILTER (WHERE stage = 'impression') AS impressions,
    count(*) FILTER (WHERE stage = 'click') AS clicks,
    count(*) FILTER (WHERE stage = 'dismissal') AS dismissals,
    count(*) FILTER (WHERE stage = 'abort') AS aborts,
    count(*) FILTER (WHERE stage = 'impression' AND is_unique) AS marked_unique_impressions,
    count(*) FILTER (WHERE stage = 'click' AND is_unique) AS marked_unique_clicks
  FROM event
  GROUP BY campaign_id, canvas_id, card_key, user_key
)
SELECT
  'contentcard' AS channel,
  CASE WHEN NOT card_unknown THEN card_key END AS content_card_id,
  user_id,
  CASE WHEN NOT user_unknown THEN user_key END AS canonical_user_id,
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
  app_id,
  platform,
  coalesce(sent_at, first_event_at) AS event_time,
  CAST(coalesce(sent_at, first_event_at) AS DATE) AS event_date,
  sent_at,
  first_impression_at,
  last_impression_at,
  clicked_at,
  dismissed_at,
  aborted_at,
  last_event_at,
  events,
  sends,
  impressions,
  clicks,
  dismissals,
  aborts,
  marked_unique_impressions,
  marked_unique_clicks,
  abort_type,
  CASE
    WHEN clicks > 0 THEN 'clicked'
    WHEN dismissals > 0 THEN 'dismissed'
    WHEN impressions > 0 THEN 'seen'
    WHEN sends > 0 THEN 'sent'
    ELSE 'aborted'
  END AS outcome,
  CASE WHEN first_impression_at < sent_at THEN 0 ELSE to_unixtime(first_impression_at) - to_unixtime(sent_at) END AS seconds_to_impression,
  CASE WHEN clicked_at < sent_at THEN 0 ELSE to_unixtime(clicked_at) - to_unixtime(sent_at) END AS seconds_to_click,
  CASE WHEN sends = 0 THEN 'none' ELSE 'key' END AS matched_by,
  CASE WHEN card_unknown THEN card_key WHEN user_unknown THEN user_key END AS unkeyed_event_id
FROM engagement

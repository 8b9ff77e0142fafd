-- What people bought after which message: revenue by the last message that reached them before the purchase.
-- Grain: one row per UTC day of the purchase, currency, and message of the last touch (channel, touch, campaign and variation, or Canvas,
-- variation and step). Purchases with no touch in the 30 days before share a row per day and currency (touch null).
--
-- What is counted: each users.behaviors.Purchase event once, in exactly one row, so that purchases, returns and revenue add up to those of
-- the view purchases. No purchase is counted for two messages.
--
-- touch              what the last touch was: click (human), open (human) or send, whichever came last, at or before the purchase, of email,
--                    push, sms, whatsapp, rcs and line, to the same person. Machine opens and suspected bot clicks are no touches.
-- purchases          sales, products one by one; returns are the events with a negative price. buyers: different people with a sale.
-- revenue            gross less returned, in currency, exact. A return counts for the last touch before the return.
-- revenue_1d, _3d, _7d   the part of revenue at most 1, 3, 7 days after the touch: choose the window you believe in. revenue itself is at most
--                    30 days after it, or unlimited in the row without a touch (there the others are 0).
-- source             campaign, canvas, or api for a message with neither.
--
-- Traps: after a message is not because of it: compare with a control group before believing. Most people get a message in any 30 days, so
-- look at touch = 'click' or at revenue_1d. buyers of several rows do not add up. Never add up currencies. A purchase of a missing or
-- [REDACTED] user has no touch. A filter on event_date leaves out no files: the messages before the day are needed.
WITH
raw AS (
  SELECT 'email' AS channel, 'send' AS touch, id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_email_send
  UNION ALL
  SELECT 'email', 'open', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_email_open
  WHERE machine_open IS NULL
  UNION ALL
  SELECT 'email', 'click', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_email_click
  WHERE NOT coalesce(is_suspected_bot_click, false)
  UNION ALL
  SELECT 'push', 'send', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_pushnotification_send
  UNION ALL
  SELECT 'push', 'open', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_pushnotification_open
  UNION ALL
  SELECT 'sms', 'send', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_sms_send
  UNION ALL
  SELECT 'sms', 'click', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_sms_shortlinkclick
  WHERE NOT coalesce(is_suspected_bot_click, false)
  UNION ALL
  SELECT 'whatsapp', 'send', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_whatsapp_send
  UNION ALL
  SELECT 'whatsapp', 'click', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_whatsapp_click
  UNION ALL
  SELECT 'rcs', 'send', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_rcs_send
  UNION ALL
  SELECT 'rcs', 'click', id, time, user_id, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_rcs_click
  WHERE NOT coalesce(is_suspected_bot_click, false)
  UNION ALL
  SELECT 'line', 'send', id, time, user_id, campaign_id, campaign_name, message_variation_id, NULL, canvas_id, NULL, canvas_variation_id, NULL,
    canvas_step_id, canvas_step_name
  FROM users_messages_line_send
  UNION ALL
  SELECT 'line', 'click', id, time, user_id, campaign_id, campaign_name, message_variation_id, NULL, canvas_id, NULL, canvas_variation_id, NULL,
    canvas_step_id, canvas_step_name
  FROM users_messages_line_click
  WHERE NOT coalesce(is_suspected_bot_click, false)
),
buyer AS (
  SELECT DISTINCT canonical_user_id AS person FROM purchases
),
touch AS (
  SELECT r.*, coalesce(m.canonical_user_id, r.user_id) AS person
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
),
-- Messages and purchases of the buyers on one line of time.
step AS (
  SELECT person, time, 0 AS is_purchase, CASE touch WHEN 'send' THEN 0 WHEN 'open' THEN 1 ELSE 2 END AS strength, id,
    time AS touched_at, channel, touch, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name,
    NULL AS currency, CAST(NULL AS DECIMAL(18, 4)) AS amount, CAST(NULL AS DECIMAL(18, 4)) AS gross, CAST(NULL AS DECIMAL(18, 4)) AS returned,
    CAST(NULL AS BOOLEAN) AS is_return
  FROM touch
  WHERE person IN (SELECT person FROM buyer WHERE person IS NOT NULL)
  UNION ALL
  SELECT canonical_user_id, event_time, 1, 0, id, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    currency, amount, gross, returned, is_return
  FROM purchases
),
-- A touch opens a group; the purchases up to the next touch are in it. Group 0 comes before any touch.
grouped AS (
  SELECT *,
    sum(1 - is_purchase) OVER (
      PARTITION BY person ORDER BY time, is_purchase, strength, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS touch_number
  FROM step
),
attributed AS (
  SELECT
    id, person, time, is_purchase, currency, amount, gross, returned, is_return,
    first_value(touched_at) OVER w AS touched_at,
    first_value(channel) OVER w AS channel,
    first_value(touch) OVER w AS touch,
    first_value(campaign_id) OVER w AS campaign_id,
    first_value(campaign_name) OVER w AS campaign_name,
    first_value(message_variation_id) OVER w AS message_variation_id,
    first_value(message_variation_name) OVER w AS message_variation_name,
    first_value(canvas_id) OVER w AS canvas_id,
    first_value(canvas_name) OVER w AS canvas_name,
    first_value(canvas_variation_id) OVER w AS canvas_variation_id,
    first_value(canvas_variation_name) OVER w AS canvas_variation_name,
    first_value(canvas_step_id) OVER w AS canvas_step_id,
    first_value(canvas_step_name) OVER w AS canvas_step_name
  FROM grouped
  WINDOW w AS (PARTITION BY person, touch_number ORDER BY is_purchase, time, id)
),
-- A touch too long ago is none.
purchase AS (
  SELECT
    CAST(time AS DATE) AS event_date, person, currency, amount, gross, returned, is_return,
    touched_at >= time - INTERVAL '1 day' AS within_1d,
    touched_at >= time - INTERVAL '3 days' AS within_3d,
    touched_at >= time - INTERVAL '7 days' AS within_7d,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN channel END AS channel,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN touch END AS touch,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN campaign_id END AS campaign_id,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN campaign_name END AS campaign_name,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN message_variation_id END AS message_variation_id,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN message_variation_name END AS message_variation_name,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_id END AS canvas_id,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_name END AS canvas_name,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_variation_id END AS canvas_variation_id,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_variation_name END AS canvas_variation_name,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_step_id END AS canvas_step_id,
    CASE WHEN touched_at >= time - INTERVAL '30 days' THEN canvas_step_name END AS canvas_step_name
  FROM attributed
  WHERE is_purchase = 1
),
day AS (
  SELECT
    event_date,
    currency,
    channel,
    touch,
    campaign_id,
    max(campaign_name) AS campaign_name,
    message_variation_id,
    max(message_variation_name) AS message_variation_name,
    canvas_id,
    max(canvas_name) AS canvas_name,
    canvas_variation_id,
    max(canvas_variation_name) AS canvas_variation_name,
    canvas_step_id,
    max(canvas_step_name) AS canvas_step_name,
    count(*) FILTER (WHERE NOT coalesce(is_return, false)) AS purchases,
    count(*) FILTER (WHERE is_return) AS returns,
    count(DISTINCT CASE WHEN NOT coalesce(is_return, false) THEN person END) AS buyers,
    sum(amount) AS revenue,
    sum(gross) AS gross,
    sum(returned) AS returned,
    sum(CASE WHEN within_1d THEN amount ELSE 0 END) AS revenue_1d,
    sum(CASE WHEN within_3d THEN amount ELSE 0 END) AS revenue_3d,
    sum(CASE WHEN within_7d THEN amount ELSE 0 END) AS revenue_7d
  FROM purchase
  GROUP BY event_date, currency, channel, touch, campaign_id, message_variation_id, canvas_id, canvas_variation_id, canvas_step_id
)
SELECT
  event_date,
  currency,
  channel,
  touch,
  CASE
    WHEN campaign_id IS NOT NULL THEN 'campaign'
    WHEN canvas_id IS NOT NULL OR canvas_step_id IS NOT NULL THEN 'canvas'
    WHEN touch IS NOT NULL THEN 'api'
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
  purchases,
  returns,
  buyers,
  revenue,
  gross,
  returned,
  revenue_1d,
  revenue_3d,
  revenue_7d
FROM day

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
-- [REDACTED] user has no touch. A filter on event_date leaves out no files of messages, and who bought is read
-- from all purchases.
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
-- Each touch of a buyer holds until the next one. Of several in one second the strongest is the last.
held AS (
  SELECT t.*,
    lead(time) OVER (PARTITION BY person ORDER BY time, CASE touch WHEN 'send' THEN 0 WHEN 'open' THEN 1 ELSE 2 END, id) AS next_at
  FROM touch t
  WHERE person IN (SELECT person FROM buyer WHERE person IS NOT NULL)
),
-- So a purchase meets one touch at most.
purchase AS (
  SELECT
    p.event_date, p.canonical_user_id AS person, p.currency, p.amount, p.gross, p.returned, p.is_return,
    t.time >= p.event_time - INTERVAL '1 day' AS within_1d,
    t.time >= p.event_time - INTERVAL '3 days' AS within_3d,
    t.time >= p.event_time - INTERVAL '7 days' AS within_7d,
    t.channel, t.touch, t.campaign_id, t.campaign_name, t.message_variation_id, t.message_variation_name, t.canvas_id, t.canvas_name,
    t.canvas_variation_id, t.canvas_variation_name, t.canvas_step_id, t.canvas_step_name
  FROM purchases p
  LEFT JOIN held t
    ON t.person = p.canonical_user_id AND t.time <= p.event_time AND coalesce(p.event_time < t.next_at, true)
    AND t.time >= p.event_time - INTERVAL '30 days'
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

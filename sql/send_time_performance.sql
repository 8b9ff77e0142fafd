-- When to send: what became of messages by the recipient's own weekday and hour of sending.
-- Grain: one row per channel, campaign or Canvas, local weekday and local hour of the send.
--
-- What is counted: each row of dispatch_lifecycle with a send, once: a message per dispatch and person, for push also per device. Engagement
-- counts for the hour of its SEND, whenever it happened.
--
-- local_weekday       1 Monday to 7 Sunday, local_hour 0 to 23, both in the recipient's time zone at that moment, summer time included.
--                     Null where the zone is unknown (RCS never says it) or no IANA name: not guessed, not UTC.
-- messages, delivered, failed, opened, human_opened, clicked, human_clicked, replied, unsubscribed, complained   messages with at least one
--                     such event; human_* without machine opens and suspected bot clicks. All of them add up over campaigns and hours.
-- delivery_rate, unsubscribe_rate, complaint_rate   over messages.
-- human_open_rate, human_click_rate   over delivered messages; null in channels that report no deliveries.
--
-- Traps: campaigns choose their hours: compare hours within a campaign before comparing them across. Filter on campaign_id or canvas_id to
-- choose messages; it does not prune files.
WITH
message AS (
  SELECT *,
    -- date_part begins the week with Sunday, 0.
    CAST((date_part('dow', local_at) + 6) % 7 + 1 AS BIGINT) AS local_weekday,
    CAST(date_part('hour', local_at) AS BIGINT) AS local_hour
  FROM (SELECT *, local_time(sent_at, timezone) AS local_at FROM dispatch_lifecycle WHERE sent_at IS NOT NULL)
),
hour AS (
  SELECT
    channel,
    source,
    campaign_id,
    max(campaign_name) AS campaign_name,
    canvas_id,
    max(canvas_name) AS canvas_name,
    local_weekday,
    local_hour,
    count(*) AS messages,
    count(*) FILTER (WHERE deliveries > 0) AS delivered,
    count(*) FILTER (WHERE failures > 0) AS failed,
    count(*) FILTER (WHERE opens > 0) AS opened,
    count(*) FILTER (WHERE human_opens > 0) AS human_opened,
    count(*) FILTER (WHERE clicks > 0) AS clicked,
    count(*) FILTER (WHERE human_clicks > 0) AS human_clicked,
    count(*) FILTER (WHERE replies > 0) AS replied,
    count(*) FILTER (WHERE unsubscribes > 0) AS unsubscribed,
    count(*) FILTER (WHERE spam_reports > 0) AS complained
  FROM message
  GROUP BY channel, source, campaign_id, canvas_id, local_weekday, local_hour
)
SELECT
  channel,
  source,
  campaign_id,
  campaign_name,
  canvas_id,
  canvas_name,
  local_weekday,
  local_hour,
  messages,
  delivered,
  failed,
  opened,
  human_opened,
  clicked,
  human_clicked,
  replied,
  unsubscribed,
  complained,
  CAST(delivered AS DOUBLE) / messages AS delivery_rate,
  CAST(human_opened AS DOUBLE) / nullif(delivered, 0) AS human_open_rate,
  CAST(human_clicked AS DOUBLE) / nullif(delivered, 0) AS human_click_rate,
  CAST(unsubscribed AS DOUBLE) / messages AS unsubscribe_rate,
  CAST(complained AS DOUBLE) / messages AS complaint_rate
FROM hour

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
-- All time zones of today are whole quarters of an hour from UTC, so the zones need looking up only once per quarter.
quarter AS (
  SELECT
    channel, source, campaign_id, canvas_id, timezone, quarter,
    max(campaign_name) AS campaign_name,
    max(canvas_name) AS canvas_name,
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
  FROM (SELECT *, to_unixtime(sent_at) / 900 * 900 AS quarter FROM dispatch_lifecycle WHERE sent_at IS NOT NULL)
  GROUP BY channel, source, campaign_id, canvas_id, timezone, quarter
),
-- A time of day with a zone's name behind it reads as local time. Reading the UTC time so is wrong by the zone's offset, which tells the
-- offset, but for the hours around a change of the clock: `guess`.
guessed AS (
  SELECT
    *,
    2 * quarter - coalesce(
      to_unixtime(TRY_CAST(to_char(to_timestamp_seconds(quarter), '%Y-%m-%dT%H:%M:%S ') || timezone AS TIMESTAMP)),
      to_unixtime(TRY_CAST(to_char(to_timestamp_seconds(quarter + 10800), '%Y-%m-%dT%H:%M:%S ') || timezone AS TIMESTAMP)) - 10800
    ) AS guess
  FROM quarter
),
-- Reading the guess shows what it is off by. Where it cannot be read, the hour before or after it must be the right one, or else it is an
-- hour that comes twice.
checked AS (
  SELECT
    *,
    to_unixtime(TRY_CAST(to_char(to_timestamp_seconds(guess), '%Y-%m-%dT%H:%M:%S ') || timezone AS TIMESTAMP)) AS same,
    to_unixtime(TRY_CAST(to_char(to_timestamp_seconds(guess - 3600), '%Y-%m-%dT%H:%M:%S ') || timezone AS TIMESTAMP)) AS before,
    to_unixtime(TRY_CAST(to_char(to_timestamp_seconds(guess + 3600), '%Y-%m-%dT%H:%M:%S ') || timezone AS TIMESTAMP)) AS after
  FROM guessed
),
local AS (
  SELECT
    *,
    CASE
      WHEN same IS NOT NULL THEN guess + quarter - same
      WHEN before = quarter THEN guess - 3600
      WHEN after = quarter THEN guess + 3600
      ELSE guess
    END AS local_time
  FROM checked
),
hour AS (
  SELECT
    channel,
    source,
    campaign_id,
    max(campaign_name) AS campaign_name,
    canvas_id,
    max(canvas_name) AS canvas_name,
    (local_time / 86400 + 3) % 7 + 1 AS local_weekday,
    local_time % 86400 / 3600 AS local_hour,
    sum(messages) AS messages,
    sum(delivered) AS delivered,
    sum(failed) AS failed,
    sum(opened) AS opened,
    sum(human_opened) AS human_opened,
    sum(clicked) AS clicked,
    sum(human_clicked) AS human_clicked,
    sum(replied) AS replied,
    sum(unsubscribed) AS unsubscribed,
    sum(complained) AS complained
  FROM local
  GROUP BY channel, source, campaign_id, canvas_id, (local_time / 86400 + 3) % 7 + 1, local_time % 86400 / 3600
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

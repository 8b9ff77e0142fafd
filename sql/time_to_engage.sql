-- How long people take: from the send to delivery, first open, first click, read and reply, as percentiles and by when.
-- Grain: one row per channel, campaign or Canvas and step, and stage (delivery, open, read, click, reply) that any message of it reached.
--
-- What is counted: each row of dispatch_lifecycle with a send, once in each stage it reached: a message per dispatch and person, for push also per
-- device. Only the first time counts, and for opens and clicks only humans: machine opens and suspected bot clicks come within seconds and
-- would make every campaign look fast.
--
-- messages            messages that reached the stage; sent is how many of the campaign or step were sent, whatever became of them.
-- p10_seconds … p90_seconds   so many seconds or fewer it took for that share of the messages that reached the stage (nearest rank, so always a
--                     time that occurred). 0 where the event's clock is behind the send's.
-- within_1m … within_7d   messages that reached it within a minute … seven days. Each holds those before it.
--
-- Traps: percentiles say nothing about who never opened: compare messages with sent. Recent sends had less time: their late openers are still
-- missing. Push deliveries have no time of their own (0 seconds). It does not prune files.
WITH
message AS (
  SELECT
    channel, source, campaign_id, campaign_name, canvas_id, canvas_name, canvas_step_id, canvas_step_name, stage,
    CASE stage
      WHEN 'delivery' THEN seconds_to_delivery
      WHEN 'open' THEN seconds_to_open
      WHEN 'click' THEN seconds_to_click
      WHEN 'read' THEN CASE WHEN read_at < sent_at THEN 0 ELSE to_unixtime(read_at) - to_unixtime(sent_at) END
      WHEN 'reply' THEN CASE WHEN replied_at < sent_at THEN 0 ELSE to_unixtime(replied_at) - to_unixtime(sent_at) END
    END AS seconds
  FROM dispatch_lifecycle
  CROSS JOIN (VALUES ('delivery'), ('open'), ('read'), ('click'), ('reply')) AS s (stage)
  WHERE sent_at IS NOT NULL
),
-- One row per second that occurred, so that the ranking below has less to sort. The row of no seconds holds who never got there.
paced AS (
  SELECT
    channel, source, campaign_id, canvas_id, canvas_step_id, stage, seconds,
    max(campaign_name) AS campaign_name,
    max(canvas_name) AS canvas_name,
    max(canvas_step_name) AS canvas_step_name,
    count(*) AS messages
  FROM message
  GROUP BY channel, source, campaign_id, canvas_id, canvas_step_id, stage, seconds
),
ranked AS (
  SELECT
    *,
    sum(messages) OVER (
      PARTITION BY channel, source, campaign_id, canvas_id, canvas_step_id, stage ORDER BY seconds NULLS LAST
      ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS so_far,
    sum(CASE WHEN seconds IS NOT NULL THEN messages END) OVER (
      PARTITION BY channel, source, campaign_id, canvas_id, canvas_step_id, stage
    ) AS reached
  FROM paced
)
SELECT
  channel,
  source,
  campaign_id,
  max(campaign_name) AS campaign_name,
  canvas_id,
  max(canvas_name) AS canvas_name,
  canvas_step_id,
  max(canvas_step_name) AS canvas_step_name,
  stage,
  sum(messages) AS sent,
  max(reached) AS messages,
  min(seconds) AS min_seconds,
  min(seconds) FILTER (WHERE so_far * 10 >= reached) AS p10_seconds,
  min(seconds) FILTER (WHERE so_far * 4 >= reached) AS p25_seconds,
  min(seconds) FILTER (WHERE so_far * 2 >= reached) AS p50_seconds,
  min(seconds) FILTER (WHERE so_far * 4 >= reached * 3) AS p75_seconds,
  min(seconds) FILTER (WHERE so_far * 10 >= reached * 9) AS p90_seconds,
  max(seconds) AS max_seconds,
  sum(CASE WHEN seconds <= 60 THEN messages ELSE 0 END) AS within_1m,
  sum(CASE WHEN seconds <= 300 THEN messages ELSE 0 END) AS within_5m,
  sum(CASE WHEN seconds <= 900 THEN messages ELSE 0 END) AS within_15m,
  sum(CASE WHEN seconds <= 3600 THEN messages ELSE 0 END) AS within_1h,
  sum(CASE WHEN seconds <= 21600 THEN messages ELSE 0 END) AS within_6h,
  sum(CASE WHEN seconds <= 86400 THEN messages ELSE 0 END) AS within_24h,
  sum(CASE WHEN seconds <= 259200 THEN messages ELSE 0 END) AS within_3d,
  sum(CASE WHEN seconds <= 604800 THEN messages ELSE 0 END) AS within_7d
FROM ranked
WHERE reached > 0
GROUP BY channel, source, campaign_id, canvas_id, canvas_step_id, stage

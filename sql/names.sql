-- What campaigns, Canvases, steps and variations are called: the latest name of every id.
-- Grain: one row per kind (campaign, message_variation, canvas, canvas_variation, canvas_step) and id. An id that never came with a name
-- has a row with name null.
--
-- What is counted: events counts the events that carry the id; one event counts in the row of each id it carries.
--
-- name               the name that came with the latest event by the day Braze queued it, then by its own clock unless that is ahead of the
--                    day: a phone with a wrong clock cannot bring an old name back. Empty and [REDACTED] names are none.
-- names_seen         different names in the warehouse; above 1 after a renaming.
-- parent_id          the campaign of a message_variation, the canvas of a canvas_variation or canvas_step; null where none is known.
-- first_seen_on, last_seen_on  queue days of the first and last event with the id.
-- first_event_at, last_event_at  by the events' own clocks.
--
-- Traps: events of ids replaced by [REDACTED] are not here. Join on kind AND id. Canvas exits before 2024 carried internal ids: the API id
-- beside them is taken where there is one. It reads the ids and names of every event.
WITH
labelled AS (
  SELECT queue_date, time, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name,
    canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM all_events
  WHERE table_name NOT IN ('users_canvas_exit_matchedaudience', 'users_canvas_exit_performedevent')
  UNION ALL
  SELECT queue_date, time, NULL, NULL, NULL, NULL, coalesce(canvas_api_id, canvas_id), canvas_name,
    coalesce(canvas_variation_api_id, canvas_variation_id), canvas_variation_name, coalesce(canvas_step_api_id, canvas_step_id),
    canvas_step_name
  FROM users_canvas_exit_matchedaudience
  UNION ALL
  SELECT queue_date, time, NULL, NULL, NULL, NULL, coalesce(canvas_api_id, canvas_id), canvas_name,
    coalesce(canvas_variation_api_id, canvas_variation_id), canvas_variation_name, coalesce(canvas_step_api_id, canvas_step_id),
    canvas_step_name
  FROM users_canvas_exit_performedevent
),
-- Few sets of labels stand on many events: they are brought together before anything else.
label AS (
  SELECT queue_date, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name,
    min(time) AS first_event_at, max(time) AS last_event_at, count(*) AS events,
    max(CASE WHEN time < queue_date + INTERVAL '1 day' THEN time END) AS believable_at
  FROM labelled
  WHERE campaign_id IS NOT NULL OR message_variation_id IS NOT NULL OR canvas_id IS NOT NULL OR canvas_variation_id IS NOT NULL
    OR canvas_step_id IS NOT NULL
  GROUP BY queue_date, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name
),
named AS (
  SELECT
    k.kind,
    nullif(CASE k.kind
      WHEN 'campaign' THEN l.campaign_id
      WHEN 'message_variation' THEN l.message_variation_id
      WHEN 'canvas' THEN l.canvas_id
      WHEN 'canvas_variation' THEN l.canvas_variation_id
      ELSE l.canvas_step_id
    END, '[REDACTED]') AS id,
    nullif(nullif(CASE k.kind
      WHEN 'campaign' THEN l.campaign_name
      WHEN 'message_variation' THEN l.message_variation_name
      WHEN 'canvas' THEN l.canvas_name
      WHEN 'canvas_variation' THEN l.canvas_variation_name
      ELSE l.canvas_step_name
    END, '[REDACTED]'), '') AS name,
    nullif(nullif(CASE k.kind
      WHEN 'message_variation' THEN l.campaign_id
      WHEN 'canvas_variation' THEN l.canvas_id
      WHEN 'canvas_step' THEN l.canvas_id
    END, '[REDACTED]'), '') AS parent_id,
    l.queue_date, l.first_event_at, l.last_event_at, l.believable_at, l.events
  FROM label l
  CROSS JOIN (VALUES ('campaign'), ('message_variation'), ('canvas'), ('canvas_variation'), ('canvas_step')) k(kind)
)
SELECT
  kind,
  id,
  first_value(name ORDER BY queue_date DESC, believable_at DESC NULLS LAST, name) FILTER (WHERE name IS NOT NULL) AS name,
  count(DISTINCT name) AS names_seen,
  first_value(parent_id ORDER BY queue_date DESC, believable_at DESC NULLS LAST, parent_id) FILTER (WHERE parent_id IS NOT NULL) AS parent_id,
  min(queue_date) AS first_seen_on,
  max(queue_date) AS last_seen_on,
  min(first_event_at) AS first_event_at,
  max(last_event_at) AS last_event_at,
  sum(events) AS events
FROM named
WHERE id <> ''
GROUP BY kind, id

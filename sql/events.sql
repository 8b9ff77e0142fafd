-- Every event of every type, one line each, with the columns that most types share.
-- Grain: one row per stored event; `select count(*)` is the number of events in the warehouse.
--
-- event_type         Braze's own name, e.g. users.messages.email.Open; table_name is the table that holds all its columns.
-- channel, stage     email, push, sms, … and send, delivery, open, click, …; null where the type belongs to no channel.
-- event_time         the event's own clock; event_date is its UTC day. queue_date is the day Braze queued it: filter on THAT to read
--                    less, a late event may lie days away from its event_date.
-- canonical_user_id  the person after all merges; user_id stays as delivered.
-- message_id         message variation, else Canvas step message variation, else Canvas step.
-- source             campaign, canvas, or api for a message sent without either; null for events that are not about a message.
-- source_file, source_row   where the event was loaded from.
--
-- Traps: an event is not a message: Aborts and Retries have no send, conversions have no dispatch_id. user_id may be [REDACTED].
SELECT
  e.id,
  e.event_type,
  e.table_name,
  e.channel,
  e.stage,
  e.time AS event_time,
  CAST(e.time AS DATE) AS event_date,
  e.queue_date,
  e.app_group_id,
  e.app_id,
  e.user_id,
  coalesce(m.canonical_user_id, e.user_id) AS canonical_user_id,
  e.external_user_id,
  e.device_id,
  e.dispatch_id,
  e.send_id,
  coalesce(e.message_variation_id, e.canvas_step_message_variation_id, e.canvas_step_id) AS message_id,
  CASE
    WHEN e.campaign_id IS NOT NULL THEN 'campaign'
    WHEN e.canvas_id IS NOT NULL OR e.canvas_step_id IS NOT NULL THEN 'canvas'
    WHEN e.event_type LIKE 'users.messages.%' THEN 'api'
  END AS source,
  e.campaign_id,
  e.campaign_name,
  e.message_variation_id,
  e.message_variation_name,
  e.canvas_id,
  e.canvas_name,
  e.canvas_variation_id,
  e.canvas_variation_name,
  e.canvas_step_id,
  e.canvas_step_name,
  e.canvas_step_message_variation_id,
  e.content_card_id,
  e.email_address,
  e.to_phone_number,
  e.platform,
  e.timezone,
  e._source_file AS source_file,
  e._source_row AS source_row
FROM users_merged m
RIGHT JOIN all_events e ON m.user_id = e.user_id

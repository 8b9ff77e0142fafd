-- Texts that people sent in: who wrote each one, and which message it answers.
-- Grain: one row per text received. Braze writes one event per profile that shares the phone number; here they are one row again.
--
-- What is counted: each users.messages.sms.InboundReceive event once, in exactly one row (events). Events of one second from the same phone
-- to the same number with the same words are one text, one event per profile; a profile's second such event is a second text. Where the
-- phone number is missing or [REDACTED], profiles are not put together.
--
-- user_id             the likely author: of the profiles with the phone, the one last texted in the 30 days before (with the message the
--                     event names, else by the number it wrote to, else by any). canonical_user_id is the person after all merges.
-- chosen_by           only = all the events are of one person; named = Braze put the message answered into the events of one person alone;
--                     last_texted = the rule above; undecided = several people, none of them texted: user_id is null; unknown = no event
--                     names a user.
-- candidates          how many people the events name.
-- action, is_opt_in, is_opt_out   what Braze did about the words: Subscribed, Unsubscribed or None.
-- replied_by          event = Braze itself named the message (it does within four hours); nearest_text = the last text to the author in the 4
--                     hours before, from the number written to rather than from another; null where it answers nothing. The campaign_…,
--                     canvas_… and message_… columns are of that message.
-- replied_dispatch_id, replied_at, seconds_to_reply  of the text that carried that message to the author in the 4 hours before.
-- event_id            the first of the events by id.
--
-- Traps: sms_lifecycle counts the events of all profiles and puts them to each profile's own sends. A confirmed delivery counts as a text,
-- and so does a send, because some carriers confirm nothing.
-- A filter on event_date does not leave out files: texts of the days before are needed.
WITH
raw AS (
  SELECT 'inbound' AS stage, id, time, user_id, user_phone_number AS phone_number, inbound_phone_number AS our_number, subscription_group_id,
    app_group_id, message_body, action, NULL AS dispatch_id, message_variation_id, message_variation_name, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_sms_inboundreceive
  UNION ALL
  SELECT 'send', id, time, user_id, to_phone_number, NULL, subscription_group_id, NULL, NULL, NULL, dispatch_id, message_variation_id,
    message_variation_name, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id,
    canvas_step_name
  FROM users_messages_sms_send
  UNION ALL
  SELECT 'delivery', id, time, user_id, to_phone_number, from_phone_number, subscription_group_id, NULL, NULL, NULL, dispatch_id,
    message_variation_id, message_variation_name, campaign_id, campaign_name, canvas_id, canvas_name, canvas_variation_id,
    canvas_variation_name, canvas_step_id, canvas_step_name
  FROM users_messages_sms_delivery
),
event AS (
  SELECT r.*,
    nullif(nullif(r.user_id, '[REDACTED]'), '') AS real_user_id,
    coalesce(m.canonical_user_id, nullif(nullif(r.user_id, '[REDACTED]'), '')) AS person,
    nullif(nullif(r.phone_number, '[REDACTED]'), '') AS real_phone_number,
    nullif(nullif(r.our_number, '[REDACTED]'), '') AS real_our_number,
    nullif(nullif(r.subscription_group_id, '[REDACTED]'), '') AS real_group_id,
    coalesce(nullif(r.message_variation_id, '[REDACTED]'), nullif(r.canvas_step_id, '[REDACTED]'), nullif(r.campaign_id, '[REDACTED]'))
      AS message_key
  FROM users_merged m
  RIGHT JOIN raw r ON m.user_id = r.user_id
),
-- The nth event of a profile belongs to the nth text.
received AS (
  SELECT *,
    coalesce(real_phone_number, person, id) AS text_key,
    CASE WHEN real_user_id IS NOT NULL THEN row_number() OVER (
      PARTITION BY coalesce(real_phone_number, person, id), real_our_number, message_body, time, real_user_id ORDER BY id
    ) ELSE 1 END AS copy
  FROM event
  WHERE stage = 'inbound'
),
-- What was last texted to each profile: the message the event names, else from the number it wrote to, else from any.
answered AS (
  SELECT inbound_id, texted_at, relation, message_key, dispatch_id, message_variation_id, message_variation_name, campaign_id, campaign_name,
    canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name
  FROM (
    SELECT *, row_number() OVER (PARTITION BY inbound_id ORDER BY relation, texted_at DESC, is_send, text_id) AS nearness
    FROM (
      SELECT i.id AS inbound_id, t.id AS text_id, t.time AS texted_at, t.stage = 'send' AS is_send,
        CASE
          WHEN t.message_key = i.message_key THEN -1
          WHEN t.real_our_number = i.real_our_number OR t.real_group_id = i.real_group_id THEN 0
          WHEN t.real_our_number <> i.real_our_number OR t.real_group_id <> i.real_group_id THEN 2
          ELSE 1
        END AS relation,
        nullif(nullif(t.dispatch_id, '[REDACTED]'), '') AS dispatch_id, t.message_key, t.message_variation_id, t.message_variation_name,
        t.campaign_id, t.campaign_name, t.canvas_id, t.canvas_name, t.canvas_variation_id, t.canvas_variation_name, t.canvas_step_id,
        t.canvas_step_name
      FROM event t
      JOIN event i ON i.person = t.person AND t.time <= i.time AND t.time >= i.time - INTERVAL '30 days'
        AND (i.real_phone_number = t.real_phone_number OR i.real_phone_number IS NULL OR t.real_phone_number IS NULL)
      WHERE t.stage IN ('send', 'delivery') AND i.stage = 'inbound'
    )
  )
  WHERE nearness = 1
),
candidate AS (
  SELECT r.*,
    a.texted_at, a.relation, a.dispatch_id AS texted_dispatch_id, a.message_key AS texted_message_key,
    a.message_variation_id AS texted_variation_id, a.message_variation_name AS texted_variation_name, a.campaign_id AS texted_campaign_id,
    a.campaign_name AS texted_campaign_name, a.canvas_id AS texted_canvas_id, a.canvas_name AS texted_canvas_name,
    a.canvas_variation_id AS texted_canvas_variation_id, a.canvas_variation_name AS texted_canvas_variation_name,
    a.canvas_step_id AS texted_step_id, a.canvas_step_name AS texted_step_name,
    row_number() OVER (
      PARTITION BY r.text_key, r.real_our_number, r.message_body, r.time, r.copy
      ORDER BY r.message_key IS NULL, a.texted_at IS NULL, a.relation, a.texted_at DESC, r.person IS NULL, r.real_user_id <> r.person, r.id
    ) AS place
  FROM received r
  LEFT JOIN answered a ON a.inbound_id = r.id
),
text AS (
  SELECT
    time,
    min(id) AS event_id,
    count(*) AS events,
    count(DISTINCT person) AS candidates,
    max(real_phone_number) AS phone_number,
    max(real_our_number) AS our_number,
    max(real_group_id) AS subscription_group_id,
    max(app_group_id) AS app_group_id,
    max(message_body) AS message_body,
    max(action) AS action,
    count(DISTINCT CASE WHEN message_key IS NOT NULL THEN person END) AS named_candidates,
    max(CASE WHEN place = 1 THEN message_key END) AS message_key,
    max(CASE WHEN place = 1 THEN message_variation_id END) AS message_variation_id,
    max(CASE WHEN place = 1 THEN message_variation_name END) AS message_variation_name,
    max(CASE WHEN place = 1 THEN campaign_id END) AS campaign_id,
    max(CASE WHEN place = 1 THEN campaign_name END) AS campaign_name,
    max(CASE WHEN place = 1 THEN canvas_id END) AS canvas_id,
    max(CASE WHEN place = 1 THEN canvas_name END) AS canvas_name,
    max(CASE WHEN place = 1 THEN canvas_variation_id END) AS canvas_variation_id,
    max(CASE WHEN place = 1 THEN canvas_variation_name END) AS canvas_variation_name,
    max(CASE WHEN place = 1 THEN canvas_step_id END) AS canvas_step_id,
    max(CASE WHEN place = 1 THEN canvas_step_name END) AS canvas_step_name,
    max(CASE WHEN place = 1 THEN real_user_id END) AS first_user_id,
    max(CASE WHEN place = 1 THEN person END) AS first_person,
    max(CASE WHEN place = 1 THEN texted_at END) AS texted_at,
    max(CASE WHEN place = 1 THEN texted_dispatch_id END) AS texted_dispatch_id,
    max(CASE WHEN place = 1 THEN texted_message_key END) AS texted_message_key,
    max(CASE WHEN place = 1 THEN texted_variation_id END) AS texted_variation_id,
    max(CASE WHEN place = 1 THEN texted_variation_name END) AS texted_variation_name,
    max(CASE WHEN place = 1 THEN texted_campaign_id END) AS texted_campaign_id,
    max(CASE WHEN place = 1 THEN texted_campaign_name END) AS texted_campaign_name,
    max(CASE WHEN place = 1 THEN texted_canvas_id END) AS texted_canvas_id,
    max(CASE WHEN place = 1 THEN texted_canvas_name END) AS texted_canvas_name,
    max(CASE WHEN place = 1 THEN texted_canvas_variation_id END) AS texted_canvas_variation_id,
    max(CASE WHEN place = 1 THEN texted_canvas_variation_name END) AS texted_canvas_variation_name,
    max(CASE WHEN place = 1 THEN texted_step_id END) AS texted_step_id,
    max(CASE WHEN place = 1 THEN texted_step_name END) AS texted_step_name
  FROM candidate
  GROUP BY text_key, real_our_number, message_body, time, copy
),
decided AS (
  SELECT *,
    CASE
      WHEN candidates = 0 THEN 'unknown'
      WHEN candidates = 1 THEN 'only'
      WHEN named_candidates = 1 THEN 'named'
      WHEN texted_at IS NOT NULL THEN 'last_texted'
      ELSE 'undecided'
    END AS chosen_by,
    coalesce(message_variation_id, canvas_step_id, campaign_id, canvas_id) IS NOT NULL AS is_named,
    coalesce(texted_at >= time - INTERVAL '4 hours', false) AS is_recent,
    message_key = texted_message_key AS is_same
  FROM text
)
SELECT
  event_id,
  time AS event_time,
  CAST(time AS DATE) AS event_date,
  CASE WHEN chosen_by <> 'undecided' THEN first_user_id END AS user_id,
  CASE WHEN chosen_by <> 'undecided' THEN first_person END AS canonical_user_id,
  chosen_by,
  candidates,
  events,
  phone_number AS user_phone_number,
  our_number AS inbound_phone_number,
  subscription_group_id,
  app_group_id,
  message_body,
  action,
  coalesce(lower(action) = 'subscribed', false) AS is_opt_in,
  coalesce(lower(action) = 'unsubscribed', false) AS is_opt_out,
  CASE WHEN is_named THEN 'event' WHEN is_recent THEN 'nearest_text' END AS replied_by,
  CASE WHEN is_named THEN message_variation_id WHEN is_recent THEN texted_variation_id END AS message_variation_id,
  CASE WHEN is_named THEN message_variation_name WHEN is_recent THEN texted_variation_name END AS message_variation_name,
  CASE WHEN is_named THEN campaign_id WHEN is_recent THEN texted_campaign_id END AS campaign_id,
  CASE WHEN is_named THEN campaign_name WHEN is_recent THEN texted_campaign_name END AS campaign_name,
  CASE WHEN is_named THEN canvas_id WHEN is_recent THEN texted_canvas_id END AS canvas_id,
  CASE WHEN is_named THEN canvas_name WHEN is_recent THEN texted_canvas_name END AS canvas_name,
  CASE WHEN is_named THEN canvas_variation_id WHEN is_recent THEN texted_canvas_variation_id END AS canvas_variation_id,
  CASE WHEN is_named THEN canvas_variation_name WHEN is_recent THEN texted_canvas_variation_name END AS canvas_variation_name,
  CASE WHEN is_named THEN canvas_step_id WHEN is_recent THEN texted_step_id END AS canvas_step_id,
  CASE WHEN is_named THEN canvas_step_name WHEN is_recent THEN texted_step_name END AS canvas_step_name,
  CASE WHEN is_recent AND (NOT is_named OR is_same) THEN texted_dispatch_id END AS replied_dispatch_id,
  CASE WHEN is_recent AND (NOT is_named OR is_same) THEN texted_at END AS replied_at,
  CASE WHEN is_recent AND (NOT is_named OR is_same) THEN to_unixtime(time) - to_unixtime(texted_at) END AS seconds_to_reply
FROM decided

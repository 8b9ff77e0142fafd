-- Who may be messaged, since when and why: the state of every subscription and its history.
-- Grain: one row per profile, subscription and period in which its status stayed the same. A subscription is the global one of a channel
-- (email, push) or one subscription group. WHERE is_current leaves one row per person and subscription: the state of today.
--
-- What is counted: each subscription.GlobalStateChange and subscriptiongroup.StateChange event once, in exactly one row (events). A request
-- that set the status it had already belongs to the period it confirms.
--
-- scope                    global or group; subscription_group_id is null for global.
-- status                   Subscribed, Unsubscribed or Opted In, as Braze wrote it. is_subscribed: one of the two that allow messages.
-- valid_from, valid_to     the period; valid_to is null while it lasts. It ends with the next change, or with the merge of the profile.
-- is_current               this is the person's state. Where profiles were merged, the surviving profile's own state holds, even if the
--                          profile that is gone changed later; only where the survivor has none is the state of a profile merged into it
--                          shown (is_carried_over; of several an opt-out, then the one merged first). Null where the user or the group is
--                          missing or [REDACTED]: such an event is a row of its own.
-- previous_status          of the period before (other: none of the three); null in the first one.
-- state_change_source, channel_identifier, campaign_…, canvas_…   of the event that began the period; last_confirmed_at is the last event in it.
-- canonical_user_id        the person after all merges; user_id is the profile the change was made to.
-- unkeyed_event_id         the event that made the row, where the user or the group is unknown.
--
-- Traps: who never changed anything has no row (Braze's own start is Subscribed, for the global states). Of two changes in the same
-- second the opt-out is taken to be the later. Whether Braze itself carries a state over in a merge is not documented. A click on an
-- unsubscribe link is no change of state: see email_lifecycle.
WITH
raw AS (
  SELECT 'global' AS scope, id, time, user_id, external_user_id, lower(channel) AS channel, NULL AS subscription_group_id,
    subscription_status AS status, state_change_source, coalesce(channel_identifier, email_address) AS channel_identifier, app_group_id, send_id,
    campaign_id, campaign_name, message_variation_id, canvas_id, canvas_name, canvas_step_id, canvas_step_name
  FROM users_behaviors_subscription_globalstatechange
  UNION ALL
  SELECT 'group', id, time, user_id, external_user_id, lower(channel), subscription_group_id,
    subscription_status, state_change_source, coalesce(channel_identifier, email_address, phone_number), app_group_id, send_id,
    campaign_id, campaign_name, message_variation_id, canvas_id, canvas_name, canvas_step_id, canvas_step_name
  FROM users_behaviors_subscriptiongroup_statechange
),
clean AS (
  SELECT *,
    nullif(nullif(user_id, '[REDACTED]'), '') AS real_user_id,
    CASE WHEN scope = 'group' THEN nullif(nullif(subscription_group_id, '[REDACTED]'), '') ELSE coalesce(channel, '') END AS real_key,
    CASE
      WHEN nullif(nullif(user_id, '[REDACTED]'), '') IS NULL THEN id
      WHEN scope = 'group' AND nullif(nullif(subscription_group_id, '[REDACTED]'), '') IS NULL THEN id
    END AS unkeyed_event_id
  FROM raw
),
-- The nth change of a subscription less the nth change to that status is the same number all through a period.
numbered AS (
  SELECT *,
    row_number() OVER (PARTITION BY real_user_id, scope, real_key, unkeyed_event_id ORDER BY time, status = 'Unsubscribed', id) AS position,
    row_number() OVER (PARTITION BY real_user_id, scope, real_key, unkeyed_event_id, status ORDER BY time, status = 'Unsubscribed', id)
      AS status_position
  FROM clean
),
period AS (
  SELECT
    real_user_id AS user_id,
    scope,
    real_key,
    unkeyed_event_id,
    min(position) AS period,
    status,
    min(time) AS valid_from,
    max(time) AS last_confirmed_at,
    count(*) AS events,
    first_value(external_user_id ORDER BY position) AS external_user_id,
    first_value(channel ORDER BY position) AS channel,
    first_value(state_change_source ORDER BY position) AS state_change_source,
    first_value(channel_identifier ORDER BY position) AS channel_identifier,
    first_value(app_group_id ORDER BY position) AS app_group_id,
    first_value(send_id ORDER BY position) AS send_id,
    first_value(campaign_id ORDER BY position) AS campaign_id,
    first_value(campaign_name ORDER BY position) AS campaign_name,
    first_value(message_variation_id ORDER BY position) AS message_variation_id,
    first_value(canvas_id ORDER BY position) AS canvas_id,
    first_value(canvas_name ORDER BY position) AS canvas_name,
    first_value(canvas_step_id ORDER BY position) AS canvas_step_id,
    first_value(canvas_step_name ORDER BY position) AS canvas_step_name
  FROM numbered
  GROUP BY real_user_id, scope, real_key, unkeyed_event_id, status, position - status_position
),
followed AS (
  SELECT p.*,
    coalesce(m.canonical_user_id, p.user_id) AS canonical_user_id,
    CASE WHEN m.canonical_user_id <> p.user_id THEN m.merged_at END AS merged_at,
    lead(p.valid_from) OVER (PARTITION BY p.user_id, p.scope, p.real_key, p.unkeyed_event_id ORDER BY p.period) AS next_from,
    lead(p.period) OVER (PARTITION BY p.user_id, p.scope, p.real_key, p.unkeyed_event_id ORDER BY p.period) IS NULL AS is_last,
    lag(CASE p.status WHEN 'Subscribed' THEN 1 WHEN 'Unsubscribed' THEN 2 WHEN 'Opted In' THEN 3 ELSE 0 END)
      OVER (PARTITION BY p.user_id, p.scope, p.real_key, p.unkeyed_event_id ORDER BY p.period) AS previous
  FROM users_merged m
  RIGHT JOIN period p ON m.user_id = p.user_id
),
ranked AS (
  SELECT *,
    row_number() OVER (
      PARTITION BY canonical_user_id, scope, real_key, unkeyed_event_id, is_last
      ORDER BY merged_at IS NOT NULL, status = 'Unsubscribed' DESC, merged_at, user_id
    ) AS place
  FROM followed
)
SELECT
  user_id,
  canonical_user_id,
  external_user_id,
  scope,
  channel,
  CASE WHEN scope = 'group' THEN real_key END AS subscription_group_id,
  status,
  status IN ('Subscribed', 'Opted In') AS is_subscribed,
  valid_from,
  CASE WHEN NOT is_last THEN next_from WHEN place > 1 THEN greatest(merged_at, valid_from) END AS valid_to,
  CASE WHEN unkeyed_event_id IS NULL THEN is_last AND place = 1 END AS is_current,
  coalesce(is_last AND place = 1 AND merged_at IS NOT NULL, false) AS is_carried_over,
  CASE previous WHEN 1 THEN 'Subscribed' WHEN 2 THEN 'Unsubscribed' WHEN 3 THEN 'Opted In' WHEN 0 THEN 'other' END AS previous_status,
  last_confirmed_at,
  state_change_source,
  channel_identifier,
  app_group_id,
  send_id,
  campaign_id,
  campaign_name,
  message_variation_id,
  canvas_id,
  canvas_name,
  canvas_step_id,
  canvas_step_name,
  events,
  unkeyed_event_id
FROM ranked

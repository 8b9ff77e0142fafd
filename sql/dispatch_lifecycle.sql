-- The life of every message in every channel that sends: when it was sent, delivered, opened, clicked, read, answered, refused.
-- Grain: one row per channel, dispatch, person and message; for push also per device, for WhatsApp per message id. An event that cannot be put
-- to a send keeps a row (sent_at null), so every count sums back to the events.
--
-- What is counted: every event of email, push, sms, whatsapp, rcs, line and webhook messages, once, in exactly one row. The rows are those of
-- email_lifecycle, push_lifecycle, sms_lifecycle, whatsapp_lifecycle, rcs_line_lifecycle and webhook_lifecycle, where each channel has the
-- columns of its own. Cards, in-app messages and banners carry no dispatch_id and are not here: see content_card_engagement and its kin.
-- A dispatch_id alone is NOT a key: a scheduled campaign shares one among all its recipients and it can span channels.
--
-- address             email address or phone number. device_id and platform: push only.
-- user_id             the profile the send was for (else any profile of the row); canonical_user_id is the person after all merges.
-- message_id          message variation, else Canvas step message variation, else Canvas step.
-- event_time          sent_at, or the first event where there is no send; event_date is its UTC day.
-- failures            what did not arrive: email and push bounces, sms rejections and failures, whatsapp failures, rcs rejections, terminal
--                     webhook failures. delays are not final: email soft bounces and deferrals, webhook failures that are tried again.
-- deliveries          as reported; push: sends minus bounces. line and webhook report none.
-- opens, clicks       all; human_* without machine opens and suspected bots, machine_opens and bot_clicks those alone.
-- replies             inbound messages put to this send (unsubscribes among them for sms and whatsapp; email: clicks on the link).
-- other_events        what the columns here have no name for: sms carrier hand-overs, iOS foreground arrivals.
-- outcome             the furthest it went, in the words of the channel's view.
-- seconds_to_*        from sent_at, clamped at 0; null without a send. seconds_to_open and seconds_to_click are to the first HUMAN one.
-- matched_by          how the events found the send: key, address, user, message_id, nearest_send, rcs_fallback; none = there is no send.
-- events_moved        how many events came by another rule than the key.
-- unkeyed_event_id    the event that made the row, where the dispatch or every mark of the user is missing or [REDACTED] (such an event
--                     never joins by key).
--
-- Traps: rcs clicks, reads and replies carry no dispatch_id: nearest earlier send of the same message within 7 days, replies 4 hours.
-- A push to two devices is two rows. Filter on event_date to choose sends; it does not prune files.
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, email_address AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, bounced_at AS failed_at, opened_at, first_human_open_at, clicked_at, first_human_click_at,
  NULL AS read_at, NULL AS replied_at, unsubscribed_at, spam_at, aborted_at, last_event_at, events, sends, deliveries, bounces AS
  failures, soft_bounces + deferrals AS delays, opens, human_opens, machine_opens, clicks, human_clicks, bot_clicks, 0 AS reads, 0 AS
  replies, unsubscribes, spam_reports, aborts, retries, 0 AS other_events, outcome, seconds_to_delivery, seconds_to_human_open AS
  seconds_to_open, seconds_to_human_click AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM email_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, device_id, NULL AS address, platform, message_id, source, campaign_id,
  campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name,
  canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time, event_date, sent_at,
  delivered_at, bounced_at AS failed_at, opened_at, opened_at AS first_human_open_at, NULL AS clicked_at, NULL AS first_human_click_at,
  NULL AS read_at, NULL AS replied_at, NULL AS unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries,
  bounces AS failures, 0 AS delays, opens, opens AS human_opens, 0 AS machine_opens, 0 AS clicks, 0 AS human_clicks, 0 AS bot_clicks, 0 AS
  reads, 0 AS replies, 0 AS unsubscribes, 0 AS spam_reports, aborts, retries, foregrounds AS other_events, outcome, CASE WHEN delivered_at
  IS NOT NULL THEN 0 END AS seconds_to_delivery, seconds_to_open, NULL AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM push_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, to_phone_number AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, failed_at, NULL AS opened_at, NULL AS first_human_open_at, clicked_at, first_human_click_at,
  NULL AS read_at, replied_at, unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries, rejections +
  failures AS failures, 0 AS delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, clicks, human_clicks, bot_clicks, 0 AS reads,
  replies, unsubscribes, 0 AS spam_reports, aborts, retries, carrier_sends AS other_events, outcome, seconds_to_delivery,
  NULL AS seconds_to_open, seconds_to_human_click AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM sms_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, to_phone_number AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, failed_at, NULL AS opened_at, NULL AS first_human_open_at, clicked_at, clicked_at AS
  first_human_click_at, read_at, replied_at, unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries,
  failures, 0 AS delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, clicks, clicks AS human_clicks, 0 AS bot_clicks, reads,
  replies, unsubscribes, 0 AS spam_reports, aborts, retries, 0 AS other_events, outcome, seconds_to_delivery, NULL AS seconds_to_open,
  seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM whatsapp_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, to_phone_number AS address, NULL AS platform, message_id,
  source, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, delivered_at, rejected_at AS failed_at, NULL AS opened_at, NULL AS first_human_open_at, clicked_at,
  first_human_click_at, read_at, replied_at, NULL AS unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at, events, sends, deliveries,
  rejections AS failures, 0 AS delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, clicks, human_clicks, bot_clicks, reads, replies,
  0 AS unsubscribes, 0 AS spam_reports, aborts, retries, 0 AS other_events, outcome, seconds_to_delivery, NULL AS seconds_to_open,
  seconds_to_human_click AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM rcs_line_lifecycle
UNION ALL
SELECT channel, dispatch_id, user_id, canonical_user_id, NULL AS device_id, NULL AS address, NULL AS platform, message_id, source,
  campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id, canvas_name, canvas_variation_id,
  canvas_variation_name, canvas_step_id, canvas_step_name, canvas_step_message_variation_id, app_group_id, send_id, timezone, event_time,
  event_date, sent_at, NULL AS delivered_at, failed_at, NULL AS opened_at, NULL AS first_human_open_at, NULL AS clicked_at,
  NULL AS first_human_click_at, NULL AS read_at, NULL AS replied_at, NULL AS unsubscribed_at, NULL AS spam_at, aborted_at, last_event_at,
  events, sends, 0 AS deliveries, failures, delays, 0 AS opens, 0 AS human_opens, 0 AS machine_opens, 0 AS clicks, 0 AS human_clicks,
  0 AS bot_clicks, 0 AS reads, 0 AS replies, 0 AS unsubscribes, 0 AS spam_reports, aborts, retries, 0 AS other_events, outcome,
  NULL AS seconds_to_delivery, NULL AS seconds_to_open, NULL AS seconds_to_click, matched_by, events_moved, unkeyed_event_id
FROM webhook_lifecycle

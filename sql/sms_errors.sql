-- Why text messages did not arrive: the carriers' and providers' error codes per day, for SMS, RCS and WhatsApp.
-- Grain: one row per UTC day of the error, channel, kind, error code and, where there is no code, wording of the error.
--
-- What is counted: each event of users.messages.sms.Rejection, users.messages.sms.DeliveryFailure, users.messages.rcs.Rejection and
-- users.messages.whatsapp.Failure, once. Days are those of the events, not of the sends.
--
-- kind                rejection: the carrier refused the message. failure: it was taken and did not arrive.
-- provider_error_code the provider's code as text; codes of different providers and channels do not compare.
-- error               the wording, only where there is no code: wordings change without notice.
-- people              distinct persons after all merges; one whose user is [REDACTED] counts by phone number, without one not at all.
-- phone_numbers       distinct numbers.
-- sms_fallbacks       sms: events of a text sent in place of a rejected RCS message. rcs: rejections for which such a text was tried.
-- sample_text         one of the wordings: the first in the order of the alphabet.
--
-- Traps: neither a rejection nor a failure excludes a later delivery: see sms_lifecycle, which also has the person behind each error. people and
-- phone_numbers of several rows do not add up. A filter on event_date leaves out files, one on
-- provider_error_code does not: codes are trimmed first.
WITH
raw AS (
  SELECT 'sms' AS channel, 'rejection' AS kind, time, user_id, to_phone_number, provider_error_code, error, is_sms_fallback
  FROM users_messages_sms_rejection
  UNION ALL
  SELECT 'sms', 'failure', time, user_id, to_phone_number, provider_error_code, error, is_sms_fallback
  FROM users_messages_sms_deliveryfailure
  UNION ALL
  SELECT 'rcs', 'rejection', time, user_id, to_phone_number, provider_error_code, error, is_sms_fallback FROM users_messages_rcs_rejection
  UNION ALL
  SELECT 'whatsapp', 'failure', time, user_id, to_phone_number, provider_error_code, provider_error_title, false
  FROM users_messages_whatsapp_failure
),
clean AS (
  SELECT
    channel, kind, time, user_id, is_sms_fallback,
    nullif(nullif(to_phone_number, '[REDACTED]'), '') AS phone_number,
    nullif(trim(provider_error_code), '') AS code,
    nullif(trim(error), '') AS wording
  FROM raw
),
resolved AS (
  SELECT c.*, coalesce(m.canonical_user_id, nullif(nullif(c.user_id, '[REDACTED]'), ''), c.phone_number) AS person
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.user_id
)
SELECT
  CAST(time AS DATE) AS event_date,
  channel,
  kind,
  code AS provider_error_code,
  CASE WHEN code IS NULL THEN wording END AS error,
  count(*) AS events,
  count(DISTINCT person) AS people,
  count(DISTINCT phone_number) AS phone_numbers,
  count(*) FILTER (WHERE is_sms_fallback) AS sms_fallbacks,
  min(time) AS first_at,
  max(time) AS last_at,
  min(wording) AS sample_text
FROM resolved
GROUP BY 1, 2, 3, 4, 5

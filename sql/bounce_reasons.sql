-- Why email did not arrive, or not yet: the answers of the mail servers by code and day.
-- Grain: one row per UTC day of the answer, kind, service provider, SMTP code, status code and, where the answer holds no code, wording.
--
-- What is counted: each event of users.messages.email.Bounce, SoftBounce and Deferral, once. Days are those of the events, not of the sends.
--
-- kind                bounce (refused for good), drop (a bounce by the sending provider itself, no mail server was asked), soft_bounce,
--                     deferral (put off and tried again). The last two are not final.
-- esp                 the email service provider; its codes compare within one provider only. Null where the event does not say.
-- smtp_code           the three digits the answer begins with, such as 550; status_code the enhanced one, such as 5.1.1.
-- reason              only where both codes are missing: the wording with addresses and numbers replaced, at most 80 characters.
-- people              distinct persons after all merges; one whose user is [REDACTED] counts by address, without one not at all.
-- addresses, recipient_domains   distinct, in lower case.
-- sample_text         one of the answers, addresses replaced: the first in the order of the alphabet.
--
-- Traps: people, addresses and recipient_domains of several rows do not add up. SoftBounce counted every retry before 2025-02-25, once per
-- message since; a Deferral still comes per attempt. Filters on event_date and esp leave out files or row groups.
WITH
raw AS (
  SELECT CASE WHEN is_drop THEN 'drop' ELSE 'bounce' END AS kind, time, user_id, email_address, esp, bounce_reason AS answer
  FROM users_messages_email_bounce
  UNION ALL
  SELECT 'soft_bounce', time, user_id, email_address, esp, bounce_reason FROM users_messages_email_softbounce
  UNION ALL
  SELECT 'deferral', time, user_id, email_address, esp, deferral_reason FROM users_messages_email_deferral
),
clean AS (
  SELECT
    kind, time, user_id, esp,
    lower(nullif(nullif(email_address, '[REDACTED]'), '')) AS address,
    nullif(trim(regexp_replace(nullif(answer, '[REDACTED]'), '[^\s<>"'':;,()@]+@[^\s<>"'':;,()@]+', '(address)', 'g')), '') AS answer
  FROM raw
),
coded AS (
  SELECT
    c.kind, c.time, c.esp, c.address, c.answer,
    coalesce(m.canonical_user_id, nullif(nullif(c.user_id, '[REDACTED]'), ''), c.address) AS person,
    -- Not a part of a longer number or of an IP address.
    regexp_match(c.answer, '(?:^|[^0-9.])([245][0-9]{2})(?:[^0-9.]|$)')[1] AS smtp_code,
    regexp_match(c.answer, '(?:^|[^0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\.?[^0-9.]|\.?$)')[1] AS status_code
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.user_id
)
SELECT
  CAST(time AS DATE) AS event_date,
  kind,
  esp,
  smtp_code,
  status_code,
  CASE WHEN smtp_code IS NULL AND status_code IS NULL THEN left(regexp_replace(answer, '[0-9]+', '#', 'g'), 80) END AS reason,
  count(*) AS events,
  count(DISTINCT person) AS people,
  count(DISTINCT address) AS addresses,
  count(DISTINCT nullif(split_part(address, '@', 2), '')) AS recipient_domains,
  min(time) AS first_at,
  max(time) AS last_at,
  min(answer) AS sample_text
FROM coded
GROUP BY 1, 2, 3, 4, 5, 6

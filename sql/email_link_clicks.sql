-- Which links people follow: clicks by link of every message in email, and the links of SMS, WhatsApp, RCS and LINE beside it.
-- Grain: one row per UTC day of the click, channel, message (campaign and variation, or Canvas, variation and step) and link.
--
-- What is counted: each event of users.messages.email.Click, sms.ShortLinkClick, whatsapp.Click, rcs.Click and line.Click, once, on the day of
-- the click. WhatsApp has no bot filter.
--
-- link                what names the link, link_by says which: alias (the marketer's name for it), link_id, url, or label (an RCS button that
--                     leads to no page).
-- url                 the page without what is personal: query, fragment and login removed, host in lower case, no slash at the end,
--                     and :id for path segments that hold an email address or begin with a UUID or with 20 letters and digits in a row.
--                     Where several pages have one alias, the first in the order of the alphabet; urls says how many.
-- clicks              human_clicks + bot_clicks. Bots are told apart only where the customer turned the filter on; else every click is human.
-- people, human_people   distinct persons after all merges, of all clicks and of the human ones. One whose user is [REDACTED] counts by
--                     address or phone number, without one not at all.
--
-- Traps: people of several days or links do not add up. The short link itself can be one per person, hence it is not shown. Filters on
-- event_date, campaign_id and canvas_id leave out files or row groups.
WITH
raw AS (
  SELECT 'email' AS channel, time, user_id, email_address AS address, campaign_id, campaign_name, message_variation_id,
    message_variation_name, canvas_id, canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, link_alias,
    link_id, url, NULL AS label, is_suspected_bot_click
  FROM users_messages_email_click
  UNION ALL
  SELECT 'sms', time, user_id, user_phone_number, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id,
    canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, NULL, NULL, url, NULL, is_suspected_bot_click
  FROM users_messages_sms_shortlinkclick
  UNION ALL
  SELECT 'whatsapp', time, user_id, user_phone_number, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id,
    canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, NULL, NULL, url, NULL, NULL
  FROM users_messages_whatsapp_click
  UNION ALL
  SELECT 'rcs', time, user_id, user_phone_number, campaign_id, campaign_name, message_variation_id, message_variation_name, canvas_id,
    canvas_name, canvas_variation_id, canvas_variation_name, canvas_step_id, canvas_step_name, NULL, NULL, url, element_label,
    is_suspected_bot_click
  FROM users_messages_rcs_click
  UNION ALL
  SELECT 'line', time, user_id, NULL, campaign_id, campaign_name, message_variation_id, NULL, canvas_id, NULL, canvas_variation_id, NULL,
    canvas_step_id, canvas_step_name, NULL, NULL, url, NULL, is_suspected_bot_click
  FROM users_messages_line_click
),
clean AS (
  SELECT *,
    lower(nullif(nullif(address, '[REDACTED]'), '')) AS real_address,
    nullif(nullif(link_alias, '[REDACTED]'), '') AS real_alias,
    nullif(nullif(link_id, '[REDACTED]'), '') AS real_link_id,
    nullif(regexp_replace(regexp_replace(nullif(url, '[REDACTED]'), '[?#].*$', ''), '/+$', ''), '') AS page
  FROM raw
),
click AS (
  SELECT
    c.*,
    coalesce(m.canonical_user_id, nullif(nullif(c.user_id, '[REDACTED]'), ''), c.real_address) AS person,
    lower(regexp_replace(regexp_replace(page, '^([a-zA-Z]+://)?([^/]*@)?([^/]*).*$', '\1\3'), '^$', ''))
    || regexp_replace(
      regexp_replace(page, '^([a-zA-Z]+://)?[^/]*', ''),
      '/(?:[^/]*(?:@|%40)|[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|[0-9A-Za-z]{20,})[^/]*', '/:id', 'g'
    ) AS clean_url
  FROM users_merged m
  RIGHT JOIN clean c ON m.user_id = c.user_id
)
SELECT
  CAST(time AS DATE) AS event_date,
  channel,
  campaign_id,
  max(campaign_name) AS campaign_name,
  message_variation_id,
  max(message_variation_name) AS message_variation_name,
  canvas_id,
  max(canvas_name) AS canvas_name,
  canvas_variation_id,
  max(canvas_variation_name) AS canvas_variation_name,
  canvas_step_id,
  max(canvas_step_name) AS canvas_step_name,
  coalesce(real_alias, real_link_id, clean_url, label) AS link,
  CASE
    WHEN real_alias IS NOT NULL THEN 'alias'
    WHEN real_link_id IS NOT NULL THEN 'link_id'
    WHEN clean_url IS NOT NULL THEN 'url'
    WHEN label IS NOT NULL THEN 'label'
  END AS link_by,
  min(clean_url) AS url,
  count(DISTINCT clean_url) AS urls,
  count(*) AS clicks,
  count(*) FILTER (WHERE NOT coalesce(is_suspected_bot_click, false)) AS human_clicks,
  count(*) FILTER (WHERE is_suspected_bot_click) AS bot_clicks,
  count(DISTINCT person) AS people,
  count(DISTINCT person) FILTER (WHERE NOT coalesce(is_suspected_bot_click, false)) AS human_people,
  min(time) AS first_click_at,
  max(time) AS last_click_at
FROM click
GROUP BY CAST(time AS DATE), channel, campaign_id, message_variation_id, canvas_id, canvas_variation_id, canvas_step_id,
  coalesce(real_alias, real_link_id, clean_url, label),
  CASE
    WHEN real_alias IS NOT NULL THEN 'alias'
    WHEN real_link_id IS NOT NULL THEN 'link_id'
    WHEN clean_url IS NOT NULL THEN 'url'
    WHEN label IS NOT NULL THEN 'label'
  END

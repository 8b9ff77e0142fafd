"""The queries, in SQL that both engines read as it stands.

Each answers with few rows in a fixed order, so that computing is measured and not printing. A view is asked twice:
for an aggregate of few columns, and as a whole, where every column is counted and so has to be computed.
"""

ANALYST = {
    # What became of each email, by joins over six tables, as an analyst without the views would write it.
    "lifecycle by join (6 tables)": """
WITH
sends AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_send GROUP BY dispatch_id, user_id),
deliveries AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_delivery GROUP BY dispatch_id, user_id),
opens AS (SELECT dispatch_id, user_id, min(time) AS at, count(*) AS n FROM users_messages_email_open GROUP BY dispatch_id, user_id),
clicks AS (SELECT dispatch_id, user_id, min(time) AS at, count(*) AS n FROM users_messages_email_click GROUP BY dispatch_id, user_id),
bounces AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_bounce GROUP BY dispatch_id, user_id),
goodbyes AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_unsubscribe GROUP BY dispatch_id, user_id)
SELECT
  CASE
    WHEN g.at IS NOT NULL THEN 'unsubscribed' WHEN c.at IS NOT NULL THEN 'clicked' WHEN o.at IS NOT NULL THEN 'opened'
    WHEN b.at IS NOT NULL THEN 'bounced' WHEN d.at IS NOT NULL THEN 'delivered' ELSE 'sent'
  END AS outcome,
  count(*) AS messages, sum(o.n) AS opens, sum(c.n) AS clicks, min(s.at) AS first_sent, max(o.at) AS last_opened
FROM sends s
LEFT JOIN deliveries d ON d.dispatch_id = s.dispatch_id AND d.user_id = s.user_id
LEFT JOIN opens o ON o.dispatch_id = s.dispatch_id AND o.user_id = s.user_id
LEFT JOIN clicks c ON c.dispatch_id = s.dispatch_id AND c.user_id = s.user_id
LEFT JOIN bounces b ON b.dispatch_id = s.dispatch_id AND b.user_id = s.user_id
LEFT JOIN goodbyes g ON g.dispatch_id = s.dispatch_id AND g.user_id = s.user_id
GROUP BY 1
ORDER BY 1""",
    "unique open rate": """
WITH
opened AS (
  SELECT campaign_id, count(DISTINCT user_id) AS people FROM users_messages_email_open
  WHERE campaign_id IS NOT NULL AND machine_open IS NULL GROUP BY campaign_id
),
delivered AS (
  SELECT campaign_id, count(DISTINCT user_id) AS people FROM users_messages_email_delivery
  WHERE campaign_id IS NOT NULL GROUP BY campaign_id
)
SELECT d.campaign_id, d.people AS delivered, o.people AS opened, CAST(o.people AS DOUBLE) / d.people AS open_rate
FROM delivered d
LEFT JOIN opened o ON o.campaign_id = d.campaign_id
ORDER BY d.people DESC, d.campaign_id
LIMIT 50""",
    "time to first open, percentiles": """
WITH
sent AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_send GROUP BY dispatch_id, user_id),
opened AS (SELECT dispatch_id, user_id, min(time) AS at FROM users_messages_email_open GROUP BY dispatch_id, user_id),
waited AS (
  SELECT CAST(to_unixtime(o.at) - to_unixtime(s.at) AS DOUBLE) AS seconds
  FROM sent s
  JOIN opened o ON o.dispatch_id = s.dispatch_id AND o.user_id = s.user_id
)
SELECT
  count(*) AS messages,
  percentile_cont(0.1) WITHIN GROUP (ORDER BY seconds) AS p10,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY seconds) AS p50,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY seconds) AS p90,
  percentile_cont(0.99) WITHIN GROUP (ORDER BY seconds) AS p99
FROM waited""",
    "Canvas funnel": """
WITH
entered AS (SELECT canvas_id, user_id, min(time) AS at FROM users_canvas_entry GROUP BY canvas_id, user_id),
stepped AS (
  SELECT canvas_id, user_id, count(DISTINCT canvas_step_id) AS steps
  FROM users_canvas_experimentstep_splitentry GROUP BY canvas_id, user_id
),
mailed AS (
  SELECT canvas_id, user_id, count(*) AS emails FROM users_messages_email_send
  WHERE canvas_id IS NOT NULL GROUP BY canvas_id, user_id
),
opened AS (
  SELECT canvas_id, user_id, count(*) AS opens FROM users_messages_email_open
  WHERE canvas_id IS NOT NULL GROUP BY canvas_id, user_id
),
converted AS (SELECT canvas_id, user_id, min(time) AS at FROM users_canvas_conversion GROUP BY canvas_id, user_id)
SELECT
  e.canvas_id, count(*) AS entered, count(s.steps) AS split, count(m.emails) AS mailed, count(o.opens) AS opened,
  count(c.at) AS converted, sum(m.emails) AS emails
FROM entered e
LEFT JOIN stepped s ON s.canvas_id = e.canvas_id AND s.user_id = e.user_id
LEFT JOIN mailed m ON m.canvas_id = e.canvas_id AND m.user_id = e.user_id
LEFT JOIN opened o ON o.canvas_id = e.canvas_id AND o.user_id = e.user_id
LEFT JOIN converted c ON c.canvas_id = e.canvas_id AND c.user_id = e.user_id
GROUP BY e.canvas_id
ORDER BY entered DESC, e.canvas_id
LIMIT 50""",
    "by recipient domain": """
WITH part AS (
  SELECT split_part(email_address, '@', 2) AS domain, 1 AS sends, 0 AS deliveries, 0 AS bounces, 0 AS opens
  FROM users_messages_email_send
  UNION ALL
  SELECT split_part(email_address, '@', 2), 0, 1, 0, 0 FROM users_messages_email_delivery
  UNION ALL
  SELECT split_part(email_address, '@', 2), 0, 0, 1, 0 FROM users_messages_email_bounce
  UNION ALL
  SELECT split_part(email_address, '@', 2), 0, 0, 0, 1 FROM users_messages_email_open WHERE machine_open IS NULL
)
SELECT domain, sum(sends) AS sends, sum(deliveries) AS deliveries, sum(bounces) AS bounces, sum(opens) AS opens
FROM part
GROUP BY domain
ORDER BY sends DESC, domain
LIMIT 50""",
    "frequency per user": """
WITH
sent AS (
  SELECT user_id FROM users_messages_email_send
  UNION ALL
  SELECT user_id FROM users_messages_pushnotification_send
  UNION ALL
  SELECT user_id FROM users_messages_sms_send
),
per_user AS (SELECT user_id, count(*) AS messages FROM sent GROUP BY user_id)
SELECT messages, count(*) AS users FROM per_user GROUP BY messages ORDER BY messages""",
}

#: Aggregates over a view; the whole view is added by `whole`.
VIEWS = {
    "email_lifecycle": """
SELECT outcome, count(*) AS messages, sum(opens) AS opens, sum(human_clicks) AS clicks, max(seconds_to_human_open) AS slowest
FROM email_lifecycle
GROUP BY outcome
ORDER BY outcome""",
    "push_lifecycle": """
SELECT platform, outcome, count(*) AS messages, sum(opens) AS opens, max(seconds_to_open) AS slowest
FROM push_lifecycle
GROUP BY platform, outcome
ORDER BY platform, outcome""",
    "dispatch_lifecycle": """
SELECT channel, outcome, count(*) AS messages, sum(failures) AS failures, sum(human_clicks) AS clicks
FROM dispatch_lifecycle
GROUP BY channel, outcome
ORDER BY channel, outcome""",
    "campaign_daily": """
SELECT channel, sum(sends) AS sends, sum(unique_opens) AS opens, sum(conversions) AS conversions, max(open_rate) AS best
FROM campaign_daily
GROUP BY channel
ORDER BY channel""",
}


def whole(view, columns):
    """Every column of a view, counted."""
    counted = ", ".join(f'count("{column}") AS "{column}"' for column in columns)
    return f"SELECT count(*) AS all_rows, {counted} FROM {view}"

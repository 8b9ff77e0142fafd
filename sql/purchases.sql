-- What was bought and returned, in exact amounts.
-- Grain: one row per users.behaviors.Purchase event, which is one product bought or returned.
--
-- What is counted: every purchase event, once. Nothing is left out: an event without a price or a usable currency keeps its row.
--
-- event_time         when it was bought; event_date is its UTC day, queue_date the day Braze queued it. A filter on any of the three leaves
--                    out files.
-- canonical_user_id  the person after all merges, null where the user is missing or [REDACTED]; user_id stays as delivered.
-- amount             the price as a decimal, so that sums are exact; negative for a return. gross is the amount of a sale and returned that of a
--                    return, both positive, 0 in the other case: sum(amount) = sum(gross) - sum(returned).
-- currency           in capitals, null where missing or [REDACTED].
--
-- Traps: never add up different currencies. One order of three products is three rows, and no column names the order, unless the customer
-- puts it into properties (JSON text, not always valid).
SELECT
  p.id,
  p.time AS event_time,
  CAST(p.time AS DATE) AS event_date,
  p.queue_date,
  p.user_id,
  coalesce(m.canonical_user_id, nullif(nullif(p.user_id, '[REDACTED]'), '')) AS canonical_user_id,
  p.external_user_id,
  p.app_group_id,
  p.app_id,
  p.platform,
  p.device_id,
  p.device_model,
  p.os_version,
  nullif(nullif(p.product_id, '[REDACTED]'), '') AS product_id,
  nullif(nullif(upper(trim(p.currency)), '[REDACTED]'), '') AS currency,
  TRY_CAST(p.price AS DECIMAL(18, 4)) AS amount,
  CASE WHEN p.price > 0 THEN TRY_CAST(p.price AS DECIMAL(18, 4)) ELSE 0 END AS gross,
  CASE WHEN p.price < 0 THEN TRY_CAST(-p.price AS DECIMAL(18, 4)) ELSE 0 END AS returned,
  p.price < 0 AS is_return,
  p.properties
FROM users_merged m
RIGHT JOIN users_behaviors_purchase p ON m.user_id = p.user_id

-- Who a user_id is today: the profile it was merged into, its latest external id, its random bucket, whether it was deleted.
-- Grain: one row per user_id found in any event of any type, or named as the surviving side of a merge.
--
-- What is counted: nothing; for each user the latest known value wins (by event time, then by value so that a tie always falls the same way).
--
-- canonical_user_id          the surviving profile at the end of all merges (see users_merged); user_id itself where there was none.
-- is_merged, merged_at       whether and when this profile was merged away.
-- external_user_id           latest external id seen on this very profile.
-- canonical_external_user_id latest external id seen on the surviving profile: the one to show for the person.
-- random_bucket_number       latest bucket (0 to 9999) of this very profile, null if it never changed within the export.
-- deleted_at                 first users.UserDeleteRequest for this profile or for any profile it was merged into: what Braze deletes,
--                            it deletes with everything that was merged into it, but not the other way round.
-- first_seen_at, last_seen_at  span of event times; an offline phone or a wrong clock stretches it.
--
-- Traps: [REDACTED] is nobody and has no row. It reads every table: to resolve merges alone, join users_merged.
WITH
seen AS (
  SELECT
    user_id,
    first_value(external_user_id ORDER BY time DESC NULLS LAST, external_user_id)
      FILTER (WHERE external_user_id NOT IN ('', '[REDACTED]')) AS external_user_id,
    min(time) AS first_seen_at,
    max(time) AS last_seen_at
  FROM all_events
  WHERE user_id NOT IN ('', '[REDACTED]')
  GROUP BY user_id
),
known AS (
  SELECT user_id, max(external_user_id) AS external_user_id, min(first_seen_at) AS first_seen_at, max(last_seen_at) AS last_seen_at
  FROM (
    SELECT user_id, external_user_id, first_seen_at, last_seen_at FROM seen
    UNION ALL
    SELECT orphaned_by_id, NULL, NULL, NULL FROM users_userorphan WHERE orphaned_by_id NOT IN ('', '[REDACTED]')
  )
  GROUP BY user_id
),
buckets AS (
  SELECT user_id, first_value(random_bucket_number ORDER BY time DESC NULLS LAST, random_bucket_number) AS random_bucket_number
  FROM users_randombucketnumberupdate
  GROUP BY user_id
),
requests AS (
  SELECT user_id, min(time) AS deleted_at FROM users_userdeleterequest GROUP BY user_id
),
-- Everyone whose chain of merges passes through, or ends at, a profile that was asked to be deleted.
passes AS (
  SELECT user_id, unnest(path) AS passed FROM users_merged
  UNION ALL
  SELECT user_id, canonical_user_id FROM users_merged
),
deleted AS (
  SELECT user_id, min(deleted_at) AS deleted_at
  FROM (
    SELECT p.user_id, r.deleted_at FROM passes p JOIN requests r ON r.user_id = p.passed
    UNION ALL
    SELECT user_id, deleted_at FROM requests
  )
  GROUP BY user_id
),
joined AS (
  SELECT
    k.user_id,
    coalesce(m.canonical_user_id, k.user_id) AS canonical_user_id,
    coalesce(m.canonical_user_id <> k.user_id, false) AS is_merged,
    m.merged_at,
    k.external_user_id,
    b.random_bucket_number,
    d.deleted_at,
    k.first_seen_at,
    k.last_seen_at
  FROM known k
  LEFT JOIN users_merged m ON m.user_id = k.user_id
  LEFT JOIN buckets b ON b.user_id = k.user_id
  LEFT JOIN deleted d ON d.user_id = k.user_id
)
SELECT
  user_id,
  canonical_user_id,
  is_merged,
  merged_at,
  external_user_id,
  max(CASE WHEN user_id = canonical_user_id THEN external_user_id END) OVER (PARTITION BY canonical_user_id) AS canonical_external_user_id,
  random_bucket_number,
  deleted_at,
  first_seen_at,
  last_seen_at
FROM joined

-- Every profile that was merged away, with the profile it lives on in today.
-- Grain: one row per user_id that ever appeared as the losing side of a users.UserOrphan event. Users never merged have no row, so
-- this stays small and every other view can afford to join it: coalesce(canonical_user_id, user_id) is the person.
--
-- What is counted: the LATEST merge of each profile (by time, then id) is the one that holds; chains of merges are followed to their end.
--
-- canonical_user_id  the profile at the end of the chain. In a ring of merges (A into B, B into A) it is the smallest id of the ring, so that
--                    all its members agree.
-- hops               merges between the two; 0 for the member of a ring that stands for it.
-- path               ids from user_id to the profile before the end, in order (an erased profile takes everything upstream with it).
-- merged_at          when user_id itself was merged.
-- in_ring            the chain runs into a ring: the data contradicts itself, look at it.
--
-- Traps: a chain longer than 64 merges is cut there. A merge into oneself, or with an id replaced by [REDACTED], is ignored.
WITH RECURSIVE
merges AS (
  SELECT user_id, into_user_id, merged_at
  FROM (
    SELECT
      user_id,
      orphaned_by_id AS into_user_id,
      time AS merged_at,
      row_number() OVER (PARTITION BY user_id ORDER BY time DESC NULLS LAST, id DESC) AS recency
    FROM users_userorphan
    WHERE user_id <> orphaned_by_id AND user_id NOT IN ('', '[REDACTED]') AND orphaned_by_id NOT IN ('', '[REDACTED]')
  )
  WHERE recency = 1
),
-- `reached` is where the walk stands, `path` what it has left behind; it stops at a profile it has already left.
walk AS (
  SELECT user_id, merged_at, into_user_id AS reached, make_array(user_id) AS path, 1 AS hops FROM merges
  UNION ALL
  SELECT w.user_id, w.merged_at, m.into_user_id, array_append(w.path, w.reached), w.hops + 1
  FROM walk w
  JOIN merges m ON m.user_id = w.reached
  WHERE w.hops < 64 AND NOT array_has(w.path, w.reached)
),
ends AS (
  SELECT user_id, merged_at, reached, path, hops, array_has(path, reached) AS in_ring
  FROM (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY hops DESC) AS distance FROM walk)
  WHERE distance = 1
),
-- A walk that closed a ring has the whole ring in its path, from where it entered it.
resolved AS (
  SELECT
    user_id, merged_at, path, hops, in_ring,
    CASE
      WHEN in_ring THEN array_min(array_slice(path, CAST(array_position(path, reached) AS BIGINT), CAST(array_length(path) AS BIGINT)))
      ELSE reached
    END AS canonical_user_id
  FROM ends
)
SELECT
  user_id,
  canonical_user_id,
  CASE
    WHEN in_ring THEN CAST(array_position(path, canonical_user_id) AS BIGINT) - 1
    ELSE CAST(hops AS BIGINT)
  END AS hops,
  path,
  merged_at,
  in_ring
FROM resolved

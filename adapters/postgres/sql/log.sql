-- name: try_lead
-- empty: never; false while another process holds the office
SELECT pg_try_advisory_lock(hashtextextended('treasury-gateway sequencer', 0))

-- name: free_if_silent
-- empty: never
SELECT set_config('idle_session_timeout', $1, false)

-- name: still_leading
-- empty: never
SELECT 1

-- name: pending_divisions
-- empty: no record waits for its number
WITH RECURSIVE found AS (
    (SELECT division FROM pending_record ORDER BY division LIMIT 1)
    UNION ALL
    SELECT (SELECT p.division FROM pending_record AS p
            WHERE p.division > found.division ORDER BY p.division LIMIT 1)
    FROM found WHERE found.division IS NOT NULL
)
SELECT division FROM found WHERE division IS NOT NULL

-- name: head
-- empty: nothing was sealed for this division yet
SELECT origin, size, frontier FROM log_head WHERE division = $1

-- name: lock_log
-- empty: never; false if another sequencer is at this log: seal nothing
SELECT pg_try_advisory_xact_lock(hashtextextended('treasury-gateway log ' || $1, 0))

-- name: take_pending
-- empty: none waits; taken for good if the transaction that numbers them commits
DELETE FROM pending_record
WHERE division = $1
      AND id = ANY (ARRAY(SELECT p.id FROM pending_record AS p WHERE p.division = $1
                          ORDER BY p.id LIMIT $2))
RETURNING id, kind, subject, body, disclosures

-- name: agency_numbers
-- empty: none of these agencies has a numbered record yet
SELECT agency, last FROM log_agency WHERE division = $1 AND agency = ANY ($2::text[])

-- name: keep_agency_numbers
-- empty: always; the caller's lock on the log keeps two sequencers apart
INSERT INTO log_agency (division, agency, last)
SELECT $1, n.agency, n.last FROM unnest($2::text[], $3::bigint[]) AS n (agency, last)
ON CONFLICT (division, agency) DO UPDATE SET last = EXCLUDED.last

-- name: first_head
-- empty: another sequencer began this log first; seal nothing
INSERT INTO log_head (division, origin, size, frontier)
VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
RETURNING size

-- name: advance_head
-- empty: the head is no longer what was read; another sequencer sealed, so seal nothing
UPDATE log_head SET size = $3, frontier = $4
WHERE division = $1 AND origin = $2 AND size = $5
RETURNING size

-- name: add_records
-- empty: always
INSERT INTO log_record (division, seq, kind, subject, leaf_hash, body, disclosures)
SELECT $1, r.seq, r.kind, r.subject, r.leaf_hash, r.body, r.disclosures
FROM unnest($2::batch_record[]) AS r

-- name: add_subtrees
-- empty: always
INSERT INTO log_subtree (division, level, index, hash)
SELECT $1, s.level, s.index, s.hash
FROM unnest($2::integer[], $3::bigint[], $4::bytea[]) AS s (level, index, hash)

-- name: add_checkpoint
-- empty: always
INSERT INTO log_checkpoint (division, size, sealed_at, text) VALUES ($1, $2, $3, $4)

-- name: next_checkpoint
-- empty: all that was sealed is acknowledged; the emitted message makes this commit durable
SELECT start, size, text
FROM (
    SELECT s.start, c.size, c.text
    FROM (SELECT division, coalesce($3::bigint, acknowledged_size) AS start
          FROM log_head WHERE division = $1) AS s
         JOIN log_checkpoint AS c ON c.division = s.division AND c.size > s.start
    ORDER BY c.size > s.start + $2,
             CASE WHEN c.size > s.start + $2 THEN c.size ELSE -c.size END
    LIMIT 1
) AS found
WHERE pg_logical_emit_message(true, 'treasury-gateway', '') IS NOT NULL

-- name: records_between
-- empty: no such records
SELECT seq, kind, subject, body, leaf_hash, disclosures
FROM log_record WHERE division = $1 AND seq >= $2 AND seq < $3
ORDER BY seq

-- name: acknowledged
-- empty: nothing was sealed for this division yet
SELECT acknowledged_size FROM log_head WHERE division = $1

-- name: acknowledge
-- empty: the bureau claims more records than this log has, or the log does not exist
UPDATE log_head SET acknowledged_size = greatest(acknowledged_size, $2)
WHERE division = $1 AND size >= $2
RETURNING acknowledged_size

-- name: keep_cosigned
-- empty: always; the first cosignature of a checkpoint is kept
UPDATE log_checkpoint SET cosigned = $3, cosigned_at = $4
WHERE division = $1 AND size = $2 AND cosigned IS NULL

-- name: sizes
-- empty: nothing was sealed yet
SELECT division, size FROM log_head

-- name: newest_checkpoint
-- empty: nothing was sealed beyond that; the emitted message makes this commit durable
SELECT size, text
FROM (
    SELECT size, text FROM log_checkpoint WHERE division = $1 AND size > $2
    ORDER BY size DESC
    LIMIT 1
) AS found
WHERE pg_logical_emit_message(true, 'treasury-gateway', '') IS NOT NULL

-- name: records_about
-- empty: no sealed record is about this subject
SELECT seq, kind, subject, body, leaf_hash, disclosures
FROM log_record WHERE division = $1 AND subject = $2
ORDER BY seq

-- name: covering_checkpoint
-- empty: never for a sealed record; the first cosigned one if any; its message commits durably
SELECT size, checkpoint
FROM (
    SELECT size, coalesce(cosigned, text) AS checkpoint
    FROM log_checkpoint WHERE division = $1 AND size > $2
    ORDER BY cosigned IS NULL, size
    LIMIT 1
) AS found
WHERE pg_logical_emit_message(true, 'treasury-gateway', '') IS NOT NULL

-- name: leaf_hashes
-- empty: no such records
SELECT seq, leaf_hash FROM log_record WHERE division = $1 AND seq = ANY ($2::bigint[])

-- name: subtree_hashes
-- empty: no such subtrees
SELECT s.level, s.index, s.hash
FROM unnest($2::integer[], $3::bigint[]) AS n (level, index)
     JOIN log_subtree AS s ON s.division = $1 AND s.level = n.level AND s.index = n.index

-- name: notices
-- empty: every notice of this division is acknowledged
SELECT id, division, subject, body, created_at, attempts
FROM notice WHERE division = $1 AND acknowledged_at IS NULL
ORDER BY id
LIMIT $2

-- name: notices_told
-- empty: always; receipts stand beside their notices' ids
UPDATE notice AS n
SET attempts = n.attempts + 1, last_attempt_at = $4, acknowledged_at = $4::timestamptz,
    receipt = told.receipt
FROM unnest($2::bigint[], $3::text[]) AS told (id, receipt)
WHERE n.division = $1 AND n.id = told.id AND n.acknowledged_at IS NULL

-- name: notices_untold
-- empty: always
UPDATE notice SET attempts = attempts + 1, last_attempt_at = $3
WHERE division = $1 AND id = ANY ($2::bigint[]) AND acknowledged_at IS NULL

-- name: untold_divisions
-- empty: the bureaus have acknowledged everything
SELECT division FROM notice WHERE acknowledged_at IS NULL
UNION
SELECT division FROM log_head WHERE acknowledged_size < size
UNION
SELECT division FROM pending_record
ORDER BY division

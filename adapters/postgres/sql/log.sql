-- name: lead
-- empty: never; false where a process of a newer program stands for the office, or another holds it ($3:
-- this session does, and the lock would count twice)
SELECT CASE
    WHEN EXISTS (SELECT FROM pg_stat_activity AS s
                 WHERE s.datname = current_database() AND starts_with(s.application_name, $1)
                       AND s.application_name COLLATE "C" > $2) THEN false
    WHEN $3 THEN true
    ELSE pg_try_advisory_lock(hashtextextended('treasury-gateway sequencer', 0)) END

-- name: stand
-- empty: never
SELECT set_config('idle_session_timeout', $1, false), set_config('application_name', $2, false)

-- name: time_there
-- empty: never
SELECT clock_timestamp() AS at

-- name: rules_told
-- empty: no record of this kind, policy_activated or register_applied, was ever told; the newest first
(SELECT body FROM pending_record
 WHERE division = $1 AND kind = $2 AND kind IN ('policy_activated', 'register_applied')
 ORDER BY id DESC)
UNION ALL
(SELECT r.body FROM (
    SELECT division, seq FROM log_record
    WHERE division = $1 AND kind = $2 AND kind IN ('policy_activated', 'register_applied')
    ORDER BY seq DESC LIMIT $3) AS own
     JOIN sealed_record AS r USING (division, seq)
 ORDER BY r.seq DESC)

-- name: pending_divisions
-- empty: no record waits for its number
WITH RECURSIVE single AS (
    (SELECT division FROM pending_record ORDER BY division LIMIT 1)
    UNION ALL
    SELECT (SELECT p.division FROM pending_record AS p
            WHERE p.division > single.division ORDER BY p.division LIMIT 1)
    FROM single WHERE single.division IS NOT NULL
), batch AS (
    (SELECT division FROM told_batch ORDER BY division LIMIT 1)
    UNION ALL
    SELECT (SELECT b.division FROM told_batch AS b
            WHERE b.division > batch.division ORDER BY b.division LIMIT 1)
    FROM batch WHERE batch.division IS NOT NULL
)
SELECT division FROM single WHERE division IS NOT NULL
UNION
SELECT division FROM batch WHERE division IS NOT NULL

-- name: head
-- empty: nothing was sealed for this division yet
SELECT origin, size, frontier FROM log_head WHERE division = $1

-- name: lock_log
-- empty: never; all but `locked` NULL while another sequencer is at this log, or nothing was sealed. Who is
-- silent with the lock for $2 loses it
SELECT locked, origin, size, frontier, set_config('idle_in_transaction_session_timeout', $2, true)
FROM lock_log($1)

-- name: waiting
-- empty: none waits. Single records (place 0) and whole batches as they were told, as many as the
-- limit and $3 bytes hold and at least the first; `records`: how many were told together
SELECT w.id, w.place, w.kind, w.subject, w.body, w.disclosures, w.records
FROM (
SELECT c.id, coalesce(t.place, 0) AS place, coalesce(t.kind, c.kind) AS kind,
       coalesce(t.subject, c.subject) AS subject, coalesce(t.body, c.body) AS body,
       coalesce(t.disclosures, c.disclosures) AS disclosures, c.records,
       sum(coalesce(octet_length(coalesce(t.body, c.body)), 0)
           + coalesce(octet_length(coalesce(t.disclosures, c.disclosures)), 0))
           OVER (ORDER BY c.id) AS bytes,
       min(c.id) OVER () AS first
FROM (
    SELECT q.id, q.records, q.kind, q.subject, q.body, q.disclosures,
           sum(q.records) OVER (ORDER BY q.id) AS upto
    FROM (
        (SELECT b.batch AS id, b.records, NULL AS kind, NULL AS subject, NULL::bytea AS body,
                NULL::bytea AS disclosures
         FROM told_batch AS b WHERE b.division = $1
         ORDER BY b.batch LIMIT $2)
        UNION ALL
        (SELECT p.id, 1, p.kind, p.subject, p.body, p.disclosures
         FROM pending_record AS p WHERE p.division = $1
         ORDER BY p.id LIMIT $2)
    ) AS q
) AS c
     LEFT JOIN LATERAL (
         SELECT r.place, r.kind, r.subject, r.body, r.disclosures FROM told_record AS r
         WHERE c.body IS NULL AND r.division = $1 AND r.batch = c.id
         OFFSET 0
     ) AS t ON true
WHERE c.upto <= $2 OR c.upto = c.records
) AS w
WHERE w.bytes <= $3 OR w.id = w.first
ORDER BY w.id, w.place

-- name: store
-- empty: never; false if the head is no longer what was read: another sequencer sealed, seal nothing
SELECT moved FROM store_sealed(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)

-- name: agency_numbers
-- empty: none of these agencies has a numbered record yet
SELECT agency, last FROM log_agency WHERE division = $1 AND agency = ANY ($2::text[])

-- name: next_checkpoint
-- empty: all that was sealed is acknowledged; the emitted message makes this commit durable. The furthest
-- within the limit, else the nearest beyond it: one row of the index for each, however many wait
SELECT start, size, text
FROM (SELECT division, coalesce($3::bigint, acknowledged_size) AS start
      FROM log_head WHERE division = $1) AS s
     CROSS JOIN LATERAL (
         (SELECT c.size, c.text FROM log_checkpoint AS c
          WHERE c.division = s.division AND c.size > s.start AND c.size <= s.start + $2
          ORDER BY c.size DESC LIMIT 1)
         UNION ALL
         (SELECT c.size, c.text FROM log_checkpoint AS c
          WHERE c.division = s.division AND c.size > s.start + $2
          ORDER BY c.size LIMIT 1)
         ORDER BY size LIMIT 1
     ) AS found
WHERE pg_logical_emit_message(true, 'treasury-gateway', '') IS NOT NULL

-- name: records_within
-- empty: never; how many records from $2 on, and before $3, come to no more than $4 bytes
SELECT count(*) AS records
FROM (
    SELECT sum(octet_length(coalesce(r.body, t.body))
               + coalesce(octet_length(coalesce(r.disclosures, t.disclosures)), 0))
               OVER (ORDER BY r.seq) AS bytes
    FROM log_record AS r
         LEFT JOIN LATERAL (
             SELECT b.body, b.disclosures FROM told_record AS b
             WHERE b.division = r.division AND b.batch = r.batch AND b.place = r.place
             OFFSET 0
         ) AS t ON true
    WHERE r.division = $1 AND r.seq >= $2 AND r.seq < $3
) AS w
WHERE w.bytes <= $4

-- name: records_between
-- empty: no such records
SELECT seq, kind, subject, body, leaf_hash, disclosures
FROM sealed_record WHERE division = $1 AND seq >= $2 AND seq < $3
ORDER BY seq

-- name: acknowledged
-- empty: nothing was sealed for this division yet
SELECT acknowledged_size FROM log_head WHERE division = $1

-- name: acknowledge
-- empty: the bureau claims more records than this log has, or the log does not exist. The first
-- cosignature of a checkpoint is kept
WITH risen AS (
    UPDATE log_head SET acknowledged_size = greatest(acknowledged_size, $2)
    WHERE division = $1 AND size >= $2
    RETURNING acknowledged_size
), kept AS (
    UPDATE log_checkpoint SET cosigned = $3, cosigned_at = $4
    WHERE division = $1 AND size = $2 AND cosigned IS NULL AND EXISTS (SELECT FROM risen)
)
SELECT acknowledged_size FROM risen

-- name: sizes
-- empty: nothing was sealed yet
SELECT division, size FROM log_head

-- name: sealed_for
-- empty: never. The newest and the next 10,000, which are a minute's of any log: a clock that was set back
-- between them hides nothing
SELECT coalesce(extract(epoch FROM max(sealed_at) - min(sealed_at)), 0)::float8 AS seconds
FROM (
    (SELECT sealed_at FROM log_checkpoint WHERE division = $1 AND size > $2
     ORDER BY size LIMIT 10000)
    UNION ALL
    (SELECT sealed_at FROM log_checkpoint WHERE division = $1 AND size > $2
     ORDER BY size DESC LIMIT 1)
) AS later

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
FROM sealed_record WHERE division = $1 AND subject = $2
ORDER BY seq

-- name: covering_checkpoint
-- empty: never for a sealed record; the first cosigned one if any; its message commits durably. What
-- the bureau has acknowledged ends with a cosigned one, and nothing beyond is: no row is looked at twice
SELECT size, checkpoint
FROM (
    (SELECT false AS alone, size, cosigned AS checkpoint FROM log_checkpoint
     WHERE division = $1 AND size > $2 AND cosigned IS NOT NULL
           AND size <= (SELECT acknowledged_size FROM log_head WHERE division = $1)
     ORDER BY size LIMIT 1)
    UNION ALL
    (SELECT true, size, coalesce(cosigned, text) FROM log_checkpoint
     WHERE division = $1 AND size > $2
     ORDER BY size LIMIT 1)
    ORDER BY alone LIMIT 1
) AS found
WHERE pg_logical_emit_message(true, 'treasury-gateway', '') IS NOT NULL

-- name: hashes
-- empty: no such records or subtrees
SELECT 0 AS level, n.seq AS index, r.leaf_hash AS hash
FROM unnest($2::bigint[]) AS n (seq)
     CROSS JOIN LATERAL (
         SELECT leaf_hash FROM log_record WHERE division = $1 AND seq = n.seq OFFSET 0
     ) AS r
UNION ALL
SELECT n.level, n.index, s.hash
FROM unnest($3::integer[], $4::bigint[]) AS n (level, index)
     CROSS JOIN LATERAL (
         SELECT hash FROM log_subtree
         WHERE division = $1 AND level = n.level AND index = n.index OFFSET 0
     ) AS s

-- name: notices
-- empty: every notice of this division is acknowledged. As many as the limit and $3 bytes hold, and at least
-- the first
SELECT id, division, subject, body, created_at, attempts
FROM (
    SELECT n.*, sum(octet_length(n.body)) OVER (ORDER BY n.id) AS bytes, min(n.id) OVER () AS first
    FROM (
        SELECT id, division, subject, body, created_at, attempts
        FROM notice WHERE division = $1 AND acknowledged_at IS NULL
        ORDER BY id
        LIMIT $2
    ) AS n
) AS w
WHERE w.bytes <= $3 OR w.id = w.first
ORDER BY w.id

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
UNION
SELECT division FROM told_batch
ORDER BY division

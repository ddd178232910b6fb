-- name: open_log
-- empty: the log stands already; a different origin under one key is found by held_log.
INSERT INTO log (division, bank, origin, size, frontier)
VALUES ($1, $2, $3, 0, '{}')
ON CONFLICT (division, bank) DO NOTHING;

-- name: held_log
-- empty: this bank's log was never opened here.
SELECT division, bank, origin, size, frontier, checkpoint, cosigned, cosigned_at
FROM log
WHERE division = $1 AND bank = $2;

-- name: lock_log
-- empty: this bank's log was never opened here. Held to the end of the transaction: the check of
-- the old size and the storing of the new one are one act.
SELECT division, bank, origin, size, frontier, checkpoint, cosigned, cosigned_at
FROM log
WHERE division = $1 AND bank = $2
FOR UPDATE;

-- name: advance_log
-- empty: the size is not the one that was judged; the transaction must be given up.
UPDATE log
SET size = $4, frontier = $5, checkpoint = $6, cosigned = $7, cosigned_at = $8
WHERE division = $1 AND bank = $2 AND size = $3 AND $4 > $3
RETURNING size;

-- name: add_checkpoint
-- empty: always.
INSERT INTO log_checkpoint (division, bank, size, checkpoint, cosigned, cosigned_at)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: next_stop
-- empty: the log has not grown beyond $3. The last checkpoint up to $4, else the first beyond it.
SELECT s.size, s.cosigned
FROM (
    (
        SELECT c.size, c.cosigned FROM log_checkpoint AS c
        WHERE c.division = $1 AND c.bank = $2 AND c.size > $3 AND c.size <= $4
        ORDER BY c.size DESC LIMIT 1
    )
    UNION ALL
    (
        SELECT c.size, c.cosigned FROM log_checkpoint AS c
        WHERE c.division = $1 AND c.bank = $2 AND c.size > greatest($3, $4)
        ORDER BY c.size LIMIT 1
    )
) AS s
ORDER BY s.size
LIMIT 1;

-- name: add_subtrees
-- empty: always.
INSERT INTO log_subtree (division, bank, level, index, hash)
SELECT $1, $2, s.level, s.index, s.hash
FROM unnest($3::smallint[], $4::bigint[], $5::bytea[]) AS s (level, index, hash);

-- name: add_tallies
-- empty: always. Sorted by the caller's lock on the log, so two deliveries never cross.
INSERT INTO log_tally AS t (division, bank, measure, value, count)
SELECT $1, $2, n.measure, n.value, n.count
FROM unnest($3::text[], $4::text[], $5::bigint[]) AS n (measure, value, count)
ON CONFLICT (division, bank, measure, value) DO UPDATE SET count = t.count + EXCLUDED.count;

-- name: leaf_hashes
-- empty: the log is shorter. In order, so that the caller can see a gap by the count.
SELECT leaf_hash
FROM log_record
WHERE division = $1 AND bank = $2 AND seq >= $3 AND seq < $4
ORDER BY seq;

-- name: subtrees
-- empty: none of these subtrees is full yet.
SELECT hash
FROM log_subtree
WHERE division = $1 AND bank = $2 AND level = $3 AND index >= $4 AND index < $5
ORDER BY index;

-- name: records
-- empty: the log holds nothing in this range.
SELECT seq, kind, subject, body, leaf_hash
FROM log_record
WHERE division = $1 AND bank = $2 AND seq >= $3 AND seq < $4
ORDER BY seq;

-- name: record
-- empty: no record has this number.
SELECT seq, kind, subject, body, leaf_hash, disclosures
FROM log_record
WHERE division = $1 AND bank = $2 AND seq = $3;

-- name: of_subject
-- empty: this bank has told nothing of it. In the order of its log.
SELECT seq, kind, subject, body, leaf_hash
FROM log_record
WHERE division = $1 AND bank || '' = $2 AND subject = $3 AND subject <> '' AND seq < $4
ORDER BY seq
LIMIT $5;

-- name: tallies
-- empty: no record was received from this bank.
SELECT measure, value, count
FROM log_tally
WHERE division = $1 AND bank = $2
ORDER BY measure, value;

-- name: keep_misbehaviour
-- empty: never. The delivery's bytes are kept for the first few only: evidence, not a way to fill
-- our disk.
INSERT INTO misbehaviour AS m (
    division, bank, digest, reason, detail, party, held_size, held_checkpoint, shown_checkpoint,
    delivery, first_seen_at, last_seen_at, seen
)
SELECT
    $1, $2, $3, $4, $5, $6, $7, $8, $9,
    CASE
        WHEN (
            SELECT count(*) FROM misbehaviour
            WHERE division = $1 AND bank = $2 AND delivery IS NOT NULL
        ) < $12 THEN $10::bytea
    END,
    $11, $11, 1
ON CONFLICT (division, bank, digest) DO UPDATE
SET last_seen_at = EXCLUDED.last_seen_at, seen = m.seen + 1
RETURNING seen;

-- name: misbehaviour
-- empty: no such delivery was refused
SELECT
    division, bank, encode(digest, 'hex') AS digest, reason, detail, party, held_size,
    held_checkpoint, shown_checkpoint, delivery, first_seen_at, last_seen_at, seen
FROM misbehaviour
WHERE division = $1 AND bank = $2 AND digest = $3;

-- name: misbehaviours
-- empty: every delivery so far was what it claimed to be.
SELECT
    division, bank, encode(digest, 'hex') AS digest, reason, detail, party, held_size,
    held_checkpoint, shown_checkpoint, delivery IS NOT NULL AS kept, first_seen_at, last_seen_at,
    seen
FROM misbehaviour
WHERE division = $1
ORDER BY last_seen_at DESC
LIMIT $2;

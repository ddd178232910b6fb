-- name: open_version
-- empty: always. The zero row first: an absent row takes no lock.
INSERT INTO register_version (division, version) VALUES ($1, 0) ON CONFLICT DO NOTHING;

-- name: lock_version
-- empty: never, after open_version.
SELECT version FROM register_version WHERE division = $1 FOR UPDATE;

-- name: version
-- empty: nothing was published yet.
SELECT version FROM register_version WHERE division = $1;

-- name: set_version
-- empty: always.
UPDATE register_version SET version = $2 WHERE division = $1;

-- name: kept
-- empty: nothing of this register after this key.
SELECT key, agency, version, body FROM register_kept
WHERE division = $1 AND register = $2 AND key > $3 AND ($4::text IS NULL OR agency = $4)
ORDER BY key
LIMIT $5;

-- name: bodies
-- empty: nothing of this register was published.
SELECT body FROM register_kept
WHERE division = $1 AND register = $2 AND ($3::text[] IS NULL OR key = ANY ($3));

-- name: row
-- empty: no such row.
SELECT key, agency, version, body FROM register_kept
WHERE division = $1 AND register = $2 AND key = $3;

-- name: last_whole
-- empty: no whole file was approved yet.
SELECT body FROM register_change
WHERE division = $1 AND op = 'snapshot' AND approved
ORDER BY version DESC
LIMIT 1;

-- name: keep
-- empty: always.
INSERT INTO register_kept (division, register, key, agency, version, body)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (division, register, key) DO UPDATE
SET agency = EXCLUDED.agency, version = EXCLUDED.version, body = EXCLUDED.body;

-- name: drop
-- empty: it was gone.
DELETE FROM register_kept WHERE division = $1 AND register = $2 AND key = $3;

-- name: drop_all
-- empty: always.
DELETE FROM register_kept WHERE division = $1;

-- name: propose
-- empty: never; the caller holds the version's lock. $12: the version that it was made upon; null: the one in force.
INSERT INTO register_change (
    division, seq, register, op, key, agency, body, reason, changed_on, wish, proposed_by,
    proposed_at, base
)
SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
    coalesce($12, (SELECT v.version FROM register_version AS v WHERE v.division = $1))
FROM register_change WHERE division = $1
RETURNING seq;

-- name: change
-- empty: nothing was proposed under this number.
SELECT
    seq, register, op, key, agency, body, reason, changed_on, wish, proposed_by, proposed_at,
    decided_by, decided_at, approved, said, version, late,
    (SELECT p.name FROM desk_person AS p WHERE p.login = proposed_by) AS proposed_name,
    (SELECT p.name FROM desk_person AS p WHERE p.login = decided_by) AS decided_name,
    EXISTS (
        SELECT FROM register_change AS o
        WHERE o.division = c.division AND o.approved AND o.version > c.base AND ('snapshot' IN (o.op, c.op)
                OR (o.register = c.register AND o.key = c.key))
    ) AS overtaken,
    EXISTS (SELECT FROM desk_person AS d WHERE d.login = proposed_by AND d.disabled) AS closed
FROM register_change AS c
WHERE division = $1 AND seq = $2;

-- name: changes
-- empty: nothing was proposed before this number; newest first.
SELECT
    seq, register, op, key, agency, reason, changed_on, wish, proposed_by, proposed_at, decided_by,
    decided_at, approved, said, version, late,
    (SELECT p.name FROM desk_person AS p WHERE p.login = proposed_by) AS proposed_name,
    (SELECT p.name FROM desk_person AS p WHERE p.login = decided_by) AS decided_name
FROM register_change
WHERE division = $1 AND seq < $2 AND ($3::text IS NULL OR register = $3)
ORDER BY seq DESC
LIMIT $4;

-- name: waiting_changes
-- empty: nothing waits for a second person.
SELECT
    seq, register, op, key, agency, reason, changed_on, wish, proposed_by, proposed_at, decided_by,
    decided_at, approved, said, version, late,
    (SELECT p.name FROM desk_person AS p WHERE p.login = proposed_by) AS proposed_name,
    (SELECT p.name FROM desk_person AS p WHERE p.login = decided_by) AS decided_name
FROM register_change
WHERE division = $1 AND decided_by IS NULL
ORDER BY seq
LIMIT $2;

-- name: unjudged
-- empty: of every decided change of an account it is kept whether it was told late.
SELECT seq, register, changed_on, proposed_at, late FROM register_change
WHERE division = $1 AND register = 'accounts' AND changed_on IS NOT NULL AND approved IS NOT NULL AND late IS NULL
ORDER BY seq;

-- name: keep_late
-- empty: always. What was judged before stands.
UPDATE register_change SET late = seq = ANY ($3)
WHERE division = $1 AND seq = ANY ($2) AND late IS NULL;

-- name: decide
-- empty: it was decided before.
UPDATE register_change
SET decided_by = $3, decided_at = $4, approved = $5, said = $6, version = $7, late = $8
WHERE division = $1 AND seq = $2 AND decided_by IS NULL
RETURNING seq;

-- name: add_feed
-- empty: always.
INSERT INTO register_feed (division, bank, version, signed_at, signature, body)
VALUES ($1, $2, $3, $4, $5, $6);

-- name: gateways
-- empty: nothing was signed for any gateway yet.
SELECT
    bank, max(version) AS newest, max(version) FILTER (WHERE acknowledged_at IS NOT NULL) AS applied,
    max(acknowledged_at) AS applied_at, count(*) FILTER (WHERE acknowledged_at IS NULL) AS waiting,
    (array_agg(trouble ORDER BY version) FILTER (WHERE acknowledged_at IS NULL))[1] AS trouble,
    (array_agg(attempts ORDER BY version) FILTER (WHERE acknowledged_at IS NULL))[1] AS attempts,
    max(last_attempt_at) AS tried_at
FROM register_feed
WHERE division = $1 AND version >= (
    SELECT coalesce(max(version), 0) FROM register_change
    WHERE division = $1 AND op = 'snapshot' AND approved
)
GROUP BY bank
ORDER BY bank;

-- name: catch_up
-- empty: always. The same bytes and signature as every other bank's: of a bank that joins all since the last whole file, of one
-- that was away from the settings what it has missed.
INSERT INTO register_feed (division, bank, version, signed_at, signature, body)
SELECT DISTINCT ON (b.bank, f.version)
    f.division, b.bank, f.version, f.signed_at, f.signature, f.body
FROM unnest($2::text[]) AS b (bank)
JOIN register_feed AS f ON f.division = $1 AND f.bank <> b.bank AND f.version >= (
    SELECT max(version) FROM register_change
    WHERE division = $1 AND op = 'snapshot' AND approved
)
WHERE NOT EXISTS (
    SELECT FROM register_feed AS own
    WHERE own.division = $1 AND own.bank = b.bank AND own.version = f.version
)
ORDER BY b.bank, f.version
ON CONFLICT DO NOTHING;

-- name: waiting_feeds
-- empty: every gateway has acknowledged everything; the oldest of each bank, for they go in order.
-- What a whole file has overtaken is sent no more. Of those in $1 (division/bank) nothing is read.
SELECT DISTINCT ON (division, bank) division, bank, version, signature, body, attempts
FROM register_feed AS f
WHERE acknowledged_at IS NULL AND division || '/' || bank <> ALL ($1::text[]) AND version >= (
    SELECT coalesce(max(c.version), 0) FROM register_change AS c
    WHERE c.division = f.division AND c.op = 'snapshot' AND c.approved
)
ORDER BY division, bank, version;

-- name: attempted
-- empty: always; an acknowledgement is kept for ever.
UPDATE register_feed
SET attempts = attempts + 1, last_attempt_at = $4::timestamptz, trouble = $5::text,
    acknowledged_at = CASE WHEN $5::text IS NULL THEN $4::timestamptz END
WHERE division = $1 AND bank = $2 AND version = $3 AND acknowledged_at IS NULL;

-- name: wishes
-- empty: no case asks this of the registers, or another case still suspends the same agency.
SELECT wish, agency_code, status, basis, year, number, wished_at
FROM register_wish AS w
WHERE division = $1 AND ($2::bigint IS NULL OR wish = $2) AND published_version IS NULL
    AND NOT (status = 'active' AND EXISTS (
        SELECT FROM register_wish AS o
        WHERE o.division = w.division AND o.agency_code = w.agency_code
            AND (o.year, o.number) <> (w.year, w.number) AND o.status = 'suspended'
            AND NOT EXISTS (
                SELECT FROM register_wish AS l
                WHERE l.division = o.division AND l.year = o.year AND l.number = o.number
                    AND l.wish > o.wish
            )
    ))
ORDER BY wish
LIMIT 50;

-- name: wish_published
-- empty: always. Those of the agency that it overtakes, or says as well, are published with it.
UPDATE register_wish AS w SET published_version = $3, published_at = $4
FROM register_wish AS t
WHERE t.division = $1 AND t.wish = $2 AND w.division = t.division
    AND w.agency_code = t.agency_code AND w.published_version IS NULL
    AND (w.wish <= t.wish OR w.status = t.status);

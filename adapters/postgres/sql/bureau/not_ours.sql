-- name: registers
-- empty: no log tells of registers beyond where it was looked through. Oldest first. Ours names us ($2) and a number that was
-- signed for that bank; vouchers have none. What came before this desk issued any (by our own clock: when its checkpoint was
-- cosigned) is not strange. A log can hold any bytes: they are looked at as bytes.
SELECT l.bank, r.seq, coalesce(r.by_us AND (r.unnumbered OR EXISTS (
        SELECT FROM register_feed AS f
        WHERE f.division = $1 AND f.bank = l.bank AND f.version = r.number
    )), false) OR coalesce((
        SELECT c.cosigned_at FROM log_checkpoint AS c
        WHERE c.division = $1 AND c.bank = l.bank AND c.size > r.seq
        ORDER BY c.size LIMIT 1
    ) < i.issued_at, i.issued_at IS NULL) AS ours
FROM log AS l
LEFT JOIN not_ours_looked AS k ON k.division = l.division AND k.bank = l.bank AND k.what = 'registers'
CROSS JOIN (SELECT min(f.signed_at) AS issued_at FROM register_feed AS f WHERE f.division = $1) AS i
CROSS JOIN LATERAL (
    SELECT one.seq, position($2::bytea IN one.body) > 0 AS by_us,
        position('"feed_version":null'::bytea IN one.body) > 0 AS unnumbered,
        substring(encode(one.body, 'escape') FROM '"feed_version":([0-9]{1,18}),')::bigint AS number
    FROM log_record AS one
    WHERE one.division = l.division AND one.bank = l.bank AND one.kind = 'register_applied'
        AND one.seq > coalesce(k.upto, -1)
    ORDER BY one.seq
    LIMIT $3
) AS r
WHERE l.division = $1
ORDER BY r.seq;

-- name: book
-- empty: no log tells of books beyond where it was looked through. Oldest first. Strange is one of another content than we
-- handed over under its number, or of a number that we did not, from the first that we did on.
SELECT l.bank, r.seq, r.what IS DISTINCT FROM 'activated' OR r.revision IS NULL OR NOT EXISTS (
        SELECT FROM policy_feed AS f
        WHERE f.division = $1 AND f.bank = l.bank AND f.version <= r.revision
    ) OR EXISTS (
        SELECT FROM policy_feed AS f
        WHERE f.division = $1 AND f.bank = l.bank AND f.version = r.revision AND f.digest = r.digest
    ) AS ours
FROM log AS l
LEFT JOIN not_ours_looked AS k ON k.division = l.division AND k.bank = l.bank AND k.what = 'book'
CROSS JOIN LATERAL (
    SELECT one.seq, record_field(one.body, 'what') AS what, record_field(one.body, 'digest') AS digest,
        substring(record_field(one.body, 'revision') FROM '^[0-9]{1,18}$')::bigint AS revision
    FROM log_record AS one
    WHERE one.division = l.division AND one.bank = l.bank AND one.kind = 'policy_activated'
        AND one.seq > coalesce(k.upto, -1)
    ORDER BY one.seq
    LIMIT $2
) AS r
WHERE l.division = $1
ORDER BY r.seq;

-- name: releases
-- empty: no log tells of ended holds beyond where it was looked through. Oldest first. A log can hold any words: what is no
-- digest is the digest of no order.
SELECT l.bank, r.seq, r.what IS NULL OR r.what NOT IN ('released', 'refused') OR EXISTS (
        SELECT FROM release_feed AS f
        WHERE f.division = $1 AND f.bank = l.bank
            AND f.digest = CASE WHEN r.order_sha256 ~ '^[0-9a-f]{64}$' THEN decode(r.order_sha256, 'hex') END
    ) AS ours
FROM log AS l
LEFT JOIN not_ours_looked AS k ON k.division = l.division AND k.bank = l.bank AND k.what = 'releases'
CROSS JOIN LATERAL (
    SELECT one.seq, record_field(one.body, 'what') AS what, record_field(one.body, 'order_sha256') AS order_sha256
    FROM log_record AS one
    WHERE one.division = l.division AND one.bank = l.bank AND one.kind = 'release'
        AND one.seq > coalesce(k.upto, -1)
    ORDER BY one.seq
    LIMIT $2
) AS r
WHERE l.division = $1
ORDER BY r.seq;

-- name: found
-- empty: always; what was found is kept once
INSERT INTO not_ours (division, bank, what, seq, found_at)
SELECT $1, n.bank, $2, n.seq, $5 FROM unnest($3::text[], $4::bigint[]) AS n (bank, seq)
ON CONFLICT DO NOTHING;

-- name: looked
-- empty: always; how far goes forward only
INSERT INTO not_ours_looked AS k (division, bank, what, upto)
SELECT $1, n.bank, $2, max(n.seq) FROM unnest($3::text[], $4::bigint[]) AS n (bank, seq) GROUP BY n.bank
ON CONFLICT (division, bank, what) DO UPDATE SET upto = greatest(k.upto, excluded.upto);

-- name: open
-- empty: all that was found was seen
SELECT n.bank, n.what, min(n.seq) AS first, max(n.seq) AS seq, count(*) AS records, min(n.found_at) AS found_at
FROM not_ours AS n
WHERE n.division = $1 AND n.seq > coalesce((
    SELECT max(s.upto) FROM not_ours_seen AS s
    WHERE s.division = n.division AND s.bank = n.bank AND s.what = n.what), -1)
GROUP BY n.bank, n.what
ORDER BY min(n.found_at), n.bank, n.what;

-- name: all
-- empty: nothing was ever found before $2 (found at, number, bank, what); newest first, each with who saw it
SELECT n.bank, n.what, n.seq, n.found_at, s.seen_by, s.seen_at, s.reason
FROM not_ours AS n
LEFT JOIN LATERAL (
    SELECT x.seen_by, x.seen_at, x.reason FROM not_ours_seen AS x
    WHERE x.division = n.division AND x.bank = n.bank AND x.what = n.what AND x.upto >= n.seq
    ORDER BY x.upto
    LIMIT 1
) AS s ON true
WHERE n.division = $1
    AND ($2::timestamptz IS NULL OR (n.found_at, n.seq, n.bank, n.what) < ($2, $3::bigint, $4::text, $5::text))
ORDER BY n.found_at DESC, n.seq DESC, n.bank DESC, n.what DESC
LIMIT $6;

-- name: see
-- empty: there is no such record, or it was seen already
INSERT INTO not_ours_seen (division, bank, what, upto, seen_by, seen_at, reason)
SELECT $1, $2, $3, $4, $5, $6, $7
WHERE EXISTS (SELECT FROM not_ours WHERE division = $1 AND bank = $2 AND what = $3 AND seq = $4)
    AND NOT EXISTS (SELECT FROM not_ours_seen WHERE division = $1 AND bank = $2 AND what = $3 AND upto >= $4)
ON CONFLICT DO NOTHING
RETURNING upto;

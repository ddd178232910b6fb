-- name: lock_division
-- empty: never; waits until nobody else loads registers of this division
SELECT pg_advisory_xact_lock(hashtextextended('treasury-gateway registers ' || $1, 0))

-- name: version_of
-- empty: nothing was loaded for this division yet
SELECT version FROM register_snapshot WHERE division = $1 ORDER BY version DESC LIMIT 1

-- name: feed_version_of
-- empty: the bureau's feed has said nothing of this division yet
SELECT coalesce(feed_version, version) FROM register_snapshot
WHERE division = $1 AND NOT by_voucher
ORDER BY coalesce(feed_version, version) DESC LIMIT 1

-- name: in_force
-- empty: nothing was loaded for this division yet
SELECT version, as_of FROM register_snapshot WHERE division = $1 ORDER BY version DESC LIMIT 1

-- name: digest_of
-- empty: the feed has no such version
SELECT digest FROM register_snapshot
WHERE division = $1 AND coalesce(feed_version, version) = $2 AND NOT by_voucher

-- name: voucher_applied
-- empty: none of these vouchers was applied before
SELECT v.fiscal_year, v.voucher_type, v.voucher_no, v.version, v.digest
FROM register_voucher AS v JOIN unnest($2::int[], $3::text[], $4::text[]) AS n (year, type, no)
     ON v.fiscal_year = n.year AND v.voucher_type = n.type AND v.voucher_no = n.no
WHERE v.division = $1

-- name: add_vouchers
-- empty: always
INSERT INTO register_voucher (division, fiscal_year, voucher_type, voucher_no, version, digest)
SELECT $1, n.year, n.type, n.no, $5, $6
FROM unnest($2::int[], $3::text[], $4::text[]) AS n (year, type, no)

-- name: indicators_of
-- empty: none of these agencies has an indicator
SELECT body FROM register_row
WHERE division = $1 AND register = 'indicators' AND until IS NULL
      AND (convert_from(body, 'UTF8')::json ->> 1) = ANY ($2::text[])

-- name: go_through
-- empty: always; whole tables are compared here, unlike anywhere else
SET LOCAL enable_seqscan = on

-- name: stage
-- empty: always; a row without a body is one to take away
CREATE TEMP TABLE staged (
    register text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    body bytea
) ON COMMIT DROP

-- name: count_staged
-- empty: always; so that the planner knows how many there are
ANALYZE staged

-- name: not_there
-- empty: every row that is to be taken away stands
SELECT s.register, s.key FROM staged AS s
WHERE s.body IS NULL AND NOT EXISTS (
    SELECT FROM register_row AS r
    WHERE r.division = $1 AND r.register = s.register AND r.key = s.key AND r.until IS NULL)
ORDER BY s.register, s.key
LIMIT 1000

-- name: end_by_delta
-- empty: never; how many rows stand no more
SELECT end_register_rows($1, $2, array_agg(g.register), array_agg(g.key))
FROM (
    SELECT s.register, s.key
    FROM staged AS s JOIN register_row AS r
         ON r.division = $1 AND r.register = s.register AND r.key = s.key AND r.until IS NULL
    WHERE s.body IS NULL OR r.body <> s.body
) AS g

-- name: end_by_snapshot
-- empty: never; how many rows stand no more
SELECT end_register_rows($1, $2, array_agg(g.register), array_agg(g.key))
FROM (
    SELECT r.register, r.key FROM register_row AS r
    WHERE r.division = $1 AND r.until IS NULL AND NOT EXISTS (
        SELECT FROM staged AS s
        WHERE s.register = r.register AND s.key = r.key AND s.body = r.body)
) AS g

-- name: put_rows
-- empty: always; a row that stands already with these bytes is left alone
INSERT INTO register_row (division, register, key, since, body)
SELECT $1, s.register, s.key, $2, s.body FROM staged AS s
WHERE s.body IS NOT NULL AND NOT EXISTS (
    SELECT FROM register_row AS r
    WHERE r.division = $1 AND r.register = s.register AND r.key = s.key AND r.until IS NULL)

-- name: add_version
-- empty: always
INSERT INTO register_snapshot (
    division, version, as_of, kind, digest, signer, signature, rows, feed_version, by_voucher, raw,
    vouched)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)

-- name: put_ages
-- empty: always; an age only falls
INSERT INTO register_age AS a (division, register, as_of, version)
SELECT $1, n.register, $3, $2 FROM unnest($4::text[]) AS n (register)
ON CONFLICT (division, register) DO UPDATE
SET as_of = greatest(a.as_of, excluded.as_of), version = excluded.version

-- name: standing_rows
-- empty: none of these keys stands
SELECT key, body FROM register_row
WHERE division = $1 AND register = $2 AND key = ANY ($3::text[]) AND until IS NULL

-- name: lock_lines
-- empty: always; where lines change and others are withdrawn, all of them are locked in the one order
-- of payments first: two rounds of locks, each sorted by itself, would meet them halfway
SELECT 1
FROM (SELECT n.kind, n.id
      FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS n (kind, id, granted, frozen)
           JOIN limit_line AS old ON old.division = $1 AND old.kind = n.kind AND old.id = n.id
      WHERE (old.granted_fen, old.frozen_fen) <> (n.granted, n.frozen)
      UNION
      SELECT g.kind, g.id FROM unnest($6::text[], $7::text[]) AS g (kind, id)) AS t
     JOIN limit_line AS line ON line.division = $1 AND line.kind = t.kind AND line.id = t.id
ORDER BY t.kind COLLATE "C", t.id COLLATE "C"
FOR UPDATE OF line

-- name: put_lines
-- empty: always; only lines that are new or whose grant changed are locked, in sorted order
INSERT INTO limit_line (
    division, kind, id, granted_fen, frozen_fen, opening_fen, reserved_fen, posted_fen, ceiling_fen)
SELECT $1, n.kind, n.id, n.granted, n.frozen, n.opening, 0, 0,
       greatest(n.granted - n.frozen - n.opening, 0)
FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
     AS n (kind, id, granted, frozen, opening)
     LEFT JOIN limit_line AS old ON old.division = $1 AND old.kind = n.kind AND old.id = n.id
WHERE old.id IS NULL OR (old.granted_fen, old.frozen_fen) <> (n.granted, n.frozen)
ORDER BY n.kind COLLATE "C", n.id COLLATE "C"
ON CONFLICT (division, kind, id) DO UPDATE
SET granted_fen = excluded.granted_fen,
    frozen_fen = excluded.frozen_fen,
    ceiling_fen = greatest(
        excluded.granted_fen - excluded.frozen_fen - limit_line.opening_fen,
        limit_line.reserved_fen + limit_line.posted_fen)

-- name: other_lines
-- empty: every known line is among these
SELECT line.kind, line.id FROM limit_line AS line
WHERE line.division = $1 AND line.granted_fen > 0 AND (line.kind, line.id) NOT IN (
    SELECT n.kind, n.id FROM unnest($2::text[], $3::text[]) AS n (kind, id))

-- name: withdraw_lines
-- empty: none of these lines was granted anything
WITH gone AS MATERIALIZED (
    SELECT line.kind, line.id
    FROM limit_line AS line JOIN unnest($2::text[], $3::text[]) AS n (kind, id)
         ON line.kind = n.kind AND line.id = n.id
    WHERE line.division = $1 AND line.granted_fen > 0
    ORDER BY line.kind, line.id
    FOR UPDATE OF line
)
UPDATE limit_line AS line
SET granted_fen = 0,
    ceiling_fen = greatest(0 - line.frozen_fen - line.opening_fen,
                           line.reserved_fen + line.posted_fen)
FROM gone
WHERE line.division = $1 AND line.kind = gone.kind AND line.id = gone.id
RETURNING line.kind, line.id

-- name: note_overdrawn
-- empty: never; how many lines have more spoken for than their grant leaves
SELECT note_overdrawn($1)

-- name: overdrawn
-- empty: no line of the division has more spoken for than its grant leaves
SELECT kind, id, granted_fen, frozen_fen, opening_fen, reserved_fen, posted_fen
FROM overdraft
WHERE division = $1
ORDER BY kind, id

-- name: tell
-- empty: never
SELECT pg_notify('registers', $1)

-- name: versions
-- empty: no registers were ever loaded
SELECT a.division, s.version, s.as_of, a.registers, a.ages
FROM (SELECT division, array_agg(register ORDER BY register) AS registers,
             array_agg(as_of ORDER BY register) AS ages
      FROM register_age GROUP BY division) AS a
     CROSS JOIN LATERAL (
        SELECT version, as_of FROM register_snapshot
        WHERE division = a.division ORDER BY version DESC LIMIT 1) AS s

-- name: age_then
-- empty: no such version
SELECT as_of FROM register_snapshot WHERE division = $1 AND version = $2

-- name: counts
-- empty: no row stands at that version
SELECT register, count(*) AS rows FROM register_row
WHERE division = $1 AND since <= $2 AND (until IS NULL OR until > $2)
GROUP BY register

-- name: whole
-- empty: no row stands at that version
SELECT register, key, body FROM register_row
WHERE division = $1 AND since <= $2 AND (until IS NULL OR until > $2)

-- name: put_since
-- empty: nothing was put after $2 that stands at $3
SELECT register, key, body FROM register_row
WHERE division = $1 AND since > $2 AND since <= $3 AND (until IS NULL OR until > $3)

-- name: ended_since
-- empty: nothing was taken away after $2 and up to $3
SELECT DISTINCT register, key FROM register_row
WHERE division = $1 AND until > $2 AND until <= $3 AND since <= $2

-- name: serve
-- empty: always
INSERT INTO served_division (division) SELECT unnest($1::text[])
ON CONFLICT (division) DO NOTHING

-- name: served
-- empty: no gateway of this database was started yet
SELECT division FROM served_division ORDER BY division

-- name: register_changes
-- empty: no version is asked about. What each put and ended, for its record and for who recounts it; never
-- by a function of the database: whoever owns that could make it say what it likes
SELECT v.version, (
           SELECT sha256(coalesce(string_agg(c.line, ''::bytea ORDER BY c.line), ''::bytea))
           FROM (
               SELECT sha256('\x01'::bytea || convert_to(register || '/' || key, 'UTF8') || '\x00' || body) AS line
               FROM register_row WHERE division = $1 AND since = v.version
               UNION ALL
               SELECT sha256('\x02'::bytea || convert_to(register || '/' || key, 'UTF8'))
               FROM register_row WHERE division = $1 AND until = v.version
           ) AS c
       ) AS rows_digest
FROM unnest($2::bigint[]) AS v (version)

-- name: unrecorded
-- empty: every version is in the log, and above $3 there is none. What is said to be in the log and is above
-- comes too: whether it is true is not this table's to say
SELECT version, as_of, kind, digest, signer, rows, applied_at, applied_in IS NULL AS of_before, vouched,
       recorded, told, by_voucher, feed_version AS as_kept,
       CASE WHEN NOT by_voucher THEN coalesce(feed_version, version) END AS feed_version,
       ARRAY(SELECT concat_ws('/', v.division, v.fiscal_year, v.voucher_type, v.voucher_no)
             FROM register_voucher AS v
             WHERE v.division = s.division AND v.version = s.version
             ORDER BY v.fiscal_year, v.voucher_type, v.voucher_no) AS vouchers
FROM register_snapshot AS s
WHERE division = $1 AND (NOT recorded OR (version > $3 AND applied_in IS NOT NULL))
ORDER BY version
LIMIT $2

-- name: mark_recorded
-- empty: somebody else has recorded it, and says so ($3: by the key for people's data, where there is one)
UPDATE register_snapshot SET recorded = true, told = $3
WHERE division = $1 AND version = $2
      AND (NOT recorded OR (applied_in IS NOT NULL AND told IS DISTINCT FROM $3))
RETURNING version

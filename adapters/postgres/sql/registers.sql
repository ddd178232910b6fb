-- name: lock_division
-- empty: never; waits until nobody else loads registers of this division
SELECT pg_advisory_xact_lock(hashtextextended('treasury-gateway registers ' || $1, 0))

-- name: version_of
-- empty: never; NULL when nothing was loaded for this division yet
SELECT max(version) AS version FROM register_snapshot WHERE division = $1

-- name: add_snapshot
-- empty: always
INSERT INTO register_snapshot (division, version, as_of, body) VALUES ($1, $2, $3, $4)

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

-- name: withdraw_lines
-- empty: every known line is in the new registers
WITH gone AS MATERIALIZED (
    SELECT line.kind, line.id FROM limit_line AS line
    WHERE line.division = $1 AND line.granted_fen > 0 AND (line.kind, line.id) NOT IN (
        SELECT n.kind, n.id FROM unnest($2::text[], $3::text[]) AS n (kind, id))
    ORDER BY line.kind, line.id
    FOR UPDATE
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
SELECT division, max(version) AS version FROM register_snapshot GROUP BY division

-- name: snapshot
-- empty: no such version
SELECT body FROM register_snapshot WHERE division = $1 AND version = $2

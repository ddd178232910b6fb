-- name: keep
-- empty: always; a message that is there already stays as it came first
INSERT INTO bulk_message (division, digest, taken_at, party, signature, payments, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (division, digest) DO NOTHING;

-- name: raw
-- empty: no such message was kept
SELECT raw FROM bulk_message WHERE division = $1 AND digest = $2;

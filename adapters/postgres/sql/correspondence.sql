-- name: keep
-- empty: a letter of this number came from this party before
INSERT INTO letter (division, party, id, name, digest, taken_at, signature, raw)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
RETURNING id

-- name: before
-- empty: never, where `keep` gave nothing; the emitted message makes this commit durable
SELECT l.digest, a.answer
FROM letter AS l LEFT JOIN letter_answer AS a USING (division, party, id)
WHERE l.division = $1 AND l.party = $2 AND l.id = $3
      AND (SELECT pg_logical_emit_message(true, 'treasury-gateway', '')) IS NOT NULL

-- name: answered
-- empty: it was answered before; that answer stands
INSERT INTO letter_answer (division, party, id, answered_at, answer)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
RETURNING answer

-- name: cleared
-- empty: no clearing voucher of these numbers came
SELECT voucher_no, sum(amount_fen)::bigint AS amount_fen FROM clearing_total
WHERE division = $1 AND voucher_no = ANY ($2::text[])
GROUP BY voucher_no

-- name: say
-- empty: this status was said of this recall before
INSERT INTO recall_word (division, recall, fiscal_year, voucher_type, voucher_no, status, said_at,
                         said_by, code, words, agency_code, asker)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
RETURNING status

-- name: notify
-- empty: always
INSERT INTO notification (division, created_at, agency_code, subject, body)
VALUES ($1, $2, $3, $4, $5)

-- name: words
-- empty: nobody was asked for anything under this name, or not in this division
SELECT division, fiscal_year, voucher_type, voucher_no, status, agency_code, asker
FROM recall_word
WHERE division = $1 AND recall = $2 AND voucher_no = $3
ORDER BY said_at

-- name: tell
-- empty: always
INSERT INTO pending_record (division, kind, subject, body, disclosures)
VALUES ($1, $2, $3, $4, $5)

-- name: lock_subject
-- empty: never; others who look for conflicts of this subject wait until this transaction ends
SELECT pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 0))

-- name: tell_conflict
-- empty: this content is on record already, or as many of this subject as are kept
WITH told AS (
    SELECT body FROM sealed_record WHERE division = $1 AND subject = $2 AND kind = 'conflict'
    UNION ALL
    SELECT body FROM pending_record WHERE division = $1 AND subject = $2 AND kind = 'conflict'
)
INSERT INTO pending_record (division, kind, subject, body, disclosures)
SELECT $1, 'conflict', $2, $3, $4
WHERE (SELECT count(*) < $6 AND count(*) FILTER (WHERE position($5::bytea IN body) > 0) = 0
       FROM told)
RETURNING id

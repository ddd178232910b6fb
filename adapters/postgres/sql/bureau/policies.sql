-- name: lock
-- empty: never; waits until nobody else numbers or decides on a draft of this division.
SELECT pg_advisory_xact_lock(hashtextextended('bureau policies ' || $1, 0));

-- name: add_draft
-- empty: never.
INSERT INTO policy_draft (division, seq, policy, place, document, reason, author, drafted_at, base)
SELECT $1, coalesce(max(seq), 0) + 1, $2, $3, $4, $5, $6, $7,
    coalesce(max(seq) FILTER (WHERE place = $3 AND agreed), 0)
FROM policy_draft WHERE division = $1
RETURNING seq;

-- name: drafts
-- empty: nobody changed a policy on the desk; newest first.
SELECT seq, policy, place, reason, author, drafted_at, decided_by, decided_at, agreed
FROM policy_draft
WHERE division = $1
ORDER BY seq DESC
LIMIT $2;

-- name: waiting_drafts
-- empty: nobody's word is waited for; oldest first, however many were decided since.
SELECT seq, policy, place, reason, author, drafted_at, decided_by, decided_at, agreed
FROM policy_draft
WHERE division = $1 AND agreed IS NULL
ORDER BY seq
LIMIT $2;

-- name: draft
-- empty: no such draft.
SELECT seq, policy, place, document, reason, author, drafted_at, decided_by, decided_at, agreed, returned_because
FROM policy_draft
WHERE division = $1 AND seq = $2;

-- name: agreed
-- empty: nothing was agreed to; the last one of each document.
SELECT DISTINCT ON (place) place, document FROM policy_draft
WHERE division = $1 AND agreed
ORDER BY place, seq DESC;

-- name: decide
-- empty: it was decided before, or is the decider's own; or, to be agreed to, it was written upon a document that another one has
-- replaced since, or by somebody whose account is closed.
UPDATE policy_draft AS d SET decided_by = $3, decided_at = $4, agreed = $5, returned_because = nullif($6, '')
WHERE d.division = $1 AND d.seq = $2 AND d.decided_by IS NULL AND d.author <> $3
AND (NOT $5 OR d.base = (
    SELECT coalesce(max(o.seq), 0) FROM policy_draft AS o
    WHERE o.division = d.division AND o.place = d.place AND o.agreed
))
AND (NOT $5 OR NOT EXISTS (SELECT FROM desk_person AS p WHERE p.login = d.author AND p.disabled))
RETURNING policy;

-- name: add_feed
-- empty: this revision is on its way before.
INSERT INTO policy_feed (
    division, bank, version, digest, author, approver, not_before, signed_at, signature, body
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING
RETURNING version;

-- name: feeds
-- empty: no signed book was handed over; newest first.
SELECT bank, version, digest, author, approver, not_before, signed_at, acknowledged_at, attempts,
    trouble
FROM policy_feed
WHERE division = $1
ORDER BY version DESC, bank
LIMIT $2;

-- name: books_since
-- empty: no signed book was handed over since $2; oldest first.
SELECT DISTINCT ON (version) version, body
FROM policy_feed
WHERE division = $1 AND signed_at >= $2
ORDER BY version, bank
LIMIT $3;

-- name: waiting_feeds
-- empty: every gateway has acknowledged every book that it may still take; the oldest of each bank. One that its gateway
-- refuses (its words begin with the status) keeps no newer one waiting, and is sent no more once a newer one was taken. Of those in $1 (division/bank) nothing is read.
SELECT DISTINCT ON (division, bank) division, bank, version, signature, body, attempts
FROM (
    SELECT f.*, coalesce(f.trouble ~ '^4[0-9][0-9] ', false) AS refused
    FROM policy_feed AS f
    WHERE f.acknowledged_at IS NULL AND f.division || '/' || f.bank <> ALL ($1::text[])
) AS waiting
WHERE NOT (refused AND EXISTS (
    SELECT FROM policy_feed AS newer
    WHERE newer.division = waiting.division AND newer.bank = waiting.bank
        AND newer.version > waiting.version AND newer.acknowledged_at IS NOT NULL
))
ORDER BY division, bank, refused, CASE WHEN refused THEN attempts ELSE 0 END, version;

-- name: attempted
-- empty: always; an acknowledgement is kept for ever.
UPDATE policy_feed
SET attempts = attempts + 1, last_attempt_at = $4::timestamptz, trouble = $5::text,
    acknowledged_at = CASE WHEN $5::text IS NULL THEN $4::timestamptz END
WHERE division = $1 AND bank = $2 AND version = $3 AND acknowledged_at IS NULL;

-- name: activations
-- empty: no gateway told which book it applies. The newest of each bank, newest first: numbers of two logs say nothing of
-- which was first, and the longer one would leave no room for the other.
SELECT r.bank, r.seq, r.body
FROM log AS l
CROSS JOIN LATERAL (
    SELECT one.bank, one.seq, one.body FROM log_record AS one
    WHERE one.division = l.division AND one.bank = l.bank AND one.kind = 'policy_activated'
    ORDER BY one.seq DESC
    LIMIT $2
) AS r
WHERE l.division = $1
ORDER BY r.seq DESC, r.bank;

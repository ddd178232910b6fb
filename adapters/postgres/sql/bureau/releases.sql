-- name: open_holds
-- empty: no hold of this division waits, as far as the bureau was told; oldest first.
SELECT
    i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank, i.agency_code, i.agency_name,
    i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at,
    i.record_seq IS NOT NULL AS recorded,
    EXISTS (
        SELECT FROM release_proposal AS p
        LEFT JOIN release_rejection AS n USING (division, digest)
        WHERE p.division = i.division AND p.fiscal_year = i.fiscal_year
            AND p.voucher_type = i.voucher_type AND p.voucher_no = i.voucher_no
            AND p.bank = i.bank AND n.digest IS NULL
    ) AS proposed
FROM open_hold AS h
INNER JOIN interception AS i USING (division, fiscal_year, voucher_type, voucher_no, bank)
WHERE h.division = $1
ORDER BY i.decided_at, i.voucher_no
LIMIT $2;

-- name: decidable
-- empty: never. Whether the hold waits as far as the bureau was told; the newest other proposal that
-- waits for a second person; when the newest other order was proposed whose end no record tells.
SELECT
    EXISTS (
        SELECT FROM open_hold AS h
        WHERE h.division = $1 AND h.bank = $2 AND h.fiscal_year = $3 AND h.voucher_type = $4
            AND h.voucher_no = $5
    ) AS held,
    max(p.proposed_at) FILTER (WHERE a.digest IS NULL) AS waiting_since,
    max(p.proposed_at) FILTER (
        WHERE a.digest IS NOT NULL AND order_end(p.division, p.bank, p.digest, concat_ws(
            '/', p.division, p.fiscal_year, p.voucher_type, p.voucher_no
        )) IS NULL
    ) AS ordered_since
FROM release_proposal AS p
LEFT JOIN release_approval AS a USING (division, digest)
LEFT JOIN release_rejection AS n USING (division, digest)
WHERE p.division = $1 AND p.bank = $2 AND p.fiscal_year = $3 AND p.voucher_type = $4
    AND p.voucher_no = $5 AND p.digest <> $6 AND n.digest IS NULL;

-- name: propose
-- empty: this very decision was proposed before.
INSERT INTO release_proposal (
    division, digest, bank, fiscal_year, voucher_type, voucher_no, decision, proposer, uri,
    signature, proposed_at, login
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: proposal
-- empty: nothing was proposed under this digest. `closed`: the account that it was proposed under is closed.
SELECT
    p.division, p.digest, p.bank, p.fiscal_year, p.voucher_type, p.voucher_no, p.decision,
    p.proposer, p.uri, p.signature, p.proposed_at, a.approver, a.approved_at,
    n.person AS rejected_by, n.reason AS rejected_because, f.version, f.acknowledged_at,
    f.attempts, f.trouble, (a.digest IS NOT NULL AND f.digest IS NULL) AS voided,
    EXISTS (SELECT FROM desk_person AS d WHERE d.login = p.login AND d.disabled) AS closed
FROM release_proposal AS p
LEFT JOIN release_approval AS a USING (division, digest)
LEFT JOIN release_rejection AS n USING (division, digest)
LEFT JOIN release_feed AS f
    ON f.division = p.division AND f.bank = p.bank AND f.digest = p.digest
WHERE p.division = $1 AND p.digest = $2;

-- name: proposals
-- empty: nothing was proposed yet; newest first.
SELECT
    p.division, p.digest, p.bank, p.fiscal_year, p.voucher_type, p.voucher_no, p.decision,
    p.proposer, p.uri, p.signature, p.proposed_at, a.approver, a.approved_at,
    n.person AS rejected_by, n.reason AS rejected_because, f.version, f.acknowledged_at,
    f.attempts, f.trouble, (a.digest IS NOT NULL AND f.digest IS NULL) AS voided
FROM release_proposal AS p
LEFT JOIN release_approval AS a USING (division, digest)
LEFT JOIN release_rejection AS n USING (division, digest)
LEFT JOIN release_feed AS f
    ON f.division = p.division AND f.bank = p.bank AND f.digest = p.digest
WHERE p.division = $1
ORDER BY p.proposed_at DESC, p.digest
LIMIT $2;

-- name: lock_feed
-- empty: never; waits until nobody else numbers a feed of this bank, or decides on a proposal of it.
SELECT pg_advisory_xact_lock(hashtextextended('bureau releases ' || $1 || ' ' || $2, 0));

-- name: approve
-- empty: it was approved before.
INSERT INTO release_approval (division, digest, proposer, approver, uri, signature, approved_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: reject
-- empty: it was rejected before.
INSERT INTO release_rejection (division, digest, person, reason, rejected_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: last_version
-- empty: never.
SELECT coalesce(max(version), 0) FROM release_feed WHERE division = $1 AND bank = $2;

-- name: add_feed
-- empty: always.
INSERT INTO release_feed (division, bank, version, digest, signed_at, signature, body)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: waiting_feeds
-- empty: every gateway has acknowledged everything; the oldest of each bank, for they go in order.
-- Of those in $1 (division/bank) nothing is read.
SELECT DISTINCT ON (division, bank) division, bank, version, digest, signature, body, attempts
FROM release_feed
WHERE acknowledged_at IS NULL AND division || '/' || bank <> ALL ($1::text[])
ORDER BY division, bank, version;

-- name: attempted
-- empty: always; an acknowledgement is kept for ever.
UPDATE release_feed
SET attempts = attempts + 1, last_attempt_at = $4::timestamptz, trouble = $5::text,
    refusal = $7::text,
    acknowledged_at = CASE WHEN $5::text IS NULL THEN $4::timestamptz END
WHERE division = $1 AND bank = $2 AND version = $3 AND signature = $6 AND acknowledged_at IS NULL;

-- name: stopped_by
-- empty: no order about it was stopped by what was found. In canonical JSON no text can hold these marks.
SELECT body
FROM log_record
WHERE division = $1 AND bank || '' = $2 AND subject = $3 AND subject <> '' AND kind = 'release'
    AND position('"what":"not_carried_out"'::bytea IN body) > 0
    AND position('"why":"findings"'::bytea IN body) > 0
ORDER BY seq DESC
LIMIT 1;

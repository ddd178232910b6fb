-- name: first_open
-- empty: never; the first number whose acknowledgement is not known here.
SELECT coalesce(
    (SELECT min(version) FROM release_feed
     WHERE division = $1 AND bank = $2 AND acknowledged_at IS NULL),
    (SELECT max(version) + 1 FROM release_feed WHERE division = $1 AND bank = $2),
    1
);

-- name: feed_at
-- empty: no feed has this number.
SELECT f.version, f.digest, f.body, f.signature, f.acknowledged_at, v.digest IS NOT NULL AS is_void
FROM release_feed AS f
LEFT JOIN release_void AS v USING (division, digest)
WHERE f.division = $1 AND f.bank = $2 AND f.version = $3;

-- name: feed_of
-- empty: no feed for this bank carries this decision.
SELECT f.version, f.digest, f.body, f.signature, f.acknowledged_at, v.digest IS NOT NULL AS is_void
FROM release_feed AS f
LEFT JOIN release_void AS v USING (division, digest)
WHERE f.division = $1 AND f.bank = $2 AND f.digest = $3;

-- name: waiting_after
-- empty: nothing was signed after this number; in order.
SELECT version, digest, body, signature, acknowledged_at
FROM release_feed
WHERE division = $1 AND bank = $2 AND version > $3 AND acknowledged_at IS NULL
ORDER BY version;

-- name: acknowledge
-- empty: always.
UPDATE release_feed SET acknowledged_at = $4, trouble = NULL, refusal = NULL
WHERE division = $1 AND bank = $2 AND version = $3 AND acknowledged_at IS NULL;

-- name: set_aside
-- empty: never; false where it stood there no more, or was acknowledged.
SELECT set_feed_aside($1, $2, $3, $4, $5, $6);

-- name: proposal_held
-- empty: this very decision is known here.
INSERT INTO release_proposal (
    division, digest, bank, fiscal_year, voucher_type, voucher_no, decision, proposer, uri,
    signature, proposed_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: approval_held
-- empty: never.
SELECT approval_held(p.division, p.digest, p.proposer, $3, $4, $5, $6)
FROM release_proposal AS p
WHERE p.division = $1 AND p.digest = $2;

-- name: add_feed
-- empty: always; $8: when its gateway was known to have it, if it is.
INSERT INTO release_feed (
    division, bank, version, digest, signed_at, signature, body, acknowledged_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: last_version
-- empty: never.
SELECT coalesce(max(version), 0) FROM release_feed WHERE division = $1 AND bank = $2;

-- name: add_void
-- empty: this very void was proposed before.
INSERT INTO release_void (
    division, digest, bank, version, order_digest, decision, proposer, uri, signature, proposed_at,
    login
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: approve_void
-- empty: it was approved before.
INSERT INTO release_void_approval (
    division, digest, proposer, approver, uri, signature, approved_at
)
SELECT v.division, v.digest, v.proposer, $3, $4, $5, $6
FROM release_void AS v
WHERE v.division = $1 AND v.digest = $2
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: reject_void
-- empty: it was rejected before.
INSERT INTO release_void_rejection (division, digest, person, reason, rejected_at)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (division, digest) DO NOTHING
RETURNING digest;

-- name: refused_feeds
-- empty: no gateway refuses what is next for it. The oldest of each bank: the others wait behind it.
SELECT
    f.division, f.bank, f.version, f.digest, f.body, f.signature, f.signed_at, f.attempts,
    f.last_attempt_at, f.trouble, f.refusal, coalesce(v.order_digest, f.digest) AS order_digest,
    p.fiscal_year, p.voucher_type, p.voucher_no, p.decision, p.proposer, a.approver,
    v.digest IS NOT NULL AS is_void,
    (SELECT count(*) FROM release_feed AS b
     WHERE b.division = f.division AND b.bank = f.bank AND b.version > f.version) AS behind
FROM (
    SELECT DISTINCT ON (bank) *
    FROM release_feed
    WHERE division = $1 AND acknowledged_at IS NULL
    ORDER BY bank, version
) AS f
LEFT JOIN release_void AS v ON v.division = f.division AND v.digest = f.digest
LEFT JOIN release_proposal AS p
    ON p.division = f.division AND p.digest = coalesce(v.order_digest, f.digest)
LEFT JOIN release_approval AS a ON a.division = p.division AND a.digest = p.digest
WHERE f.refusal IS NOT NULL AND ($2::text IS NULL OR f.bank = $2)
ORDER BY f.bank;

-- name: voids
-- empty: nothing was ever to be made void; newest first.
SELECT
    v.division, v.digest, v.bank, v.version, v.order_digest, v.decision, v.proposer, v.uri,
    v.signature, v.proposed_at, a.approver, a.approved_at, n.person AS rejected_by,
    n.reason AS rejected_because, f.acknowledged_at, f.attempts, f.trouble,
    f.version IS NOT NULL AS stands, s.why AS aside,
    EXISTS (SELECT FROM desk_person AS d WHERE d.login = v.login AND d.disabled) AS closed
FROM release_void AS v
LEFT JOIN release_void_approval AS a USING (division, digest)
LEFT JOIN release_void_rejection AS n USING (division, digest)
LEFT JOIN release_feed AS f
    ON f.division = v.division AND f.bank = v.bank AND f.digest = v.digest
LEFT JOIN LATERAL (
    SELECT g.why FROM release_feed_aside AS g
    WHERE g.division = v.division AND g.bank = v.bank AND g.digest = v.digest
    LIMIT 1
) AS s ON true
WHERE v.division = $1 AND ($2::bytea IS NULL OR v.digest = $2)
ORDER BY v.proposed_at DESC, v.digest
LIMIT $3;

-- name: open_void
-- empty: no void of this number waits for a second person.
SELECT v.digest
FROM release_void AS v
LEFT JOIN release_void_approval AS a USING (division, digest)
LEFT JOIN release_void_rejection AS n USING (division, digest)
WHERE v.division = $1 AND v.bank = $2 AND v.version = $3 AND v.order_digest = $4
    AND a.digest IS NULL AND n.digest IS NULL AND v.proposed_at > $5
LIMIT 1;

-- name: claim_release
-- empty: never; `result` says whether it was claimed
SELECT result, short_demand, short_available, moved_ask, moved_value
FROM claim_release(
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
    $22, $23, $24, $25, $26, $27, $28, $29, $30)

-- name: end_hold
-- empty: never; false where nothing was written
SELECT end_hold($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)

-- name: dismiss_release
-- empty: never; false where the order was done before
SELECT dismiss_release($1, $2, $3, $4, $5, $6)

-- name: open_holds
-- empty: nothing is held; oldest first
SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.agency_code, i.amount_fen,
       i.decided_at, i.decision
FROM instruction AS i
WHERE i.division = $1 AND i.outcome = 'held'
      AND i.decided_at >= coalesce(
          (SELECT before FROM hold_swept WHERE division = $1), '-infinity'::timestamptz)
      AND i.decided_at <= $2
      AND ($3::text IS NULL OR i.agency_code = $3)
      AND NOT EXISTS (
          SELECT FROM hold_end AS h
          WHERE h.division = i.division AND h.fiscal_year = i.fiscal_year
                AND h.voucher_type = i.voucher_type AND h.voucher_no = i.voucher_no)
ORDER BY i.decided_at, i.fiscal_year, i.voucher_type, i.voucher_no
LIMIT $4

-- name: swept
-- empty: always; the mark only rises
INSERT INTO hold_swept AS s (division, before) VALUES ($1, $2)
ON CONFLICT (division) DO UPDATE SET before = greatest(s.before, excluded.before)

-- name: open_orders
-- empty: every order of the bureau was carried out, or dismissed
SELECT division, body
FROM (
    SELECT r.division, r.body, row_number() OVER (
        PARTITION BY r.division ORDER BY r.received_at, r.digest
    ) AS place
    FROM open_release AS o JOIN release_order AS r USING (division, digest)
) AS waiting
WHERE place <= $1
ORDER BY division, place

-- name: given_in
-- empty: no feed that was taken brought this order
SELECT f.body, f.signature
FROM release_order AS r JOIN release_feed AS f USING (division, version)
WHERE r.division = $1 AND r.digest = $2

-- name: told
-- empty: no record tells of an order about it, or of an end of its hold; or the order, or the hold, is open
-- no more, as it is wherever such a record was written
SELECT told.body
FROM (
    SELECT body FROM sealed_record WHERE division = $1 AND subject = $2 AND kind = 'release'
    UNION ALL
    SELECT body FROM pending_record WHERE division = $1 AND subject = $2 AND kind = 'release'
) AS told
WHERE EXISTS (SELECT FROM open_release AS o WHERE o.division = $1 AND o.digest = $3)
      AND NOT EXISTS (
          SELECT FROM hold_end AS h
          WHERE h.division = $1 AND h.fiscal_year = $4 AND h.voucher_type = $5 AND h.voucher_no = $6)

-- name: lock_feed
-- empty: never; waits until nobody else takes a feed of this division
SELECT pg_advisory_xact_lock(hashtextextended('treasury-gateway releases ' || $1, 0))

-- name: feed_version
-- empty: no feed of releases was taken from this bureau yet
SELECT version, digest FROM release_feed WHERE division = $1 ORDER BY version DESC LIMIT 1

-- name: feed_digest
-- empty: nothing was taken under this number
SELECT digest FROM release_feed WHERE division = $1 AND version = $2

-- name: held_feeds
-- empty: nothing was taken from this number on; in order
SELECT version, body, signature FROM release_feed
WHERE division = $1 AND version >= $2
ORDER BY version
LIMIT $3

-- name: add_feed
-- empty: always
INSERT INTO release_feed (division, version, digest, body, signature, signer, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: add_orders
-- empty: always; an order that was given before is not given again
WITH new AS (
    INSERT INTO release_order (division, digest, version, body, received_at)
    SELECT $1, o.digest, $2, o.body, $3 FROM unnest($4::bytea[], $5::bytea[]) AS o (digest, body)
    ON CONFLICT DO NOTHING
    RETURNING division, digest
)
INSERT INTO open_release (division, digest) SELECT division, digest FROM new

-- name: notifications
-- empty: everything was acknowledged; oldest first
SELECT id, subject, created_at, body
FROM notification
WHERE division = $1 AND ($2::text IS NULL OR agency_code = $2) AND acknowledged_at IS NULL
ORDER BY id
LIMIT $3

-- name: acknowledge_notifications
-- empty: none of them waits for this reader
UPDATE notification SET acknowledged_at = $4, acknowledged_by = $5
WHERE division = $1 AND ($2::text IS NULL OR agency_code = $2) AND id = ANY ($3::bigint[])
      AND acknowledged_at IS NULL
RETURNING id

-- name: refund
-- empty: never; `result` says what came of it
SELECT result, refundable
FROM refund_payment($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
                    $19)

-- name: untold_overdrafts
-- empty: every line on which too much is spoken for is on record
SELECT kind, id, granted_fen, frozen_fen, opening_fen, reserved_fen, posted_fen, noted_at
FROM overdraft WHERE division = $1 AND NOT told
ORDER BY kind, id
LIMIT $2

-- name: tell_overdraft
-- empty: it was told by somebody else, or is no more
UPDATE overdraft SET told = true
WHERE division = $1 AND kind = $2 AND id = $3 AND noted_at = $4 AND NOT told
RETURNING id

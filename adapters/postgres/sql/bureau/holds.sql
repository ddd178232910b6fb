-- name: open_holds
-- empty: nothing waits after this place ($9: for that step); oldest first. The page is cut before anything is joined.
-- `waits`: for a proposal (propose), for another's word (approve) or for its gateway (carry_out), as what was proposed since $8
-- and neither sent back nor ended says; what is older is void.
WITH h AS MATERIALIZED (
    SELECT o.division, o.fiscal_year, o.voucher_type, o.voucher_no, o.bank, o.decided_at,
        COALESCE(said.waits, 'propose') AS waits
    FROM open_hold AS o
    CROSS JOIN LATERAL (
        SELECT CASE
            WHEN bool_or(a.digest IS NULL) THEN 'approve' WHEN count(*) > 0 THEN 'carry_out'
        END AS waits
        FROM release_proposal AS p
        LEFT JOIN release_approval AS a USING (division, digest)
        WHERE p.division = o.division AND p.fiscal_year = o.fiscal_year
            AND p.voucher_type = o.voucher_type AND p.voucher_no = o.voucher_no
            AND p.bank = o.bank AND p.proposed_at >= $8::timestamptz
            AND NOT EXISTS (
                SELECT FROM release_rejection AS n
                WHERE n.division = p.division AND n.digest = p.digest
            )
            AND (a.digest IS NULL OR order_end(p.division, p.bank, p.digest, concat_ws(
                '/', p.division, p.fiscal_year, p.voucher_type, p.voucher_no
            )) IS NULL)
    ) AS said
    WHERE o.division = $1
        AND ($2::timestamptz IS NULL
            OR (o.decided_at, o.voucher_no, o.bank, o.voucher_type, o.fiscal_year)
                > ($2::timestamptz, $3::text, $4::text, $5::text, $6::integer))
        AND ($9::text IS NULL OR (COALESCE(said.waits, 'propose') = $9 AND EXISTS (
            SELECT FROM interception AS r
            WHERE r.division = o.division AND r.fiscal_year = o.fiscal_year
                AND r.voucher_type = o.voucher_type AND r.voucher_no = o.voucher_no
                AND r.bank = o.bank AND r.record_seq IS NOT NULL
        )))
    ORDER BY o.decided_at, o.voucher_no, o.bank, o.voucher_type, o.fiscal_year
    LIMIT $7
)
SELECT
    i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank, i.agency_code, i.agency_name,
    i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at, t.body AS notice_body,
    i.record_seq IS NOT NULL AS recorded, h.waits
FROM h
CROSS JOIN LATERAL (
    SELECT * FROM interception AS one
    WHERE one.division = h.division AND one.fiscal_year = h.fiscal_year
        AND one.voucher_type = h.voucher_type AND one.voucher_no = h.voucher_no
        AND one.bank = h.bank
    OFFSET 0
) AS i
LEFT JOIN notice AS t
    ON t.division = i.division AND t.bank = i.bank AND t.digest = i.notice_digest
ORDER BY h.decided_at, h.voucher_no, h.bank, h.voucher_type, h.fiscal_year;

-- name: proposals
-- empty: nothing was proposed before this place; newest first, those of one moment by their digest.
SELECT
    p.digest, p.bank, p.fiscal_year, p.voucher_type, p.voucher_no, p.decision, p.proposer,
    p.proposed_at, a.approver, a.approved_at, n.person AS rejected_by,
    n.reason AS rejected_because, n.rejected_at, f.version, f.acknowledged_at, f.attempts,
    f.trouble, (a.digest IS NOT NULL AND f.digest IS NULL) AS voided,
    order_end(p.division, p.bank, p.digest, concat_ws(
        '/', p.division, p.fiscal_year, p.voucher_type, p.voucher_no
    )) AS order_end,
    EXISTS (
        SELECT FROM open_hold AS h
        WHERE h.division = p.division AND h.bank = p.bank AND h.fiscal_year = p.fiscal_year
            AND h.voucher_type = p.voucher_type AND h.voucher_no = p.voucher_no
    ) AS held
FROM release_proposal AS p
LEFT JOIN release_approval AS a USING (division, digest)
LEFT JOIN release_rejection AS n USING (division, digest)
LEFT JOIN release_feed AS f
    ON f.division = p.division AND f.bank = p.bank AND f.digest = p.digest
WHERE p.division = $1
    AND ($2::timestamptz IS NULL
        OR (p.proposed_at <= $2::timestamptz
            AND (p.proposed_at < $2::timestamptz OR p.digest > $8::bytea)))
    AND ($3::integer IS NULL
        OR (p.fiscal_year = $3 AND p.voucher_type = $4::text AND p.voucher_no = $5::text
            AND p.bank = $6::text))
ORDER BY p.proposed_at DESC, p.digest
LIMIT $7;

-- name: ends
-- empty: the gateway's log says nothing of an end yet. A page's worth: one payment has a few.
SELECT bank, seq, body
FROM log_record
WHERE division = $1 AND bank || '' = $2 AND subject = $3 AND subject <> ''
    AND kind IN ('release', 'bank_outcome')
ORDER BY seq
LIMIT 50;

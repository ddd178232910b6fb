-- name: keep_notices
-- empty: these very bytes were received before; that is absorbed.
INSERT INTO notice (division, bank, digest, body, signature, signer, received_at)
SELECT $1, $2, n.digest, n.body, n.signature, n.signer, $7
FROM unnest($3::bytea[], $4::bytea[], $5::text[], $6::text[]) AS n (digest, body, signature, signer)
ON CONFLICT (division, bank, digest) DO NOTHING
RETURNING digest;

-- name: note_notices
-- empty: always. The caller gives each instruction once, sorted. A record that came first keeps its word; the notice joins it and lends the
-- payee's shown name, which the record of a person holds as a commitment only.
INSERT INTO interception AS i (
    division, fiscal_year, voucher_type, voucher_no, bank, outcome, agency_code, agency_name,
    payee_name, amount_fen, policies, reason_zh, decided_at, notice_digest, noticed_at, state
)
SELECT
    $1, n.fiscal_year, n.voucher_type, n.voucher_no, $2, n.outcome, n.agency_code, n.agency_name,
    n.payee_name, n.amount_fen, string_to_array(n.policies, ' '), n.reason_zh, n.decided_at,
    n.notice_digest, $3, n.outcome
FROM unnest(
    $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::bigint[], $12::text[], $13::text[], $14::timestamptz[], $15::bytea[]
) AS n (
    fiscal_year, voucher_type, voucher_no, outcome, agency_code, agency_name, payee_name,
    amount_fen, policies, reason_zh, decided_at, notice_digest
)
ON CONFLICT (division, fiscal_year, voucher_type, voucher_no, bank) DO UPDATE
SET payee_name = CASE WHEN i.payee_name = '' THEN EXCLUDED.payee_name ELSE i.payee_name END,
    notice_digest = EXCLUDED.notice_digest,
    noticed_at = COALESCE(i.noticed_at, EXCLUDED.noticed_at);

-- name: note_records
-- empty: always. The proven record has the last word over a notice that came first. The caller
-- gives each instruction once: a row cannot be merged twice in one statement.
INSERT INTO interception AS i (
    division, fiscal_year, voucher_type, voucher_no, bank, outcome, agency_code, agency_name,
    payee_name, amount_fen, policies, reason_zh, decided_at, told_digest, recorded_at, record_seq,
    state
)
SELECT
    $1, n.fiscal_year, n.voucher_type, n.voucher_no, $2, n.outcome, n.agency_code, n.agency_name,
    n.payee_name, n.amount_fen, string_to_array(n.policies, ' '), n.reason_zh, n.decided_at,
    n.told_digest, $3, n.record_seq, n.outcome
FROM unnest(
    $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[],
    $11::bigint[], $12::text[], $13::text[], $14::timestamptz[], $15::bytea[], $16::bigint[]
) AS n (
    fiscal_year, voucher_type, voucher_no, outcome, agency_code, agency_name, payee_name,
    amount_fen, policies, reason_zh, decided_at, told_digest, record_seq
)
ON CONFLICT (division, fiscal_year, voucher_type, voucher_no, bank) DO UPDATE
SET outcome = EXCLUDED.outcome,
    agency_code = EXCLUDED.agency_code,
    agency_name = EXCLUDED.agency_name,
    payee_name = CASE WHEN EXCLUDED.payee_name = '' THEN i.payee_name ELSE EXCLUDED.payee_name END,
    amount_fen = EXCLUDED.amount_fen,
    policies = EXCLUDED.policies,
    reason_zh = EXCLUDED.reason_zh,
    decided_at = EXCLUDED.decided_at,
    told_digest = EXCLUDED.told_digest,
    recorded_at = EXCLUDED.recorded_at,
    record_seq = EXCLUDED.record_seq,
    state = EXCLUDED.outcome;

-- name: note_warnings
-- empty: always. The proven records of payments that passed with a warning; the caller gives each
-- once, sorted. An instruction is judged once: what is there is there.
INSERT INTO warned (
    division, fiscal_year, voucher_type, voucher_no, bank, agency_code, agency_name, payee_name,
    amount_fen, policies, reason_zh, decided_at, recorded_at, record_seq
)
SELECT
    $1, n.fiscal_year, n.voucher_type, n.voucher_no, $2, n.agency_code, n.agency_name,
    n.payee_name, n.amount_fen, string_to_array(n.policies, ' '), n.reason_zh, n.decided_at, $3,
    n.record_seq
FROM unnest(
    $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::bigint[],
    $11::text[], $12::text[], $13::timestamptz[], $14::bigint[]
) AS n (
    fiscal_year, voucher_type, voucher_no, agency_code, agency_name, payee_name, amount_fen,
    policies, reason_zh, decided_at, record_seq
)
ON CONFLICT DO NOTHING;

-- name: interception
-- empty: this instruction was neither intercepted nor warned of (by this bank, if one is named), or not told of. A number that several
-- banks told of is a line of each; `held_by` says how many hold it.
SELECT
    count(*) FILTER (WHERE i.outcome = 'held') OVER () AS held_by,
    i.division, i.fiscal_year, i.voucher_type, i.voucher_no, i.bank, i.outcome, i.state, i.agency_code,
    i.agency_name, i.payee_name, i.amount_fen, i.policies, i.reason_zh, i.decided_at, i.noticed_at,
    i.record_seq, i.recorded_at, COALESCE(i.told_digest <> i.notice_digest, false) AS disagrees,
    n.body AS notice_body, n.signer AS notice_signer, r.body AS record_body
FROM found_line AS i
LEFT JOIN notice AS n
    ON n.division = i.division AND n.bank = i.bank AND n.digest = i.notice_digest
LEFT JOIN log_record AS r
    ON r.division = i.division AND r.bank = i.bank AND r.seq = i.record_seq
WHERE i.division = $1 AND i.fiscal_year = $2 AND i.voucher_type = $3 AND i.voucher_no = $4
    AND ($5::text IS NULL OR i.bank = $5)
ORDER BY i.outcome = 'warned', i.bank
LIMIT 1;

-- name: count_notices
-- empty: never.
SELECT count(*) FROM notice WHERE division = $1 AND bank = $2;

-- name: logs
-- empty: no bank reports to this division yet.
SELECT
    l.division, l.bank, l.origin, l.size, l.cosigned_at,
    (SELECT count(*) FROM misbehaviour AS m WHERE m.division = l.division AND m.bank = l.bank)
        AS misbehaviours
FROM log AS l
WHERE l.division = $1
ORDER BY l.bank;

-- name: search
-- empty: nothing fits, or nothing before the place asked for. The words, if any, are looked for in
-- the newest $17 lines that fit the rest: a search is bounded whatever is typed. The last of these is given whether it has
-- the words (`fits`) or not, so that whoever asks can go on from it. The order is total: at one
-- moment several banks may tell of one number, and a page that ends between them goes on with the other.
SELECT
    division, fiscal_year, voucher_type, voucher_no, bank, outcome, state, agency_code, agency_name,
    payee_name, amount_fen, policies, reason_zh, decided_at, noticed_at, record_seq, recorded_at,
    COALESCE(told_digest <> notice_digest, false) AS disagrees, fits, nth = $17 AS last_looked_at
FROM (
SELECT
    *, row_number() OVER (
        ORDER BY decided_at DESC, voucher_no DESC, bank DESC, voucher_type DESC, fiscal_year DESC
    ) AS nth,
    $15::text IS NULL
    OR position(lower($15) IN lower(payee_name)) > 0
    OR position(lower($15) IN lower(agency_name)) > 0
    OR right(voucher_no, length($15)) = $15
    OR agency_code = $15
    OR position(lower($15) IN lower(reason_zh)) > 0 AS fits
FROM (
    SELECT *
    FROM interception
    WHERE division = $1
    AND ($2::timestamptz IS NULL
        OR (decided_at, voucher_no, bank, voucher_type, fiscal_year) < ($2, $3, $18, $19, $20))
    AND ($4::text IS NULL OR agency_code = $4)
    AND ($5::text IS NULL OR (left(agency_code, 3) = $5 OR length($5) <> 3)
        AND starts_with(agency_code, $5))
    AND ($6::text IS NULL OR bank = $6)
    AND ($7::text IS NULL OR policies @> ARRAY[$7])
    AND ($8::text IS NULL OR outcome = $8)
    AND ($9::text IS NULL OR state = $9)
    AND ($10::text IS NULL OR voucher_no = $10)
    AND ($11::bigint IS NULL OR amount_fen >= $11)
    AND ($12::bigint IS NULL OR amount_fen <= $12)
    AND ($13::timestamptz IS NULL OR decided_at >= $13)
    AND ($14::timestamptz IS NULL OR decided_at < $14)
    ORDER BY decided_at DESC, voucher_no DESC, bank DESC, voucher_type DESC, fiscal_year DESC
    LIMIT CASE WHEN $15::text IS NULL THEN $16::bigint ELSE $17::bigint END
) AS fitting
) AS looked
WHERE fits OR ($15::text IS NOT NULL AND nth = $17)
ORDER BY decided_at DESC, voucher_no DESC, bank DESC, voucher_type DESC, fiscal_year DESC
LIMIT $16;

-- name: fired
-- empty: never. On how many lines a policy fired, from the figures ($3: policy or warned_policy).
SELECT coalesce(sum(count), 0)::bigint FROM (
    SELECT count FROM stat_year
    WHERE division = $1 AND measure = $3 AND key COLLATE "C" = $2
    UNION ALL
    SELECT count FROM stat_delta
    WHERE division = $1 AND measure = $3 AND key COLLATE "C" = $2
) AS s;

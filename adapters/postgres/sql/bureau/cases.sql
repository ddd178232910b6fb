-- name: take_number
-- empty: never. The row is locked to the end: a number is used or was never taken.
INSERT INTO desk_number AS n (division, series, year, last) VALUES ($1, $2, $3, 1)
ON CONFLICT (division, series, year) DO UPDATE SET last = n.last + 1
RETURNING last;

-- name: lock_words
-- empty: never. Whoever opens another case on this payment, agency or form waits until the first is there.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: case_of_form
-- empty: this form has opened none.
SELECT year, number FROM case_file WHERE division = $1 AND form = $2;

-- name: count_cases
-- empty: never.
SELECT count(*) FROM case_subject
WHERE division = $1 AND fiscal_year = $2 AND voucher_type = $3 AND voucher_no = $4 AND bank = $5;

-- name: open_case
-- empty: always.
INSERT INTO case_file (
    division, year, number, origin, against, agency_code, agency_name, bank, title, reason,
    amount_fen, policies, stage, awaits, told, opened_by, opened_at, changed_at, form
)
VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, string_to_array($12, ' '), 'suspected',
    'reviewer', false, $13, $14, $14, $15
);

-- name: add_subjects
-- empty: always.
INSERT INTO case_subject (division, fiscal_year, voucher_type, voucher_no, bank, year, number)
SELECT $1, s.fiscal_year, s.voucher_type, s.voucher_no, s.bank, $2, $3
FROM unnest($4::integer[], $5::text[], $6::text[], $7::text[])
    AS s (fiscal_year, voucher_type, voucher_no, bank)
ON CONFLICT DO NOTHING;

-- name: lock_case
-- empty: there is no such case.
SELECT
    division, year, number, origin, against, agency_code, agency_name, bank, title, reason,
    amount_fen, policies, stage, awaits, due, escalation, told, opened_by, opened_at, changed_at,
    moves
FROM case_file
WHERE division = $1 AND year = $2 AND number = $3
FOR UPDATE;

-- name: case
-- empty: there is no such case.
SELECT
    division, year, number, origin, against, agency_code, agency_name, bank, title, reason,
    amount_fen, policies, stage, awaits, due, escalation, told, opened_by, opened_at, changed_at,
    moves, phase, referring,
    (SELECT p.name FROM desk_person AS p WHERE p.login = opened_by) AS opened_name
FROM case_file
WHERE division = $1 AND year = $2 AND number = $3;

-- name: moves
-- empty: nothing was done yet. `closed`: the account is closed by now.
SELECT seq, move, login, name, office, at, day, body,
    EXISTS (SELECT FROM desk_person AS p WHERE p.login = m.login AND p.disabled) AS closed
FROM case_move AS m
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY seq;

-- name: add_move
-- empty: always.
INSERT INTO case_move (division, year, number, seq, move, login, name, office, at, day, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: change_case
-- empty: always; the row is locked.
UPDATE case_file
SET stage = $4, awaits = $5, due = $6, escalation = $7, told = told OR $8, phase = $9,
    referring = $10, moves = $11, changed_at = $12
WHERE division = $1 AND year = $2 AND number = $3;

-- name: add_paper
-- empty: always.
INSERT INTO case_paper (
    division, paper_year, paper_number, year, number, seq, kind, outside, issued_by, issued_at,
    layout, pdf, digest
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);

-- name: add_upload
-- empty: always. The same file twice in one move is one file.
INSERT INTO case_upload (division, year, number, digest, seq, name, media, body)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING;

-- name: add_wish
-- empty: always.
INSERT INTO register_wish (
    division, wish, agency_code, status, basis, year, number, wished_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: wishes_of
-- empty: the case asked nothing of the registers.
SELECT wish, agency_code, status, basis, wished_at, published_version, published_at
FROM register_wish
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY wish;

-- name: subjects
-- empty: the case rests on no payment of the log.
SELECT
    s.fiscal_year, s.voucher_type, s.voucher_no, s.bank, i.agency_code, i.agency_name, i.payee_name,
    i.amount_fen, i.policies, i.reason_zh, i.decided_at, i.outcome, i.state,
    COALESCE(n.body, r.body) AS told_body
FROM case_subject AS s
JOIN found_line AS i
    ON i.division = s.division AND i.fiscal_year = s.fiscal_year
    AND i.voucher_type = s.voucher_type AND i.voucher_no = s.voucher_no AND i.bank = s.bank
LEFT JOIN notice AS n
    ON n.division = i.division AND n.bank = i.bank AND n.digest = i.notice_digest
LEFT JOIN log_record AS r
    ON r.division = i.division AND r.bank = i.bank AND r.seq = i.record_seq
WHERE s.division = $1 AND s.year = $2 AND s.number = $3
ORDER BY i.decided_at, s.voucher_no
LIMIT 200;

-- name: papers
-- empty: nothing was issued yet.
SELECT
    paper_year, paper_number, seq, kind, outside, issued_by, issued_at,
    encode(digest, 'hex') AS digest
FROM case_paper
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY paper_year, paper_number;

-- name: paper
-- empty: no document has this number.
SELECT year, number, kind, outside, layout, pdf, encode(digest, 'hex') AS digest
FROM case_paper
WHERE division = $1 AND paper_year = $2 AND paper_number = $3;

-- name: uploads
-- empty: nobody has handed in anything.
SELECT encode(digest, 'hex') AS digest, seq, name, media, length(body) AS size
FROM case_upload
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY seq, name;

-- name: upload
-- empty: no such file in this move.
SELECT name, media, body
FROM case_upload
WHERE division = $1 AND year = $2 AND number = $3 AND seq = $4 AND digest = $5;

-- name: cases
-- empty: nothing fits, or nothing before the place asked for. Words are looked for in the newest
-- $20 cases that fit the rest; the last of these is given whether it has them (`fits`) or not.
SELECT *, nth = $20 AS last_looked_at FROM (
SELECT
    *, row_number() OVER (ORDER BY opened_at DESC, number DESC) AS nth,
    $18::text IS NULL
    OR position(lower($18) IN lower(title)) > 0
    OR position(lower($18) IN lower(agency_name)) > 0
    OR ($18 ~ '^[0-9]{4,40}$' AND EXISTS (
        SELECT FROM case_subject AS s
        WHERE s.division = fitting.division AND s.year = fitting.year AND s.number = fitting.number
        AND right(s.voucher_no, length($18)) = $18
    )) AS fits
FROM (
SELECT
    division, year, number, origin, against, agency_code, agency_name, bank, title, amount_fen,
    policies, stage, awaits, due, escalation, opened_at, changed_at, phase, referring
FROM case_file
WHERE division = $1
AND ($2::timestamptz IS NULL OR (opened_at, number) < ($2, $3))
AND ($4::text IS NULL OR (agency_code = $4 AND against = 'agency'))
AND ($5::text IS NULL OR (starts_with(agency_code, $5) AND against = 'agency'))
AND ($6::text IS NULL OR (bank = $6 AND against = 'bank'))
AND (told OR NOT $7::boolean)
AND ($8::text IS NULL OR stage = $8)
AND ($9::text IS NULL OR agency_code = $9)
AND ($10::text IS NULL OR policies @> ARRAY[$10])
AND ($11::bigint IS NULL OR amount_fen >= $11)
AND ($12::bigint IS NULL OR amount_fen <= $12)
AND ($13::timestamptz IS NULL OR opened_at >= $13)
AND ($14::timestamptz IS NULL OR opened_at < $14)
AND ($15::text IS NULL OR bank = $15)
AND ($16::integer IS NULL OR (year = $16 AND number = $17::integer))
AND ($21::boolean IS NULL OR (phase = 'reported') = $21)
ORDER BY opened_at DESC, number DESC
LIMIT CASE WHEN $18::text IS NULL THEN $19::bigint ELSE $20::bigint END
) AS fitting
) AS looked
WHERE fits OR ($18::text IS NOT NULL AND nth = $20)
ORDER BY opened_at DESC, number DESC
LIMIT $19;

-- name: cases_of
-- empty: no case was opened about this payment of this bank's; another's of its number is another.
SELECT
    c.year, c.number, c.stage, c.title, c.against, c.told, c.agency_code, c.bank, c.phase, c.due,
    c.referring, c.awaits, c.escalation, c.opened_at
FROM case_subject AS s
JOIN case_file AS c ON c.division = s.division AND c.year = s.year AND c.number = s.number
WHERE s.division = $1 AND s.fiscal_year = $2 AND s.voucher_type = $3 AND s.voucher_no = $4
AND s.bank = $5 AND (c.told OR NOT $6::boolean)
ORDER BY c.year, c.number;

-- name: waiting
-- empty: nothing waits for this office. Soonest due first. Of a party also what is being verified:
-- the bureau may have the next word about one request and the party about another.
SELECT
    division, year, number, against, agency_code, agency_name, bank, title, amount_fen, stage,
    awaits, due, escalation, opened_at, changed_at, phase, referring
FROM case_file
WHERE division = $1
AND (
    (awaits = $2 AND awaits <> 'nobody')
    OR ($2 = 'approver' AND referring)
    OR ($2 = against AND stage = 'rectifying' AND due IS NOT NULL)
    OR ($2 = against AND stage = 'verifying' AND due IS NOT NULL)
)
AND ($3::text IS NULL OR (agency_code = $3 AND against = 'agency'))
AND ($4::text IS NULL OR (starts_with(agency_code, $4) AND against = 'agency'))
AND ($5::text IS NULL OR (bank = $5 AND against = 'bank'))
AND (told OR NOT $6::boolean)
ORDER BY due NULLS LAST, year, number
LIMIT $7;

-- name: due_cases
-- empty: nothing more is due by this day. By key: what nobody answers stays due, and would keep
-- those behind it waiting.
SELECT division, year, number, due
FROM case_file
WHERE division = $1 AND awaits <> 'nobody' AND due <= $2
    AND ($3::date IS NULL OR (due, year, number) > ($3, $4::integer, $5::integer))
ORDER BY due, year, number
LIMIT $6;

-- name: concerns
-- empty: no agency was intercepted often, for something serious, or with large amounts since then.
WITH found AS MATERIALIZED (
    SELECT agency_code, max(agency_name) AS agency_name, count(*) AS times,
        sum(amount_fen) AS amount_fen, count(*) FILTER (WHERE outcome = 'blocked') AS blocked,
        count(*) FILTER (WHERE policies && $5::text[]) AS serious
    FROM interception
    WHERE division = $1 AND decided_at >= $2
    GROUP BY agency_code
    HAVING count(*) >= $3 OR sum(amount_fen) >= $4 OR bool_or(policies && $5::text[])
)
SELECT f.*, o.year, o.number
FROM found AS f
LEFT JOIN LATERAL (
    SELECT c.year, c.number FROM case_file AS c
    WHERE c.division = $1 AND c.agency_code = f.agency_code AND c.origin = 'grouped'
        AND c.stage NOT IN ('cleared', 'archived')
    ORDER BY c.opened_at DESC
    LIMIT 1
) AS o ON true
ORDER BY o.number IS NOT NULL, f.serious > 0 DESC, f.times DESC, f.agency_code
LIMIT $6;

-- name: grouped_case
-- empty: no grouped case of this agency is under way.
SELECT number FROM case_file
WHERE division = $1 AND agency_code = $2 AND origin = 'grouped'
    AND stage NOT IN ('cleared', 'archived')
LIMIT 1;

-- name: concern_keys
-- empty: nothing of this agency was intercepted since then.
SELECT fiscal_year, voucher_type, voucher_no, bank, amount_fen
FROM interception
WHERE division = $1 AND agency_code = $2 AND decided_at >= $3
ORDER BY decided_at DESC, voucher_no DESC
LIMIT 100;

-- name: lock
-- empty: never; waits until nobody else numbers a question of this division.
SELECT pg_advisory_xact_lock(hashtextextended('bureau questions ' || $1, 0));

-- name: next_number
-- empty: never.
SELECT coalesce(max(number), 0) + 1 AS number FROM policy_question WHERE division = $1;

-- name: add
-- empty: always.
INSERT INTO policy_question (
    division, number, bank, what, policy, draft, subject, since, asker, asked_at, body, signature
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12);

-- name: open
-- empty: every question has its whole answer; `last` is the last record told to differ. A shadow is open for weeks and is
-- looked at each second: the whole book that was sent with it is read until its gateway has taken it, and no more.
SELECT q.division, q.number, q.bank, q.what, q.taken_at, q.looked_at,
    CASE WHEN q.taken_at IS NULL THEN q.body END AS body, q.signature, q.state,
    coalesce((
        SELECT max(f.seq) FROM policy_flip AS f
        WHERE f.division = q.division AND f.number = q.number AND f.bank = q.bank
    ), -1) AS last
FROM policy_question AS q
WHERE NOT q.is_over
ORDER BY q.division, q.number, q.bank;

-- name: told
-- empty: always.
UPDATE policy_question
SET taken_at = coalesce(taken_at, $4), looked_at = $4, state = $5, is_over = $6, trouble = ''
WHERE division = $1 AND number = $2 AND bank = $3;

-- name: troubled
-- empty: always.
UPDATE policy_question SET looked_at = $4, trouble = $5, is_over = $6
WHERE division = $1 AND number = $2 AND bank = $3;

-- name: add_flips
-- empty: always; what is there is there.
INSERT INTO policy_flip (
    division, number, bank, seq, subject, decided_at, agency, amount_fen, before, after, policies,
    reason_zh
)
SELECT $1, $2, $3, f.seq, f.subject, f.decided_at, f.agency, f.amount, f.before, f.after,
    string_to_array(f.policies, ' '), f.reason
FROM unnest(
    $4::bigint[], $5::text[], $6::timestamptz[], $7::text[], $8::bigint[], $9::text[], $10::text[],
    $11::text[], $12::text[]
) AS f (seq, subject, decided_at, agency, amount, before, after, policies, reason)
ON CONFLICT DO NOTHING;

-- name: question
-- empty: no such question; a row for each bank that was asked.
SELECT division, number, bank, what, policy, draft, subject, since, asker, asked_at, taken_at,
    looked_at, state, is_over, trouble
FROM policy_question
WHERE division = $1 AND number = $2
ORDER BY bank;

-- name: of_draft
-- empty: nothing was asked about this draft; newest first.
SELECT division, number, bank, what, policy, draft, subject, since, asker, asked_at, taken_at,
    looked_at, state, is_over, trouble
FROM policy_question
WHERE division = $1 AND draft = $2
ORDER BY number DESC, bank
LIMIT $3;

-- name: shadows
-- empty: no candidate was ever put beside the live book; newest first.
SELECT division, number, bank, what, policy, draft, subject, since, asker, asked_at, taken_at,
    looked_at, state, is_over, trouble
FROM policy_question
WHERE division = $1 AND what = 'shadow'
ORDER BY number DESC, bank
LIMIT $2;

-- name: replays
-- empty: this bank's gateway was never asked to; newest first.
SELECT division, number, bank, what, policy, draft, subject, since, asker, asked_at, taken_at,
    looked_at, state, is_over, trouble
FROM policy_question
WHERE division = $1 AND subject = $2 AND bank = $3 AND what = 'replay'
ORDER BY number DESC
LIMIT 1;

-- name: changes
-- empty: nothing would have come out otherwise.
SELECT before, after, count(*) AS count, sum(amount_fen) AS amount_fen
FROM policy_flip WHERE division = $1 AND number = $2
GROUP BY before, after
ORDER BY before, after;

-- name: changes_by_policy
-- empty: as `changes`.
SELECT before, after, p.name, count(*) AS count, sum(amount_fen) AS amount_fen
FROM policy_flip, unnest(policies) AS p (name)
WHERE division = $1 AND number = $2
GROUP BY before, after, p.name
ORDER BY count(*) DESC, p.name
LIMIT 50;

-- name: changes_by_agency
-- empty: as `changes`.
SELECT before, after, agency AS name, count(*) AS count, sum(amount_fen) AS amount_fen
FROM policy_flip WHERE division = $1 AND number = $2
GROUP BY before, after, agency
ORDER BY count(*) DESC, agency
LIMIT 50;

-- name: flips
-- empty: none after that one.
SELECT bank, seq, subject, decided_at, agency, amount_fen, before, after, policies, reason_zh
FROM policy_flip
WHERE division = $1 AND number = $2 AND (bank, seq) > ($3::text, $4::bigint)
ORDER BY bank, seq
LIMIT $5;

-- name: hits
-- empty: nothing was refused, held or warned of in these days.
SELECT p.name, count(*) AS count, count(*) FILTER (WHERE i.outcome = 'warned') AS warned
FROM found_line AS i, unnest(i.policies) AS p (name)
WHERE i.division = $1 AND i.decided_at >= $2
GROUP BY p.name;

-- name: banks_of
-- empty: no bank recorded this instruction or told of it.
SELECT bank FROM log_record
WHERE division = $1 AND subject = $2 AND subject <> '' AND kind = 'verdict'
UNION
SELECT bank FROM interception
WHERE division = $1 AND fiscal_year = split_part($2, '/', 2)::integer
    AND voucher_type = split_part($2, '/', 3) AND voucher_no = split_part($2, '/', 4)
ORDER BY bank;

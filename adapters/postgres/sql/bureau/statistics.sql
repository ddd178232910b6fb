-- name: by_keys
-- empty: nothing was intercepted in these months; of each measure ($2) the $8 most frequent, these
-- first, then all others in one row without a key ($8 null: every key has its row). Whole years ($3), more months ($4), less months ($5), and what has not been folded yet,
-- from $6 to $7.
SELECT measure, CASE WHEN place <= coalesce($8, place) THEN key END AS key, count(*) AS keys,
    sum(count) AS count, sum(amount_fen) AS amount_fen, sum(blocked) AS blocked, sum(held) AS held
FROM (
    SELECT measure, key, sum(count) AS count, sum(amount_fen) AS amount_fen,
        sum(count) FILTER (WHERE outcome = 'blocked') AS blocked,
        sum(count) FILTER (WHERE outcome = 'held') AS held,
        row_number() OVER (PARTITION BY measure ORDER BY sum(count) DESC, key) AS place
    FROM (
        SELECT measure, key, outcome, count, amount_fen FROM stat_year
        WHERE division = $1 AND measure = ANY ($2::text[]) AND year = ANY ($3::date[])
        UNION ALL
        SELECT measure, key, outcome, count, amount_fen FROM stat_cell
        WHERE division = $1 AND measure = ANY ($2::text[]) AND day = ANY ($4::date[])
        UNION ALL
        SELECT measure, key, outcome, -count, -amount_fen FROM stat_cell
        WHERE division = $1 AND measure = ANY ($2::text[]) AND day = ANY ($5::date[])
        UNION ALL
        SELECT measure, key, outcome, count, amount_fen FROM stat_delta
        WHERE division = $1 AND measure = ANY ($2::text[]) AND day BETWEEN $6 AND $7
    ) AS s
    GROUP BY measure, key
    HAVING sum(count) <> 0
) AS t
GROUP BY measure, 2
ORDER BY measure, min(place);

-- name: by_key_of
-- empty: nothing of this agency or bank in these months. As `by_keys`, for keys that begin with $8.
SELECT key, sum(count) AS count, sum(amount_fen) AS amount_fen,
    sum(count) FILTER (WHERE outcome = 'blocked') AS blocked,
    sum(count) FILTER (WHERE outcome = 'held') AS held
FROM (
    SELECT key, outcome, count, amount_fen FROM stat_year
    WHERE division = $1 AND measure = $2 AND year = ANY ($3::date[])
        AND key COLLATE "C" >= $8 AND key COLLATE "C" < $9
    UNION ALL
    SELECT key, outcome, count, amount_fen FROM stat_cell
    WHERE division = $1 AND measure = $2 AND day = ANY ($4::date[])
        AND key COLLATE "C" >= $8 AND key COLLATE "C" < $9
    UNION ALL
    SELECT key, outcome, -count, -amount_fen FROM stat_cell
    WHERE division = $1 AND measure = $2 AND day = ANY ($5::date[])
        AND key COLLATE "C" >= $8 AND key COLLATE "C" < $9
    UNION ALL
    SELECT key, outcome, count, amount_fen FROM stat_delta
    WHERE division = $1 AND measure = $2 AND day BETWEEN $6 AND $7
        AND key COLLATE "C" >= $8 AND key COLLATE "C" < $9
) AS s
GROUP BY key
HAVING sum(count) <> 0
ORDER BY sum(count) DESC, key
LIMIT 500;

-- name: stages_of_agency
-- empty: no case about this agency was opened then; one about a bank is none of its, whose payment it rests on.
-- `confirmed`: of those archived, which had been: what is confirmed is handled or handed on before it may be archived.
SELECT c.stage AS key, count(*) AS count, sum(c.amount_fen) AS amount_fen,
    count(*) FILTER (WHERE m.told AND NOT m.revoked) AS confirmed
FROM case_file AS c
CROSS JOIN LATERAL (
    SELECT coalesce(bool_or(move IN ('approve_handling', 'approve_referral', 'refer')), false) AS told,
        coalesce(bool_or(move = 'dispute_end' AND record_field(body, 'result') = 'revoked'), false)
            AS revoked
    FROM case_move
    WHERE c.stage = 'archived' AND division = c.division AND year = c.year AND number = c.number
) AS m
WHERE c.division = $1 AND c.agency_code = $2 AND c.against = 'agency'
    AND c.opened_at >= $3 AND c.opened_at < $4
GROUP BY c.stage;

-- name: by_month
-- empty: nothing was intercepted in these months.
SELECT day AS key, sum(count) AS count, sum(amount_fen) AS amount_fen,
    sum(count) FILTER (WHERE outcome = 'blocked') AS blocked,
    sum(count) FILTER (WHERE outcome = 'held') AS held
FROM (
    SELECT day, outcome, count, amount_fen FROM stat_cell
    WHERE division = $1 AND measure = 'month' AND day BETWEEN $2 AND $3
    UNION ALL
    SELECT day, outcome, count, amount_fen FROM stat_delta
    WHERE division = $1 AND measure = 'month' AND day BETWEEN $2 AND $3
) AS s
GROUP BY 1
HAVING sum(count) <> 0
ORDER BY 1;

-- name: agency_names
-- empty: nothing was ever found of these agencies. The name as it was told last.
SELECT a.code, n.agency_name AS name
FROM unnest($2::text[]) AS a (code)
CROSS JOIN LATERAL (
    SELECT i.agency_name FROM found_line AS i
    WHERE i.division = $1 AND i.agency_code = a.code
    ORDER BY i.decided_at DESC, i.voucher_no DESC
    LIMIT 1
) AS n;

-- name: misbehaviours
-- empty: no delivery of this bank was refused for the first time then.
SELECT reason, sum(seen) AS count FROM misbehaviour
WHERE division = $1 AND bank = $2 AND first_seen_at >= $3 AND first_seen_at < $4
GROUP BY 1 ORDER BY 2 DESC;

-- name: passed
-- empty: never. Months as `2026-03`, from $3 to $4.
SELECT coalesce(sum(count), 0) AS count FROM log_tally
WHERE division = $1 AND bank = $2 AND measure = 'passed' AND value COLLATE "C" BETWEEN $3 AND $4;

-- name: typical
-- empty: no case of these days was confirmed and closed.
SELECT year, number, against, amount_fen, policies, stage, phase, awaits, opened_at
FROM case_file
WHERE division = $1 AND opened_at >= $2 AND opened_at < $3 AND stage = ANY ($4)
ORDER BY amount_fen DESC, year, number
LIMIT $5;

-- name: reported
-- empty: never. Cases whose rectification was reported and is not judged yet, about an agency or a bank.
SELECT count(*) AS count, coalesce(sum(amount_fen), 0) AS amount_fen
FROM case_file
WHERE division = $1 AND phase = 'reported' AND stage = 'rectifying'
AND opened_at >= $2 AND opened_at < $3
AND ($4::text IS NULL OR (agency_code = $4 AND against = 'agency'))
AND ($5::text IS NULL OR (bank = $5 AND against = 'bank'));

-- name: typical_moves
-- empty: none of these cases has been moved.
SELECT year, number, seq, move, body FROM case_move
WHERE division = $1 AND year = ANY ($2) AND number = ANY ($3) AND move = ANY ($4)
ORDER BY year, number, seq;

-- name: fold
-- empty: never. 0 where fewer than $2 rows wait.
SELECT CASE
    WHEN (SELECT coalesce(max(id) - min(id) + 1, 0) FROM stat_delta) >= $2::bigint
        THEN stat_fold($1) ELSE 0
END;

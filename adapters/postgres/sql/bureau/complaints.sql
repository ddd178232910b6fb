-- name: take_number
-- empty: never.
INSERT INTO desk_number (division, series, year, last) VALUES ($1, 'complaint', $2, 1)
ON CONFLICT (division, series, year) DO UPDATE SET last = desk_number.last + 1
RETURNING last;

-- name: lock_form
-- empty: never. Who sends the same form again waits until the first is there.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0));

-- name: of_form
-- empty: this form was not taken yet.
SELECT year, number FROM complaint WHERE division = $1 AND form = $2;

-- name: add
-- empty: always.
INSERT INTO complaint (
    division, year, number, way, against, agency_code, agency_name, bank, title, story, stage,
    named, seal_name, informant, taken_by, taken_at, form
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- name: listed
-- empty: no complaint before this place; newest first. The informant is not among the columns.
SELECT
    division, year, number, way, against, agency_code, agency_name, bank, title, stage, due, named,
    taken_by, taken_at, case_year, case_number
FROM complaint
WHERE division = $1
    AND ($2::timestamptz IS NULL OR (taken_at, number) < ($2::timestamptz, $3::integer))
    AND ($4::text IS NULL OR stage = $4)
ORDER BY taken_at DESC, number DESC
LIMIT $5;

-- name: one
-- empty: no such complaint. The informant is not among the columns.
SELECT
    division, year, number, way, against, agency_code, agency_name, bank, title, story, stage, due,
    named, taken_by, taken_at, steps, case_year, case_number
FROM complaint
WHERE division = $1 AND year = $2 AND number = $3;

-- name: lock
-- empty: no such complaint. `closed`: the account of whoever took its last step is closed by now.
SELECT
    division, year, number, stage, due, named, taken_by, steps, case_year, case_number,
    EXISTS (
        SELECT FROM complaint_step AS s JOIN desk_person AS p USING (login)
        WHERE s.division = $1 AND s.year = $2 AND s.number = $3
            AND s.seq = complaint.steps AND p.disabled
    ) AS closed
FROM complaint
WHERE division = $1 AND year = $2 AND number = $3
FOR UPDATE;

-- name: steps
-- empty: nothing was done yet.
SELECT seq, step, login, name, at, words
FROM complaint_step
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY seq;

-- name: add_step
-- empty: always.
INSERT INTO complaint_step (division, year, number, seq, step, login, name, at, words)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: change
-- empty: always.
UPDATE complaint
SET stage = $4, due = $5, case_year = $6, case_number = $7, steps = $8
WHERE division = $1 AND year = $2 AND number = $3;

-- name: openings
-- empty: nobody ever asked who the informant is.
SELECT seq, asked_by, reason, asked_at, agreed_by, agreed_at, opened_at
FROM complaint_opening
WHERE division = $1 AND year = $2 AND number = $3
ORDER BY seq;

-- name: ask
-- empty: never.
INSERT INTO complaint_opening (division, year, number, seq, asked_by, reason, asked_at)
SELECT
    $1, $2, $3, count(*)::integer + 1, $4, $5, $6
FROM complaint_opening
WHERE division = $1 AND year = $2 AND number = $3
RETURNING seq;

-- name: agree
-- empty: it was agreed to before, is too old, or is the asker's own.
UPDATE complaint_opening
SET agreed_by = $5, agreed_at = $6
WHERE division = $1 AND year = $2 AND number = $3 AND seq = $4
    AND asked_by <> $5 AND agreed_at IS NULL AND asked_at > $7
RETURNING seq;

-- name: open
-- empty: not agreed to, looked at before, too old, or asked by somebody else.
UPDATE complaint_opening
SET opened_at = $6
WHERE division = $1 AND year = $2 AND number = $3 AND seq = $4
    AND asked_by = $5 AND agreed_at > $7 AND opened_at IS NULL
RETURNING reason, agreed_by;

-- name: sealed
-- empty: no such complaint, or nobody said who he is.
SELECT seal_name, informant
FROM complaint
WHERE division = $1 AND year = $2 AND number = $3 AND informant IS NOT NULL;

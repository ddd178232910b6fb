-- Cases whose rectification was reported and is not judged yet are told apart in lists and figures. A case that was not
-- moved since it has a phase gets the one that its moves say: the last word about some order is a report of it, and no
-- dispute has ended since that took its orders back. The moves themselves stay as they are.

WITH told AS (
    SELECT m.division, m.year, m.number, m.seq, m.move, convert_from(m.body, 'UTF8')::json AS body
    FROM case_move AS m
    JOIN case_file AS c
        ON c.division = m.division AND c.year = m.year AND c.number = m.number
        AND c.stage = 'rectifying' AND c.phase = ''
    WHERE m.move IN ('report', 'accept_report', 'reject_report', 'dispute_end')
),
begun AS (
    SELECT division, year, number, max(seq) AS seq FROM told
    WHERE move = 'dispute_end' AND body ->> 'result' <> 'upheld'
    GROUP BY 1, 2, 3
),
last AS (
    SELECT DISTINCT ON (t.division, t.year, t.number, t.body ->> 'number')
        t.division, t.year, t.number, t.move
    FROM told AS t LEFT JOIN begun AS b USING (division, year, number)
    WHERE t.move <> 'dispute_end' AND t.seq > coalesce(b.seq, 0)
    ORDER BY t.division, t.year, t.number, t.body ->> 'number', t.seq DESC
)
UPDATE case_file AS c SET phase = 'reported'
WHERE c.stage = 'rectifying' AND c.phase = ''
AND EXISTS (
    SELECT FROM last AS l
    WHERE l.division = c.division AND l.year = c.year AND l.number = c.number AND l.move = 'report'
);

CREATE INDEX case_file_reported ON case_file (division, opened_at) WHERE phase = 'reported';

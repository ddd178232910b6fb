-- A case is as far as its least order: of several orders, one reported and another open, it is in rectification, which the
-- phases of before said only of cases none of whose orders was reported. `due` is that of the first open order. A reply that
-- never came may have left its day there too, and is told apart by what was ordered for that day.

UPDATE case_file AS c SET phase = 'rectifying'
WHERE c.stage = 'rectifying' AND c.phase = 'reported' AND c.escalation IS NULL AND EXISTS (
    SELECT FROM case_move AS m
    CROSS JOIN LATERAL json_array_elements(convert_from(m.body, 'UTF8')::json -> 'orders') AS o
    WHERE m.division = c.division AND m.year = c.year AND m.number = c.number
        AND m.move = 'propose_handling' AND o ->> 'due' = c.due::text
);
UPDATE case_file AS c SET phase = 'to_escalate'
WHERE c.stage = 'rectifying' AND c.phase = 'reported' AND c.escalation IS NOT NULL AND EXISTS (
    SELECT FROM case_move AS m
    CROSS JOIN LATERAL json_array_elements(convert_from(m.body, 'UTF8')::json -> 'orders') AS o
    WHERE m.division = c.division AND m.year = c.year AND m.number = c.number
        AND m.move = 'propose_handling' AND o ->> 'due' = c.due::text
);

-- The party's to-do has what it still owes, also while the bureau judges another report of its case.
CREATE INDEX case_file_owed ON case_file (division, against, due, year, number)
    WHERE stage = 'rectifying' AND due IS NOT NULL;

-- How many payments of a bank passed in which month (Beijing), so that a score card divides alerts by the payments of the same span. What was
-- delivered before is counted once, as bureau/inbox/glance.py counts what comes.

INSERT INTO log_tally (division, bank, measure, value, count)
SELECT r.division, r.bank, 'passed',
    CASE WHEN r.month < '2200-01-01' THEN to_char(r.month, 'YYYY-MM') ELSE '1970-01' END, count(*)
FROM (
    SELECT division, bank, conduct_month(body) AS month
    FROM log_record
    WHERE kind = 'verdict' AND position('"passed"'::bytea IN body) > 0
        AND record_field(body, 'outcome') = 'passed'
) AS r
GROUP BY 1, 2, 4;

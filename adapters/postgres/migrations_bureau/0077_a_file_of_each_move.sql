-- A file that was handed in before is handed in all the same: the later move shows it under the name that it
-- was given there, and who may read only that move may read it (decision 0170).

ALTER TABLE case_upload DROP CONSTRAINT case_upload_pkey;
ALTER TABLE case_upload ADD PRIMARY KEY (division, year, number, seq, digest);

-- What earlier moves name of files that were there already. The name of the first may be another's word.
INSERT INTO case_upload (division, year, number, digest, seq, name, media, body)
SELECT m.division, m.year, m.number, u.digest, m.seq,
    '附件' || coalesce(substring(u.name FROM '\.[A-Za-z]+$'), ''), u.media, u.body
FROM case_move AS m
CROSS JOIN LATERAL (
    SELECT DISTINCT decode(hex, 'hex') AS digest
    FROM jsonb_array_elements_text(coalesce(convert_from(m.body, 'UTF8')::jsonb -> 'files', '[]')) AS f(hex)
) AS named
JOIN case_upload AS u
    ON u.division = m.division AND u.year = m.year AND u.number = m.number AND u.digest = named.digest
ON CONFLICT DO NOTHING;

-- A hold that its sender took back reads so (0055 ends it).

CREATE OR REPLACE FUNCTION state_told(kind text, body bytea) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN kind = 'refund' THEN 'refunded'
        WHEN kind = 'release' THEN CASE WHEN record_field(body, 'what')
            IN ('released', 'refused', 'expired', 'withdrawn') THEN record_field(body, 'what') END
        WHEN kind IN ('bank_outcome', 'correction') THEN
            CASE coalesce(record_field(body, 'bank_outcome'), record_field(body, 'said'))
                WHEN 'accepted' THEN 'paid'
                WHEN 'rejected' THEN 'returned'
                WHEN 'not_taken' THEN 'returned'
                WHEN 'unknown' THEN 'unknown'
            END
    END
$$;
UPDATE interception SET state = '' WHERE outcome = 'held' AND state = 'held';

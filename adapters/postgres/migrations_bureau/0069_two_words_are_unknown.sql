-- While the bank's words contradict how a payment was settled, its line reads as everybody is told: unknown.
-- It read what was said last. What the bank's books show is no mere word, and an end says what holds. Lines of
-- before are derived anew with the next record about them, which is that end.

CREATE OR REPLACE FUNCTION state_told(kind text, body bytea) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN kind = 'refund' THEN 'refunded'
        WHEN kind = 'release' THEN CASE WHEN record_field(body, 'what')
            IN ('released', 'refused', 'expired', 'withdrawn') THEN record_field(body, 'what') END
        WHEN kind = 'correction' AND record_field(body, 'what') = 'contradiction'
             AND record_field(body, 'how') IS DISTINCT FROM 'books' THEN 'unknown'
        WHEN kind IN ('bank_outcome', 'correction') THEN
            CASE coalesce(record_field(body, 'bank_outcome'), record_field(body, 'said'))
                WHEN 'accepted' THEN 'paid'
                WHEN 'rejected' THEN 'returned'
                WHEN 'not_taken' THEN 'returned'
                WHEN 'unknown' THEN 'unknown'
            END
    END
$$;

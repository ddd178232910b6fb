-- A batch of numbered records as one array of rows; and the one lock that a sequencer takes: of the
-- log, not of each record that it is about to take.

CREATE TYPE batch_record AS (
    seq bigint, kind text, subject text, leaf_hash bytea, body bytea, disclosures bytea);

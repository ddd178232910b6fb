-- Which secrets this database was written with: an HMAC of each over a fixed text. It tells another
-- secret before anything is written with it, and nothing of the secret itself.

CREATE TABLE secret_mark (
    name    text COLLATE "C" PRIMARY KEY,   -- commitments, people
    mark    bytea NOT NULL CHECK (length(mark) = 32),
    kept_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT ON secret_mark TO gateway_runtime;

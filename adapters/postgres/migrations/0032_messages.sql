-- Messages of many payments, each kept once and whole, as it was signed (decision 0032). The rows of
-- `instruction` that were cut from it carry its digest in the first line of `raw`.

CREATE TABLE bulk_message (
    division  text COLLATE "C" NOT NULL,    -- the sender's
    digest    bytea NOT NULL CHECK (length(digest) = 32),
    taken_at  timestamptz NOT NULL,         -- when it came first
    party     text NOT NULL,
    signature text NOT NULL,                -- detached JWS over `raw`
    payments  integer NOT NULL CHECK (payments > 0),
    raw       bytea NOT NULL,
    PRIMARY KEY (division, digest)
);

GRANT SELECT, INSERT ON bulk_message TO gateway_runtime;

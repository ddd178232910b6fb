-- What the bureau's people look at: notices as received, and one line per interception.

CREATE TABLE notice (
    division text NOT NULL,
    bank text NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    signature text NOT NULL,
    signer text NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (division, bank, digest)
);

-- A notice (told at once) and a record (proven) meet here by the instruction's identity. Either
-- may come first; one without the other is itself worth seeing. told_digest is what the record
-- says was told: if it is not notice_digest, the bank told one thing and recorded another.
CREATE TABLE interception (
    division text NOT NULL,
    fiscal_year integer NOT NULL,
    voucher_type text NOT NULL,
    voucher_no text NOT NULL,
    bank text NOT NULL,
    outcome text NOT NULL,
    agency_code text NOT NULL,
    agency_name text NOT NULL,
    payee_name text NOT NULL,
    amount_fen bigint NOT NULL,
    policies text[] NOT NULL,
    reason_zh text NOT NULL,
    decided_at timestamptz NOT NULL,
    notice_digest bytea,
    noticed_at timestamptz,
    record_seq bigint,
    recorded_at timestamptz,
    told_digest bytea,
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no, bank),
    CHECK (notice_digest IS NOT NULL OR record_seq IS NOT NULL)
);

CREATE INDEX interception_newest ON interception (division, decided_at DESC, voucher_no DESC);

-- Sign-in links and sessions are kept as SHA-256 digests: the database alone opens nothing.
CREATE TABLE desk_link (
    digest bytea NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE TABLE desk_session (
    digest bytea NOT NULL PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

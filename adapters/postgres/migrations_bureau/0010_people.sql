-- The desk's people, how each signs in, and the trail of what each did.
-- Nobody has a password before he set one: an account begins with an invitation.

CREATE TABLE desk_person (
    login text NOT NULL PRIMARY KEY,
    division text NOT NULL,
    office text NOT NULL,
    name text NOT NULL,
    code text NOT NULL DEFAULT '',
    password text,
    totp bytea,                       -- sealed; NULL until enrolled
    totp_used bigint NOT NULL DEFAULT 0,
    party text UNIQUE,                -- URI of a client certificate
    subject text UNIQUE,              -- "issuer subject" of an OIDC provider
    failures integer NOT NULL DEFAULT 0,
    locked_until timestamptz,
    disabled boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL
);
CREATE INDEX desk_person_of ON desk_person (division, login);

-- Sign-in links and sessions are kept as SHA-256 digests. They now belong to a person; those of
-- before belonged to nobody, so they end here.
CREATE TABLE desk_invitation (
    digest bytea NOT NULL PRIMARY KEY,
    login text NOT NULL REFERENCES desk_person (login),
    expires_at timestamptz NOT NULL
);

CREATE TABLE desk_seat (
    digest bytea NOT NULL PRIMARY KEY,
    login text NOT NULL REFERENCES desk_person (login),
    way text NOT NULL,                -- link, password, certificate, oidc
    opened_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX desk_seat_of ON desk_seat (login);

CREATE TABLE desk_view (
    login text NOT NULL REFERENCES desk_person (login),
    name text NOT NULL,
    query text NOT NULL,
    PRIMARY KEY (login, name)
);

-- Append-only; the head stands apart so that a cut tail is seen.
CREATE TABLE desk_act (
    division text NOT NULL,
    seq bigint NOT NULL CHECK (seq > 0),
    at timestamptz NOT NULL,
    login text NOT NULL,
    what text NOT NULL,
    subject text NOT NULL,
    body bytea NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (division, seq)
);
CREATE INDEX desk_act_of ON desk_act (division, login, seq DESC);

CREATE TABLE desk_act_head (
    division text NOT NULL PRIMARY KEY,
    seq bigint NOT NULL,
    digest bytea NOT NULL
);

GRANT SELECT, INSERT, UPDATE ON desk_person, desk_act_head TO bureau_runtime;
GRANT SELECT, INSERT, DELETE ON desk_invitation, desk_view TO bureau_runtime;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk_seat TO bureau_runtime;
GRANT SELECT, INSERT ON desk_act TO bureau_runtime;

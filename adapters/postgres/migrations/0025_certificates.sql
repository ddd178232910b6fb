-- Certificates as cases, what was revoked, and the lists that say so. Certificates belong to parties,
-- not to a division: no key begins with one. Nothing here is on an instruction's way.

CREATE TABLE certificate_case (                 -- append-only
    id           text COLLATE "C" PRIMARY KEY,
    profile      text NOT NULL,
    holder       text COLLATE "C" NOT NULL,
    hosts        text[] NOT NULL,
    request      bytea NOT NULL,                -- PKCS#10 as received
    key_digest   bytea NOT NULL CHECK (length(key_digest) = 32),
    requester    text NOT NULL,
    requested_at timestamptz NOT NULL,
    replaces     text COLLATE "C" REFERENCES certificate_case
);

CREATE TABLE certificate_step (                 -- append-only: a state is the last step's
    case_id   text COLLATE "C" NOT NULL REFERENCES certificate_case,
    no        integer NOT NULL CHECK (no >= 0),
    state     text NOT NULL,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    act       bytea NOT NULL,                   -- the exact bytes that the officer signed
    signature text NOT NULL,
    note      text NOT NULL,
    PRIMARY KEY (case_id, no)                   -- of two decisions at once, one is too late
);

CREATE TABLE certificate_issued (               -- append-only
    case_id     text COLLATE "C" PRIMARY KEY REFERENCES certificate_case,
    issuer      text COLLATE "C" NOT NULL,
    serial      text COLLATE "C" NOT NULL,
    thumbprint  text COLLATE "C" NOT NULL,
    not_before  timestamptz NOT NULL,
    not_after   timestamptz NOT NULL,
    certificate bytea NOT NULL,
    UNIQUE (issuer, serial)
);

CREATE TABLE certificate_revoked (              -- append-only: a revocation is never lifted
    issuer     text COLLATE "C" NOT NULL,
    serial     text COLLATE "C" NOT NULL,
    thumbprint text COLLATE "C" NOT NULL,
    at         timestamptz NOT NULL,
    reason     text NOT NULL,
    actor      text NOT NULL,
    PRIMARY KEY (issuer, serial)
);

CREATE TABLE revocation_list (                  -- append-only
    issuer      text COLLATE "C" NOT NULL,
    number      bigint NOT NULL,
    this_update timestamptz NOT NULL,
    next_update timestamptz NOT NULL,
    pem         bytea NOT NULL,
    PRIMARY KEY (issuer, number)
);

-- State: certificates that processes have loaded or have met in a handshake, and what they refused.
CREATE TABLE certificate_seen (
    process    text COLLATE "C" NOT NULL,
    issuer     text COLLATE "C" NOT NULL,
    serial     text COLLATE "C" NOT NULL,
    place      text COLLATE "C" NOT NULL,       -- door, tls, record key, parties ...
    holder     text NOT NULL,
    not_before timestamptz NOT NULL,
    not_after  timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (process, place, issuer, serial)
);
CREATE TABLE handshake_refused (
    process text COLLATE "C" NOT NULL,
    reason  text COLLATE "C" NOT NULL,
    count   bigint NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (process, reason)
);

-- Alerts: each is raised once; the queue is what no webhook has taken yet.
CREATE TABLE certificate_alert (
    subject      text COLLATE "C" NOT NULL,     -- issuer/serial, or the list it is about
    threshold    integer NOT NULL,              -- days; 0: it has ended
    raised_at    timestamptz NOT NULL,
    body         bytea NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL,
    delivered_at timestamptz,
    PRIMARY KEY (subject, threshold)
);
CREATE INDEX certificate_alert_untold ON certificate_alert (next_at) WHERE delivered_at IS NULL;

GRANT SELECT, INSERT ON certificate_case, certificate_step, certificate_issued, certificate_revoked,
    revocation_list, certificate_seen, handshake_refused, certificate_alert TO gateway_runtime;
GRANT UPDATE, DELETE ON certificate_seen, handshake_refused TO gateway_runtime;
GRANT UPDATE (attempts, next_at, delivered_at) ON certificate_alert TO gateway_runtime;

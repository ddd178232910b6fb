-- Accounts are seated by two administrators: one asks, another agrees. The link goes to the one,
-- the code that it needs to the other, so that neither can open the session alone.

ALTER TABLE desk_invitation ADD COLUMN code bytea;  -- SHA-256; NULL: the command line's own link

CREATE TABLE account_request (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('open', 'reset', 'reopen')),
    login text NOT NULL,
    division text NOT NULL,
    office text NOT NULL,
    name text NOT NULL,
    code text NOT NULL,
    party text,
    subject text,
    reason text NOT NULL CHECK (length(reason) >= 2),
    asked_by text NOT NULL REFERENCES desk_person (login),
    asked_at timestamptz NOT NULL,
    decided_by text REFERENCES desk_person (login) CHECK (decided_by <> asked_by),
    decided_at timestamptz,
    agreed boolean,
    link_code bytea CHECK (link_code IS NULL OR agreed),
    linked_at timestamptz CHECK (linked_at IS NULL OR agreed),
    CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    CHECK ((decided_by IS NULL) = (agreed IS NULL))
);
CREATE INDEX account_request_newest ON account_request (asked_at DESC);

GRANT SELECT, INSERT ON account_request TO bureau_runtime;
GRANT UPDATE (decided_by, decided_at, agreed, link_code, linked_at) ON account_request
TO bureau_runtime;

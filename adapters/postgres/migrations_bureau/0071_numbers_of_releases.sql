-- What may become of a number of releases besides being acknowledged: a gateway holds another feed under
-- it (this database came back older, and gave it out again), or refuses what stands there, and two
-- persons make it void. Whatever was signed and does not stand under its number is kept aside.

ALTER TABLE release_feed
    DROP CONSTRAINT release_feed_division_digest_fkey,      -- a void's number bears no order
    DROP CONSTRAINT release_feed_division_digest_key,
    ADD CONSTRAINT release_feed_of_bank UNIQUE (division, bank, digest),
    ADD COLUMN refusal text;                                -- the gateway's code, at the last attempt
GRANT UPDATE (refusal) ON release_feed TO bureau_runtime;

CREATE TABLE release_feed_aside (
    division     text NOT NULL,
    bank         text NOT NULL,
    version      bigint NOT NULL,           -- that it was signed with
    digest       bytea NOT NULL,
    signed_at    timestamptz NOT NULL,
    aside_at     timestamptz NOT NULL,
    -- renumbered: signed anew under another number. overtaken: the gateway had taken the same decision, or
    -- what a void was to stand for. voided: refused there; a void has its number.
    why          text NOT NULL CHECK (why IN ('renumbered', 'overtaken', 'voided')),
    trouble      text,
    signature    text NOT NULL,
    body         bytea NOT NULL,
    PRIMARY KEY (division, bank, version, signature)
);
CREATE INDEX release_feed_aside_of ON release_feed_aside (division, digest);

CREATE TABLE release_void (
    division     text NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),    -- of the void's decision
    bank         text NOT NULL,
    version      bigint NOT NULL,
    order_digest bytea NOT NULL,
    decision     bytea NOT NULL,
    proposer     text NOT NULL,
    uri          text NOT NULL,
    signature    text NOT NULL,
    proposed_at  timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    UNIQUE (division, digest, proposer)
);
CREATE INDEX release_void_of ON release_void (division, bank, version);

CREATE TABLE release_void_approval (
    division    text NOT NULL,
    digest      bytea NOT NULL,
    proposer    text NOT NULL,
    approver    text NOT NULL,
    uri         text NOT NULL,
    signature   text NOT NULL,
    approved_at timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    FOREIGN KEY (division, digest, proposer) REFERENCES release_void (division, digest, proposer),
    CHECK (lower(regexp_replace(approver, '\s', '', 'g'))
           <> lower(regexp_replace(proposer, '\s', '', 'g')))
);

CREATE TABLE release_void_rejection (
    division    text NOT NULL,
    digest      bytea NOT NULL,
    person      text NOT NULL,
    reason      text NOT NULL,
    rejected_at timestamptz NOT NULL,
    PRIMARY KEY (division, digest),
    FOREIGN KEY (division, digest) REFERENCES release_void (division, digest)
);

GRANT SELECT, INSERT ON release_void, release_void_approval, release_void_rejection TO bureau_runtime;
GRANT SELECT ON release_feed_aside TO bureau_runtime;

-- Nobody takes a signed feed away but by this: one that no gateway has acknowledged, kept as it was. False,
-- with nothing done: it stands there no more, or was acknowledged.
CREATE FUNCTION set_feed_aside(
    of_division text, of_bank text, of_version bigint, of_signature text, p_why text, p_at timestamptz
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    WITH gone AS (
        DELETE FROM release_feed AS f
        WHERE f.division = of_division AND f.bank = of_bank AND f.version = of_version
            AND f.signature = of_signature AND f.acknowledged_at IS NULL
        RETURNING f.*
    )
    INSERT INTO release_feed_aside (
        division, bank, version, digest, signed_at, aside_at, why, trouble, signature, body
    )
    SELECT division, bank, version, digest, signed_at, p_at, p_why, trouble, signature, body
    FROM gone;
    RETURN FOUND;
END
$$;

-- The approval that a gateway holds is the one that counts: one made again here, after the first was lost,
-- gives way to it, and so does a rejection. What they said stands in the feed set aside, and in the trail.
CREATE FUNCTION approval_held(
    of_division text, of_digest bytea, p_proposer text, p_approver text, p_uri text,
    p_signature text, p_at timestamptz
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM release_rejection WHERE division = of_division AND digest = of_digest;
    INSERT INTO release_approval (division, digest, proposer, approver, uri, signature, approved_at)
    VALUES (of_division, of_digest, p_proposer, p_approver, p_uri, p_signature, p_at)
    ON CONFLICT (division, digest) DO UPDATE
    SET approver = excluded.approver, uri = excluded.uri, signature = excluded.signature,
        approved_at = excluded.approved_at;
END
$$;
REVOKE ALL ON FUNCTION set_feed_aside, approval_held FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_feed_aside, approval_held TO bureau_runtime;

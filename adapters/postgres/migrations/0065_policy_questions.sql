-- What the bureau's desk asks about policies: a candidate on trial over the past (back-test) or from
-- now on (shadow), a recorded decision replayed, one instruction under a candidate. Answered off the
-- request path by the follower; nothing here is enforced.

ALTER TABLE shadow_run ADD COLUMN until_seq bigint CHECK (until_seq >= from_seq);

DROP INDEX shadow_run_one_at_a_time;
CREATE UNIQUE INDEX shadow_run_one_at_a_time ON shadow_run (division)
    WHERE stopped_at IS NULL AND until_seq IS NULL;
CREATE UNIQUE INDEX backtest_one_at_a_time ON shadow_run (division)
    WHERE stopped_at IS NULL AND until_seq IS NOT NULL;

CREATE TABLE policy_question (
    division    text COLLATE "C" NOT NULL,
    number      bigint NOT NULL CHECK (number > 0),     -- the bureau's
    digest      bytea NOT NULL CHECK (length(digest) = 32),
    what        text NOT NULL CHECK (what IN ('backtest', 'shadow', 'stop', 'replay', 'try')),
    by_whom     text NOT NULL,
    asked_at    timestamptz NOT NULL,
    run         integer,                                -- of a back-test or a shadow
    subject     text COLLATE "C",                       -- of a replay or a trial
    documents   bytea,
    answer      bytea,
    answered_at timestamptz,
    PRIMARY KEY (division, number),
    CHECK ((answer IS NULL) = (answered_at IS NULL)),
    CHECK ((subject IS NOT NULL) = (what IN ('replay', 'try')))
);
CREATE INDEX policy_question_open ON policy_question (division, number)
    WHERE subject IS NOT NULL AND answered_at IS NULL;

GRANT SELECT, INSERT ON policy_question TO gateway_runtime;
GRANT UPDATE (answer, answered_at) ON policy_question TO gateway_runtime;

-- What the desk asked the gateways about policies (back-test, shadow, replay, one instruction), and
-- what each answered; a gateway is asked again until its answer is whole.

CREATE TABLE policy_question (
    division text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    bank text NOT NULL,
    what text NOT NULL CHECK (what IN ('backtest', 'shadow', 'stop', 'replay', 'try')),
    policy text NOT NULL,
    draft bigint,
    subject text NOT NULL,
    since date,
    asker text NOT NULL,
    asked_at timestamptz NOT NULL,
    body bytea NOT NULL,
    signature text NOT NULL,
    taken_at timestamptz,               -- the gateway has it
    looked_at timestamptz,
    state bytea,                        -- the gateway's last answer, JSON
    is_over boolean NOT NULL DEFAULT false,
    trouble text NOT NULL DEFAULT '',
    PRIMARY KEY (division, number, bank)
);
CREATE INDEX policy_question_open ON policy_question (division, number, bank) WHERE NOT is_over;
CREATE INDEX policy_question_of_draft ON policy_question (division, draft, number DESC);
CREATE INDEX policy_question_of_subject ON policy_question (division, subject, number DESC)
    WHERE what = 'replay';

CREATE TABLE policy_flip (
    division text NOT NULL,
    number bigint NOT NULL,
    bank text NOT NULL,
    seq bigint NOT NULL,
    subject text NOT NULL,
    decided_at timestamptz NOT NULL,
    agency text NOT NULL,
    amount_fen bigint NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    policies text[] NOT NULL,
    reason_zh text NOT NULL,
    PRIMARY KEY (division, number, bank, seq)
);

GRANT SELECT, INSERT ON policy_question, policy_flip TO bureau_runtime;
GRANT UPDATE (taken_at, looked_at, state, is_over, trouble) ON policy_question TO bureau_runtime;

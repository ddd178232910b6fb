-- Where a case stands, finer than its stage (empty: not moved since), and whether a referral waits for its approval
-- while somebody outside has the next word (Art. 23): then two people have it on their list.

ALTER TABLE case_file
ADD COLUMN phase text NOT NULL DEFAULT '',
ADD COLUMN referring boolean NOT NULL DEFAULT false;
CREATE INDEX case_file_referring ON case_file (division, due, year, number) WHERE referring;
GRANT UPDATE (phase, referring) ON case_file TO bureau_runtime;

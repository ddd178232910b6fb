-- An operator's task is asked about again, seldom (decision 0124). When the bank was last asked about an
-- open payment, and when it is asked about an operator's task next, at the earliest. Programs from before
-- leave both as they are: what they make a task is due at once.
ALTER TABLE open_payment ADD COLUMN asked_at timestamptz, ADD COLUMN ask_after timestamptz;
GRANT UPDATE (asked_at, ask_after) ON open_payment TO gateway_runtime;

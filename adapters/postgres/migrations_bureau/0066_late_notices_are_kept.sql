-- Whether an account's change was told late (Art. 13(1)), as it was judged with the decision; NULL: not decided yet, or of
-- before, which the program judges once when it starts (the calendar is sealed and cannot be read here).

ALTER TABLE register_change ADD COLUMN late boolean;
CREATE INDEX register_change_unjudged ON register_change (division, seq)
    WHERE register = 'accounts' AND changed_on IS NOT NULL AND approved IS NOT NULL AND late IS NULL;
GRANT UPDATE (late) ON register_change TO bureau_runtime;

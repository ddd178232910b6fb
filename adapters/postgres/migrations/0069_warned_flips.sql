-- A trial compares warnings too: a pass that was warned of is told from one that was not. What is
-- kept fits, so it is not read through; code from before writes the three words it knows.

ALTER TABLE shadow_flip
    DROP CONSTRAINT shadow_flip_before_check,
    DROP CONSTRAINT shadow_flip_after_check,
    ADD CONSTRAINT shadow_flip_before_check
        CHECK (before IN ('passed', 'warned', 'held', 'blocked')) NOT VALID,
    ADD CONSTRAINT shadow_flip_after_check
        CHECK (after IN ('passed', 'warned', 'held', 'blocked')) NOT VALID;

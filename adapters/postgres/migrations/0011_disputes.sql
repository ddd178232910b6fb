-- Conflicts and corrections of one identity are looked for before another one is written, and when
-- an answer is given again; those that are numbered already stand in log_record_subject.

CREATE INDEX pending_record_disputes ON pending_record (division, subject)
    WHERE kind IN ('conflict', 'correction');

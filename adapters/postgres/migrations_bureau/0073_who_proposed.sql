-- Under which account of the desk a decision about a hold, or a void, was proposed: whose account is closed
-- by the time of the approval is no second person. Empty: from the command line, or of before this record.

ALTER TABLE release_proposal ADD COLUMN login text NOT NULL DEFAULT '';
ALTER TABLE release_void ADD COLUMN login text NOT NULL DEFAULT '';

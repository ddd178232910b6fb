-- A proposal says a whole row, a whole file or a whole document: upon what it was written is kept, so that
-- agreeing to it takes nothing back that was agreed to since, unseen.

ALTER TABLE register_change ADD COLUMN base bigint NOT NULL DEFAULT 0;  -- the version that stood
UPDATE register_change AS c SET base = coalesce((
    SELECT max(o.version) FROM register_change AS o
    WHERE o.division = c.division AND o.approved AND o.decided_at <= c.proposed_at
), 0);
ALTER TABLE register_change ALTER COLUMN base DROP DEFAULT;

ALTER TABLE policy_draft ADD COLUMN base bigint NOT NULL DEFAULT 0;  -- the draft whose document stood; 0: none
UPDATE policy_draft AS d SET base = coalesce((
    SELECT max(o.seq) FROM policy_draft AS o
    WHERE o.division = d.division AND o.place = d.place AND o.agreed AND o.decided_at <= d.drafted_at
), 0);
ALTER TABLE policy_draft ALTER COLUMN base DROP DEFAULT;

-- What the audit trail is searched along: what was done, and when.
CREATE INDEX desk_act_what ON desk_act (division, what, seq DESC);
CREATE INDEX desk_act_at ON desk_act (division, at DESC, seq DESC);

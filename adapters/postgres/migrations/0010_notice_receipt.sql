-- The bureau's signed receipt of each notice, kept as proof that it was told; and an index by
-- division, so that the notices of one bureau that is silent stand in nobody else's way.

ALTER TABLE notice ADD COLUMN receipt text;
GRANT UPDATE (receipt) ON notice TO gateway_runtime;

CREATE INDEX notice_waiting_of ON notice (division, id) WHERE acknowledged_at IS NULL;

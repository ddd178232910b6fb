-- Whoever drafted a policy reads why it was sent back; of drafts sent back before nobody was asked.

ALTER TABLE policy_draft ADD COLUMN returned_because text;
GRANT UPDATE (returned_because) ON policy_draft TO bureau_runtime;

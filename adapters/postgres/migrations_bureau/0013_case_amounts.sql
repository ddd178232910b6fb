-- Cases are also searched by amount and by policy.

CREATE INDEX case_file_by_amount ON case_file (division, amount_fen);
CREATE INDEX case_file_by_policy ON case_file USING gin (policies);

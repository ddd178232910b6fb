-- What the desk's searches run along: by agency, by policy, by amount.

CREATE INDEX interception_by_agency
    ON interception (division, agency_code, decided_at DESC, voucher_no DESC);
CREATE INDEX interception_by_policy ON interception USING gin (policies);
CREATE INDEX interception_by_amount ON interception (division, amount_fen);
CREATE INDEX interception_by_voucher ON interception (division, voucher_no);

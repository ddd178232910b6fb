-- Searches that find little, or nothing, must not read everything to say so.

CREATE INDEX interception_by_department
    ON interception (division, (left(agency_code, 3)), decided_at DESC, voucher_no DESC);
CREATE INDEX interception_by_bank ON interception (division, bank, decided_at DESC, voucher_no DESC);
CREATE INDEX case_file_by_bank ON case_file (division, bank, opened_at DESC, number DESC);

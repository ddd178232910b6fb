-- Which registers a gateway decides by is looked up at each look of the operators' port: its log tells of each version.

CREATE INDEX log_record_of_registers ON log_record (division, bank, seq DESC)
    WHERE kind = 'register_applied';

-- Whether what a log tells of as released was ordered here is looked up at each look of the operators' port.

CREATE INDEX log_record_of_releases ON log_record (division, bank, seq DESC)
    WHERE kind = 'release';

-- What the log last said of books and registers in force is asked at each start (decision 0136): a handful of
-- rows among all records.
CREATE INDEX log_record_of_rules ON log_record (division, kind, seq DESC)
    WHERE kind IN ('policy_activated', 'register_applied');

-- What the log tells of certificates is asked twice a second, from where it was last heard (decision 0137).
CREATE INDEX log_record_of_certificates ON log_record (division, seq) WHERE kind = 'certificate_event';

-- A look-up of one movement must not be served by the index of days: prepared while the table is
-- empty, its plan ties between the two and is kept (plan_cache_mode), and then reads all of a division.
DROP INDEX bank_entry_by_day;
CREATE INDEX bank_entry_by_day ON bank_entry (booked_day, division, account);

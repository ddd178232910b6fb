-- Waiting notices are looked for by division (notice_waiting_of); each further index is written with
-- every notice and once more when it is acknowledged.
DROP INDEX notice_waiting;

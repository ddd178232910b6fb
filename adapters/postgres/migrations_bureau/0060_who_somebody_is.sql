-- The program changes how somebody signs in and where a case stands, never who somebody is (login, office, division,
-- code, bindings) nor what a case was opened about: there is no page for it, and now no right either.

REVOKE UPDATE ON desk_person, case_file, desk_number FROM bureau_runtime;
GRANT UPDATE (password, totp, totp_used, failures, locked_until, disabled) ON desk_person
TO bureau_runtime;
GRANT UPDATE (stage, awaits, due, escalation, told, moves, changed_at) ON case_file
TO bureau_runtime;
GRANT UPDATE (last) ON desk_number TO bureau_runtime;

-- Windows look back at most 366 days. Older entries count nowhere any more; they are taken away in
-- small pieces. What happened stays in instruction and settlement, which are append-only.

CREATE INDEX window_entry_days ON window_entry USING brin (day);

-- Nothing younger than 400 days is ever taken, whichever clock is wrong: today is the earlier of the
-- caller's day, the server's day, and the newest day that any entry has.
CREATE FUNCTION prune_windows(p_today date, p_rows integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    newest date;
    taken  integer;
BEGIN
    SELECT max(day) INTO newest FROM window_entry;
    WITH old AS (
        SELECT ctid FROM window_entry
        WHERE day < least(p_today, current_date, newest) - 400
        LIMIT p_rows
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM window_entry AS e USING old WHERE e.ctid = old.ctid;
    GET DIAGNOSTICS taken = ROW_COUNT;
    RETURN taken;
END $$;
REVOKE ALL ON FUNCTION prune_windows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prune_windows TO gateway_runtime;

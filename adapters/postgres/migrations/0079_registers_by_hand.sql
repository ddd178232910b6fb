-- What the gateway's role may do to registers and limits by hand: nothing that is not a version of the
-- registers, and of a version the record says who signed it only where the program's own seal proves it
-- (decision 0160). Who owns the tables could lay a trigger aside, and is not asked. What is asked is bound to
-- its tables and operators here (RETURN), or names its schema: no search_path of the caller's changes it.

-- The transaction that is under way: no other is called so, of this server or of one restored from it.
CREATE FUNCTION this_transaction() RETURNS text LANGUAGE sql STABLE
    RETURN extract(epoch FROM pg_postmaster_start_time()) || '/' || pg_current_xact_id();

ALTER TABLE register_snapshot
    ADD COLUMN applied_in text,     -- the transaction that applied it; NULL: before this migration
    ADD COLUMN vouched bytea,       -- by whoever proved the signature, with the key for people's data
    ADD COLUMN told bytea;          -- likewise, by whoever wrote its record
ALTER TABLE register_snapshot ALTER COLUMN applied_in SET DEFAULT this_transaction();

-- Whether this transaction applies a version of the division: its newest is of this transaction.
CREATE FUNCTION applies(p_division text) RETURNS boolean LANGUAGE sql STABLE
    RETURN this_transaction() IS NOT DISTINCT FROM (
        SELECT applied_in FROM register_snapshot WHERE division = p_division
        ORDER BY version DESC LIMIT 1);

-- Who may lay a trigger aside.
CREATE FUNCTION owns(p_table oid) RETURNS boolean LANGUAGE sql STABLE
    RETURN (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = p_table);

-- Grants, and how old a register is. A payment changes what is reserved and posted: no trigger runs.
CREATE FUNCTION comes_with_a_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT public.applies(NEW.division) AND NOT public.owns(TG_RELID) THEN
        RAISE EXCEPTION 'registers and limits change with a version of the registers only';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER grants_come_with_a_version
    BEFORE UPDATE OF division, kind, id, granted_fen, frozen_fen, opening_fen ON limit_line
    FOR EACH ROW EXECUTE FUNCTION comes_with_a_version();
CREATE TRIGGER ages_come_with_a_version BEFORE INSERT OR UPDATE ON register_age
    FOR EACH ROW EXECUTE FUNCTION comes_with_a_version();

CREATE FUNCTION come_with_a_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT division FROM fresh) AS f
               WHERE NOT public.applies(f.division)) AND NOT public.owns(TG_RELID) THEN
        RAISE EXCEPTION 'registers and limits change with a version of the registers only';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lines_come_with_a_version AFTER INSERT ON limit_line REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION come_with_a_version();

-- Rows are put and ended before their version is, in one transaction: it is looked for at its end. Always empty
-- but within such a transaction.
CREATE TABLE register_writing (
    division text COLLATE "C" NOT NULL,
    version  bigint NOT NULL
);
CREATE FUNCTION was_applied() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM register_snapshot
                   WHERE division = NEW.division AND version = NEW.version
                         AND applied_in = this_transaction()) THEN
        RAISE EXCEPTION 'registers and limits change with a version of the registers only';
    END IF;
    DELETE FROM register_writing WHERE division = NEW.division AND version = NEW.version;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER was_applied AFTER INSERT ON register_writing DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION was_applied();

CREATE FUNCTION note_writing(p_division text, p_version bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO register_writing (division, version) VALUES (p_division, p_version)
$$;

CREATE FUNCTION rows_come_with_a_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT public.owns(TG_RELID) THEN
        PERFORM public.note_writing(f.division, f.since)
        FROM (SELECT DISTINCT division, since FROM fresh) AS f;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER rows_come_with_a_version AFTER INSERT ON register_row REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION rows_come_with_a_version();

CREATE OR REPLACE FUNCTION end_register_rows(
    p_division text, p_version bigint, p_registers text[], p_keys text[]
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT note_writing(p_division, p_version);
    WITH ended AS (
        UPDATE register_row AS r SET until = p_version
        FROM unnest(p_registers, p_keys) AS g (register, key)
        WHERE r.division = p_division AND r.register = g.register AND r.key = g.key
              AND r.until IS NULL AND r.since < p_version
        RETURNING 1)
    SELECT count(*) FROM ended
$$;

REVOKE ALL ON FUNCTION
    this_transaction, applies, owns, comes_with_a_version, come_with_a_version,
    rows_come_with_a_version, was_applied, note_writing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION this_transaction, applies, owns, note_writing TO gateway_runtime;

-- The role keeps what programs do: which columns they write, and no table's whole.
REVOKE INSERT ON register_snapshot, register_row FROM gateway_runtime;
GRANT INSERT (division, version, as_of, kind, digest, signer, signature, rows, recorded, feed_version,
              by_voucher, raw, vouched) ON register_snapshot TO gateway_runtime;
GRANT INSERT (division, register, key, since, body) ON register_row TO gateway_runtime;
GRANT UPDATE (told) ON register_snapshot TO gateway_runtime;
REVOKE UPDATE ON limit_line FROM gateway_runtime;
GRANT UPDATE (granted_fen, frozen_fen, ceiling_fen) ON limit_line TO gateway_runtime;

-- What waits for its number is taken from its queue by `store_sealed` alone, and the log is written by it alone.
REVOKE UPDATE, DELETE ON pending_record FROM gateway_runtime;
REVOKE INSERT ON log_record, log_subtree, log_checkpoint FROM gateway_runtime;
REVOKE INSERT, UPDATE ON log_head, log_agency FROM gateway_runtime;
GRANT UPDATE (acknowledged_size) ON log_head TO gateway_runtime;

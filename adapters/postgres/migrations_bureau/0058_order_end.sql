-- What the gateway's log says became of one order: released, refused, not_carried_out; NULL while it is
-- on its way. Looked up by the subject, as in 0057. Tables are not touched: it is asked of a few rows.
CREATE FUNCTION order_end(of_division text, of_bank text, of_order bytea, of_subject text)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT record_field(r.body, 'what')
    FROM log_record AS r
    WHERE r.division = of_division AND r.subject = of_subject AND r.subject <> ''
        AND r.bank || '' = of_bank AND r.kind = 'release'
        AND record_field(r.body, 'order_sha256') = encode(of_order, 'hex')
    LIMIT 1
$$;

-- The salt from which, with the witness passphrase, the keys of sealed values are stretched. It is
-- no secret. Rows of registers that are here already were named under the unstretched passphrase
-- and keep their names.

CREATE TABLE seal_salt (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    salt bytea NOT NULL CHECK (length(salt) = 16),
    names_stretched boolean NOT NULL
);
INSERT INTO seal_salt (salt, names_stretched)
SELECT uuid_send(gen_random_uuid()), NOT EXISTS (SELECT FROM register_kept);

GRANT SELECT ON seal_salt TO bureau_runtime;

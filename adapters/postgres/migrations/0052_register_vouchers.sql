-- Vouchers of the bureau (5106, 5108, 5901, 5951) make versions of the registers too, and bear no
-- version of the bureau's feed. So a version here counts every change, whichever way it came, and
-- `feed_version` is the bureau's own number; NULL: the same (what was applied before this migration).

ALTER TABLE register_snapshot
    ADD COLUMN feed_version bigint,
    ADD COLUMN by_voucher boolean NOT NULL DEFAULT false,
    ADD COLUMN raw bytea;       -- of vouchers: the envelope as received; feeds are kept row by row

CREATE INDEX register_snapshot_feed ON register_snapshot (division, coalesce(feed_version, version))
    WHERE NOT by_voucher;

-- Each voucher once, by its own identity.
CREATE TABLE register_voucher (
    division     text COLLATE "C" NOT NULL,
    fiscal_year  integer NOT NULL,
    voucher_type text COLLATE "C" NOT NULL,
    voucher_no   text COLLATE "C" NOT NULL,
    version      bigint NOT NULL,
    digest       bytea NOT NULL CHECK (length(digest) = 32),    -- of the envelope it came in
    PRIMARY KEY (division, fiscal_year, voucher_type, voucher_no)
);
CREATE INDEX register_voucher_version ON register_voucher (division, version);
GRANT SELECT, INSERT ON register_voucher TO gateway_runtime;

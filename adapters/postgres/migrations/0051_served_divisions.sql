-- Which divisions the gateways of this database have said they serve, so that an operator cannot
-- load registers that nobody would ever read.

CREATE TABLE served_division (
    division text COLLATE "C" NOT NULL PRIMARY KEY,
    since    timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT SELECT, INSERT ON served_division TO gateway_runtime;

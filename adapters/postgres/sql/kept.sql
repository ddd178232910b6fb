-- name: run
-- empty: never; tells one run of one server from another; a promotion begins a timeline
SELECT pg_postmaster_start_time() AS started, inet_server_addr() AS address,
       inet_server_port() AS port, current_database() AS database,
       left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline

-- name: shorter_logs
-- empty: every log is as long as it was seen to be
SELECT k.division
FROM unnest($1::text[], $2::bigint[]) AS k (division, size)
WHERE NOT EXISTS (
    SELECT FROM log_head AS h WHERE h.division = k.division AND h.size >= k.size
)

-- name: absent_instructions
-- empty: all of them are there
SELECT k.division, k.fiscal_year, k.voucher_type, k.voucher_no
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[])
     AS k (division, fiscal_year, voucher_type, voucher_no)
     LEFT JOIN LATERAL (
         SELECT true AS there FROM instruction AS i
         WHERE i.division = k.division AND i.fiscal_year = k.fiscal_year
               AND i.voucher_type = k.voucher_type AND i.voucher_no = k.voucher_no
         OFFSET 0
     ) AS found ON true
WHERE found.there IS NULL

-- name: absent_releases
-- empty: all of them are there
SELECT k.division, k.fiscal_year, k.voucher_type, k.voucher_no
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[])
     AS k (division, fiscal_year, voucher_type, voucher_no)
     LEFT JOIN LATERAL (
         SELECT true AS there FROM hold_end AS e
         WHERE e.division = k.division AND e.fiscal_year = k.fiscal_year
               AND e.voucher_type = k.voucher_type AND e.voucher_no = k.voucher_no
         OFFSET 0
     ) AS found ON true
WHERE found.there IS NULL

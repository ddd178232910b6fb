-- What two officers overruled, beside how a settlement counts now (decision 0095): a gateway that slept may
-- have that very word in hand still.

-- `overruled`: the word that it was settled with, where it counts as paid since.
CREATE OR REPLACE VIEW settled AS
SELECT s.division, s.fiscal_year, s.voucher_type, s.voucher_no,
       CASE WHEN a.turn IS NULL THEN s.bank ELSE 'accepted' END AS bank,
       CASE WHEN a.turn IS NULL THEN s.bank_reference ELSE a.reference END AS bank_reference,
       CASE WHEN a.turn IS NULL THEN s.bank_reason END AS bank_reason,
       coalesce(a.ended_at, s.settled_at) AS settled_at,
       CASE WHEN a.turn IS NOT NULL THEN s.bank END AS overruled
FROM settlement AS s
     LEFT JOIN set_aside AS a
            ON a.division = s.division AND a.fiscal_year = s.fiscal_year
               AND a.voucher_type = s.voucher_type AND a.voucher_no = s.voucher_no
               AND a.ended_as = 'posted';

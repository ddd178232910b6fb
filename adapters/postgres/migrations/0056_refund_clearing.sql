-- 2302 (申请退款) clears below zero: what came back to the treasury.
ALTER TABLE clearing_total DROP CONSTRAINT clearing_total_amount_fen_check;

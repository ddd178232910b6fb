-- What the bank told of lately as come back is held against its books at each look (decision 0156).
CREATE INDEX refund_by_time ON refund (division, received_at);

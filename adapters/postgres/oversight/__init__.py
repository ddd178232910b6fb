"""The ledger looked back upon: what is under way, a day's close, the bank's conduct, replays."""

"""What is decided and settled: commits 1 and 2, and what becomes of a payment afterwards."""

"""Data of the formats: the elements of vouchers, and each division's code numbers."""

"""Formats: bytes to `Instruction` and answers back, each in its own words."""

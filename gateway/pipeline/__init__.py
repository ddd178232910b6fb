"""The line: an instruction's way from the sender to the bank."""

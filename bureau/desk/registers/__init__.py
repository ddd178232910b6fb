"""The bureau's registers: changed by two persons, signed for each gateway."""

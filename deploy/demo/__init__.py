"""A demonstration: one lifelike fiscal day against the real programs."""

"""Canonical JSON: one strict walk over any document of ours, and the instruction in it."""

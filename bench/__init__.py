"""Measurements: CPU per instruction and ratios in one run, never a timed test."""

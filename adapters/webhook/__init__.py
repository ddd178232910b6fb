"""Telling others by HTTP: signed, bounded, and never into our own network."""

"""The policy language: a small, total, typed subset of CEL."""

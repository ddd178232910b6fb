"""Signature suites and JWS."""

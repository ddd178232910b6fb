"""Proves a policy before it takes effect: boundaries, clauses seen both ways, mutants killed."""

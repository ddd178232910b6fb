"""The append-only log: tree, checkpoints, proofs, witness."""

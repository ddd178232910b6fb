"""The monitoring log: sealed records, their places in the tree, and evidence for each."""

"""The command line, one file per command: where the rooms are wired together."""

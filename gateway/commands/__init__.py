"""What a person types: one file per command, named as it is typed; the work stands in its room."""

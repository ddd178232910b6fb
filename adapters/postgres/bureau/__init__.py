"""The bureau's database: its copy of the logs, and all that the desk keeps."""

"""Where the world is plugged in: databases, formats, bank cores and the way to the bureau."""

"""A watched folder: day files that come as files and are answered as files."""

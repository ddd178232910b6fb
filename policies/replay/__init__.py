"""Replays stored instructions: a new book beside the old one, and one recorded decision again."""

"""The regulation as checked, tested, executable policies."""

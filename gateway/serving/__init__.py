"""The running gateway, put together: rooms opened, doors and workers wired, closed in order."""

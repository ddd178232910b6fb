"""The way to the finance bureau's inbox."""

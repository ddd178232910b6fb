"""What the bank's doors and the bureau's have alike: HTTP, before anybody's rules begin."""

"""The bureau's doors: the inbox for gateways, pages for people."""

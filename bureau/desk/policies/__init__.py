"""Policies on the desk: read, drafted, tried, asked of the gateways, agreed by two."""

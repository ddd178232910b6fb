"""Registers as files: one division whole, the bureau's feed, and what people keep."""

"""What the bureau's people may ask and do."""

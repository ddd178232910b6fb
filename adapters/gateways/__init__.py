"""The bureau's way to the banks' gateways."""

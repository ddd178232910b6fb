"""What arrives from the gateways, and the proof that it is whole."""

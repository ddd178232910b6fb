"""Bank cores: where passed instructions go, and a simulator that misbehaves on purpose."""

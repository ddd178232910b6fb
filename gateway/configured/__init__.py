"""What the settings and the environment name, made: keys, bank, bureaus, log, limits."""

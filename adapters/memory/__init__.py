"""In-memory stand-ins of the ports, held to the same contract tests as PostgreSQL."""

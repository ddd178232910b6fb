"""A private PostgreSQL for the demonstration and the tests."""

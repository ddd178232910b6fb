"""Evidence checked with nothing but files and the certificates one trusts: no database, no peer."""

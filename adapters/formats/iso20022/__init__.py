"""ISO 20022: payments and letters in, status reports and statements, by the published schemas."""

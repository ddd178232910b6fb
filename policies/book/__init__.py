"""Policy documents, and the book of those in force."""

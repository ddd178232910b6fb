"""A policy's document as a form: parts with typed values, and back, word for word."""

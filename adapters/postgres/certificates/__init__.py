"""Certificates: who was given one, what was revoked, and who watches them run out."""

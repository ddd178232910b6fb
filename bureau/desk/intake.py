"""A form that takes something in, sent twice: the second time leads to what the first one made.

Its page draws a random number, which is kept nowhere but in that page. The digest of that number
and all that was typed is kept with what was taken in (decision 0108).
"""

import hashlib
import re
import secrets

import orjson

_TOKEN = re.compile(r"[0-9a-f]{32}")


def form_token() -> str:
    """Of 128 bits: what was typed cannot be guessed from a digest under it."""
    return secrets.token_hex(16)


def form_mark(token: str, *typed: str) -> bytes | None:
    """The same only for the same page with the same words: who goes back and types something else
    is taken at his word. None: the form bore no number, and each time counts."""
    if not _TOKEN.fullmatch(token):
        return None
    return hashlib.sha256(orjson.dumps([token, *typed])).digest()

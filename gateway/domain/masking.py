"""How a personal value or an account number may be shown outside its place: never whole."""

import re
import unicodedata
from functools import lru_cache

_LONG_NUMBER = re.compile(r"\d(?: ?\d){7,}[Xx]?")


def masked(value: str) -> str:
    """Keep the last four characters: `6228230123456789018` -> `***9018`; short ones vanish."""
    return f"***{value[-4:]}" if len(value) > 8 else "***"


def without_numbers(text: str) -> str:
    """Free text without account and id numbers: eight digits and more become `***`."""
    return _LONG_NUMBER.sub("***", text)


@lru_cache(maxsize=65536)
def plain_name(name: str) -> str:
    """A name as the same-name rule compares it: NFKC, without spaces and brackets (DOMAIN 7)."""
    text = unicodedata.normalize("NFKC", name)
    return "".join(c for c in text if not c.isspace() and c not in "()[]【】〔〕").casefold()

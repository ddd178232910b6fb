"""How values are shown outside their place, never whole, and texts without what is for the eye."""

import re
import unicodedata
from functools import lru_cache

_DASH = "[-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]"
_LONG_NUMBER = re.compile(
    rf"(?P<day>(?<!\d)(?<!\d-)(?:19|20)\d\d-[01]?\d-[0-3]?\d(?!-?\d))"
    rf"|\d(?: ?\d){{7,}}(?: ?{_DASH} ?\d(?: ?\d)*)*[Xx]?"
    rf"|\d(?: ?{_DASH}? ?\d){{8,}}[Xx]?"
)


def masked(value: str) -> str:
    """Keep the last four characters: `6228230123456789018` -> `***9018`; short ones vanish."""
    return f"***{value[-4:]}" if len(value) > 8 else "***"


def without_numbers(text: str) -> str:
    """Free text without account and id numbers: eight digits and more become `***`, and nine and
    more that dashes group. A day stays (`2026-03-02`), and so does a year with a number of four."""
    return _LONG_NUMBER.sub(lambda found: found["day"] or "***", text)


def plain_account(account: str) -> str:
    """Without the hyphens that are written for the eye; what is nothing else stays."""
    return account.replace("-", "") or account


_BESIDE_CHINESE = re.compile(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")


@lru_cache(maxsize=16384)
def as_read(text: str) -> str:
    """A text as whoever reads it takes it: `礼 品`, `礼\u3000品` and `⼆` are 礼品 and 二.

    Policies speak of it so. Letters and digits of another form become the usual ones, spaces beside
    Chinese go; punctuation stays. What words are looked for in is barer still (`bare`).
    """
    if text.isascii():
        return text
    if not unicodedata.is_normalized("NFKC", text):
        text = "".join(map(_usual, unicodedata.normalize("NFC", text)))
    return _BESIDE_CHINESE.sub("", text)


def _usual(character: str) -> str:
    usual = unicodedata.normalize("NFKC", character)
    return usual if usual.isalnum() else character

"""Money is an integer count of fen (分), born and range-checked here and nowhere else."""

import re
from typing import NewType

Fen = NewType("Fen", int)

FEN_MAX = 10**17 - 1
"""Fifteen digits of yuan and two of fen: the widest amount a treasury voucher can carry."""

_YUAN = re.compile(r"(0|[1-9][0-9]{0,14})\.[0-9]{2}", re.ASCII)


def fen(text: str) -> Fen:
    """Read `"12800.00"` (yuan, exactly two decimals, no sign, no separators) as 1280000 fen.

    Raises ValueError for every other spelling: `1e3`, `-5.00`, `1.1`, `007.00`, full-width digits.
    """
    if not _YUAN.fullmatch(text):
        raise ValueError("an amount is yuan with exactly two decimals, such as 12800.00")
    return Fen(int(text[:-3] + text[-2:]))


def yuan(amount: int) -> str:
    """Write fen as yuan with two decimals: 1280000 -> `"12800.00"`."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 100)
    return f"{sign}{whole}.{rest:02d}"

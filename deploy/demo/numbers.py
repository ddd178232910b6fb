"""Numbers that pass their own checks: identity cards, bank cards and bank codes for the demo."""

import datetime as dt
from random import Random

_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10X98765432"
_CARDS = "622823"
"""How every card begins: one issuer's, of debit cards."""
_BIRTHPLACES = {
    "222401": 0, "222424": 0, "222426": 0, "220104": 1983, "220122": 1983, "220322": 1983,
    "220421": 1983, "220521": 1985, "220821": 1993,
}  # fmt: skip
"""GB/T 2260 codes by the year from which checkers know them as a place of birth."""


def identity_number(rng: Random, on: dt.date) -> str:
    """公民身份号码 (GB 11643-1999) of an adult of working age, with its check digit."""
    born = on - dt.timedelta(days=rng.randrange(24 * 366, 60 * 365))
    places = [code for code, since in _BIRTHPLACES.items() if since <= born.year]
    body = f"{rng.choice(places)}{born:%Y%m%d}{rng.randrange(1, 1000):03d}"
    weighed = sum(int(digit) * weight for digit, weight in zip(body, _ID_WEIGHTS, strict=True))
    return body + _ID_CHECKS[weighed % 11]


def card_number(rng: Random) -> str:
    """A bank card of 19 digits with its Luhn digit (ISO/IEC 7812)."""
    body = _CARDS + "".join(rng.choices("0123456789", k=18 - len(_CARDS)))
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(body))]
    return body + str(-sum(n // 10 + n % 10 for n in doubled) % 10)


def account_number(rng: Random, prefix: str, length: int = 20) -> str:
    return prefix + "".join(rng.choices("0123456789", k=length - len(prefix)))


def bank_code(rng: Random, prefix: str) -> str:
    """支付系统行号: twelve digits, the last one ISO 7064 MOD 11,10."""
    body = prefix + "".join(rng.choices("0123456789", k=11 - len(prefix)))
    rest = 10
    for digit in body:
        rest = ((rest + int(digit)) % 10 or 10) * 2 % 11
    return body + str((11 - rest) % 10)

"""Numbers that prove themselves by check digits: identity cards, bank codes and bank cards."""

import datetime as dt
from enum import Enum
from functools import lru_cache

from stdnum import luhn
from stdnum.cn import ric
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_10

BANK_CODE_DIGITS = 12
CARD_DIGITS_MIN, CARD_DIGITS_MAX = 15, 19


class Identity(Enum):
    """What a 公民身份号码 (GB 11643-1999) shows of itself."""

    SOUND = "sound"
    MISCHECKED = "mischecked"
    """Of the right form, but its check digit says that one digit is wrong."""
    MALFORMED = "malformed"
    """No identity number at all: another length, other signs, or no day of birth."""


@lru_cache(maxsize=16384)
def identity(number: str, on: dt.date) -> Identity:
    """Form, day of birth and check digit; not the place of birth, whose list changes.

    Wraps python-stdnum, which takes a day of birth yet to come and fails on unknown counties.
    """
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()):
        return Identity.MALFORMED
    try:
        born = ric.get_birth_date(number)
    except ValidationError:
        return Identity.MALFORMED
    if born > on:
        return Identity.MALFORMED
    sound = ric.calc_check_digit(number) == number[17].upper()
    return Identity.SOUND if sound else Identity.MISCHECKED


@lru_cache(maxsize=4096)
def bank_code_sound(code: str) -> bool:
    """支付系统行号: twelve digits, ISO 7064 MOD 11,10; or the three digits of a class of banks."""
    if not (code.isascii() and code.isdigit()):
        return False
    return len(code) == 3 or (len(code) == BANK_CODE_DIGITS and mod_11_10.is_valid(code))


@lru_cache(maxsize=16384)
def card_sound(account: str) -> bool:
    """Luhn (ISO/IEC 7812), for what looks like a bank card; other accounts have no check digit."""
    if not (account.isascii() and account.isdigit()):
        return True
    if not CARD_DIGITS_MIN <= len(account) <= CARD_DIGITS_MAX:
        return True
    return luhn.is_valid(account)

"""Passwords of the desk's people: Argon2id (RFC 9106) in PHC strings, checked in bounded time.

One derivation takes 64 MiB and some tens of milliseconds: callers run it in a thread, one at once.
"""

import secrets
from functools import cache

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from certs.stretching import ALONE

CHARS_MIN = 12
CHARS_MAX = 128
"""A longer text would only let a stranger make us work."""
_ITERATIONS = 3
_LANES = 4
_MEMORY_KIB = 64 * 1024
_SALT_BYTES = 16
_KEY_BYTES = 32


def weakness(password: str, login: str) -> str | None:
    """Why a new password is refused, in Chinese and English; None if it may be used."""
    if not CHARS_MIN <= len(password) <= CHARS_MAX:
        return f"密码须为 {CHARS_MIN} 至 {CHARS_MAX} 个字符 / {CHARS_MIN} to {CHARS_MAX} characters"
    if login and login.lower() in password.lower():
        return "密码不得包含登录名 / the login must not stand in it"
    if len(set(password)) < CHARS_MIN // 2:
        return "密码中重复的字符太多 / too many of its characters repeat"
    return None


def hash_password(password: str) -> str:
    """A PHC string with its own salt and costs."""
    kdf = Argon2id(
        salt=secrets.token_bytes(_SALT_BYTES),
        length=_KEY_BYTES,
        iterations=_ITERATIONS,
        lanes=_LANES,
        memory_cost=_MEMORY_KIB,
    )
    with ALONE:
        return kdf.derive_phc_encoded(password.encode("utf-8", "surrogatepass"))


def matches(password: str, phc: str | None) -> bool:
    """Whether it is the password; as slow for a login that has none, so that nobody can tell."""
    if len(password) > CHARS_MAX:
        return False
    held = phc or _nobodys()
    try:
        with ALONE:
            Argon2id.verify_phc_encoded(password.encode("utf-8", "surrogatepass"), held)
    except InvalidKey:
        return False
    return phc is not None


@cache
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe())

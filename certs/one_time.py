"""One-time passwords by the clock (TOTP, RFC 6238): a new secret, its URI, and whether a code fits.

SHA-1, six digits, thirty seconds: what every authenticator program understands.
"""

import base64
import datetime as dt
import hmac
import secrets
from urllib.parse import quote

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

SECRET_BYTES = 20
STEP_S = 30
DIGITS = 6
_DRIFT = (0, -1, 1)
"""Steps a clock may be off, nearest first."""


def new_secret() -> bytes:
    return secrets.token_bytes(SECRET_BYTES)


def base32(secret: bytes) -> str:
    """As a person types it into an authenticator that has no camera."""
    return base64.b32encode(secret).decode()


def enrolment_uri(secret: bytes, login: str, issuer: str) -> str:
    """The `otpauth:` URI of the Key URI format, to be shown as a QR code."""
    label = f"{quote(issuer, safe='')}:{quote(login, safe='')}"
    return f"otpauth://totp/{label}?secret={base32(secret)}&issuer={quote(issuer, safe='')}"


def step_of(secret: bytes, code: str, now: dt.datetime, used: int) -> int | None:
    """The time step whose code this is; None if none fits, or it is not newer than `used`.

    A code is good once: the caller stores the step (RFC 6238, section 5.2).
    """
    if len(code) != DIGITS or not (code.isascii() and code.isdigit()):
        return None
    totp = TOTP(secret, DIGITS, SHA1(), STEP_S, enforce_key_length=False)  # noqa: S303 (RFC 6238)
    current = int(now.timestamp()) // STEP_S
    for drift in _DRIFT:
        step = current + drift
        if step > used and hmac.compare_digest(totp.generate(step * STEP_S), code.encode()):
            return step
    return None

"""Base64 read strictly: one text for one value, so that no byte of evidence can be varied unseen.

Python's `b64decode(validate=True)` takes texts whose last character has non-zero pad bits (RFC 4648
section 3.5 lets it); two texts would then prove the same value. So the re-encoding must be equal.
"""

import base64
import binascii


def b64url(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_b64url(text: str) -> bytes:
    """Raises ValueError unless `text` is the one base64url spelling of its value, unpadded."""
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url") from error
    if b64url(data) != text:
        raise ValueError("not the canonical base64url spelling")
    return data


def b64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4), as C2SP notes write it."""
    return base64.b64encode(data).decode("ascii")


def from_b64(text: str) -> bytes:
    """Raises ValueError unless `text` is the one padded base64 spelling of its value."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if b64(data) != text:
        raise ValueError("not the canonical base64 spelling")
    return data

"""People's numbers at rest: sealed with AES-256-GCM, found by a keyed hash, never by themselves.

One key outside the database gives others, by HKDF (RFC 5869): to seal with, to hash with, to vouch
with for what the program itself wrote of registers (decision 0160).
Sealing is deterministic (the nonce is an HMAC of what is sealed, so it repeats for the same bytes
only): the same row is the same bytes again, which the keyed hash beside it tells anyway.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12
MARK = b"\x01people\x01"
"""How sealed bytes begin; neither JSON nor XML can."""


class SealBroken(ValueError):
    """What was sealed under another key, or altered since; nothing of it is given."""


class PeopleVault:
    """Raises ValueError for a key of another length than KEY_BYTES."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key for people's data has {KEY_BYTES} bytes")
        self._cipher = AESGCM(_derived(key, b"seal"))
        self._nonces = _derived(key, b"nonce")
        self._hashes = _derived(key, b"look-up")
        self._vouching = _derived(key, b"vouch")
        self.mark = _derived(key, b"mark")
        """Tells this key from another, and nothing of it."""

    def index(self, number: str) -> str:
        """What a number is found by: 32 hex digits of HMAC-SHA256 over it, letters in capitals."""
        digest = hmac.digest(self._hashes, number.strip().upper().encode(), "sha256")
        return digest[:16].hex()

    def vouch(self, said: bytes) -> bytes:
        """HMAC-SHA256: that who has this key said so, to whoever has it."""
        return hmac.digest(self._vouching, said, "sha256")

    def seal(self, text: str) -> str:
        return base64.b64encode(self.seal_bytes(text.encode())).decode()

    def open(self, sealed: str) -> str:
        """Raises SealBroken."""
        try:
            return self.open_bytes(base64.b64decode(sealed, validate=True)).decode()
        except binascii.Error as error:
            raise SealBroken("not a sealed text") from error

    def seal_bytes(self, plain: bytes) -> bytes:
        nonce = hmac.digest(self._nonces, plain, "sha256")[:NONCE_BYTES]
        return MARK + nonce + self._cipher.encrypt(nonce, plain, MARK)

    def open_bytes(self, sealed: bytes) -> bytes:
        """What does not begin as sealed is given as it is: it was stored before there was a key.

        Raises SealBroken.
        """
        if not sealed.startswith(MARK):
            return bytes(sealed)
        nonce = sealed[len(MARK) : len(MARK) + NONCE_BYTES]
        try:
            return self._cipher.decrypt(nonce, bytes(sealed[len(MARK) + NONCE_BYTES :]), MARK)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("sealed under another key, or altered") from error


def key_from(file: Path) -> bytes:
    """The key that `write_key` wrote. Raises ValueError (not a key, or open to others), OSError."""
    if file.stat().st_mode & 0o077:
        raise ValueError(f"{file}: others can read it; chmod 600")
    try:
        key = base64.b64decode(file.read_bytes().strip(), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{file}: not a key for people's data") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"{file}: a key for people's data has {KEY_BYTES} bytes")
    return key


def write_key(file: Path) -> None:
    """A new random key, for its owner alone. Raises FileExistsError: none is ever overwritten."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")


def key_for_trial(secret: bytes) -> bytes:
    """From the secret of the commitments, where there is no key of its own: never in production."""
    return hashlib.sha256(b"treasury-gateway people trial\x00" + secret).digest()


def _derived(key: bytes, use: bytes) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"treasury-gateway people " + use)
    return kdf.derive(key)

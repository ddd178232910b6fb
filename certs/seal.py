"""Secrets at rest: AES-256-GCM under a key that is derived from a passphrase of the program."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12


class SealBroken(ValueError):
    """Other bytes, another context, or another passphrase than it was sealed with."""


class Seal:
    """`purpose` separates the keys of different uses; `context` binds a text to its row."""

    def __init__(self, passphrase: bytes, purpose: str) -> None:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode())
        self._cipher = AESGCM(kdf.derive(passphrase))

    def close(self, plain: bytes, context: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises SealBroken."""
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, context.encode())
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a sealed value does not open") from error

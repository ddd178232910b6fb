"""The cipher of values at rest in each suite: AES-256-GCM, or SM4-GCM (GB/T 32907, RFC 8998).

Both have the interface of `cryptography`'s AESGCM, so whoever seals values does not ask which.
"""

from typing import Protocol

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from certs.signing.libcrypto import SuiteUnavailable
from gateway.domain.log import SM2_SM3

TAG_BYTES = 16
NONCE_BYTES = 12
SM4_KEY_BYTES = 16


class Aead(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Ciphertext, then the tag."""
        ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        """Raises InvalidTag; nothing of altered bytes is given out."""
        ...


class Sm4Gcm:
    """Raises SuiteUnavailable where `cryptography` has no SM4-GCM, ValueError for a wrong key."""

    def __init__(self, key: bytes) -> None:
        self._key = algorithms.SM4(key)
        try:
            self.encrypt(bytes(NONCE_BYTES), b"", None)
        except UnsupportedAlgorithm as error:
            raise SuiteUnavailable("cryptography was built without SM4-GCM") from error

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        context = Cipher(self._key, modes.GCM(nonce)).encryptor()
        context.authenticate_additional_data(associated_data or b"")
        return context.update(data) + context.finalize() + context.tag

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes | None) -> bytes:
        if len(data) < TAG_BYTES:
            raise ValueError("sealed bytes are cut off")
        mode = modes.GCM(nonce, data[-TAG_BYTES:])
        context = Cipher(self._key, mode).decryptor()
        context.authenticate_additional_data(associated_data or b"")
        return context.update(data[:-TAG_BYTES]) + context.finalize()


def aead(suite: str, key: bytes) -> Aead:
    """The suite's cipher under a key of 32 bytes; SM4 takes its first 16.

    Raises ValueError (SuiteUnavailable among them).
    """
    return Sm4Gcm(key[:SM4_KEY_BYTES]) if suite == SM2_SM3 else AESGCM(key)

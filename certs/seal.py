"""Secrets at rest: AES-256-GCM under a key that Argon2id stretches from the program's passphrase.

The salt is the deployment's own, kept beside what is sealed. One derivation (64 MiB, some tenths of
a second) serves all purposes of a process: HKDF separates them. Values of the form before, whose
key was not stretched, still open; what is sealed anew has the new form.
"""

import secrets
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from certs.stretching import ALONE

_FORM = b"TS2\x00"
"""Begins a value whose key was stretched. Older ones begin with a random nonce."""
_NONCE_BYTES = 12
_KEY_BYTES = 32
SALT_BYTES = 16
ITERATIONS, LANES, MEMORY_KIB = 3, 4, 64 * 1024
"""RFC 9106 section 4, the second recommended set."""


class SealBroken(ValueError):
    """Other bytes, another context, or another passphrase than it was sealed with."""


class Seal:
    """`purpose` separates the keys of different uses; `context` binds a text to its row."""

    def __init__(self, passphrase: bytes, purpose: str, salt: bytes) -> None:
        self._cipher = AESGCM(derived(passphrase, salt, purpose))
        self._passphrase, self._purpose = passphrase, purpose

    def close(self, plain: bytes, context: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _FORM + nonce + self._cipher.encrypt(nonce, plain, _FORM + context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """Raises SealBroken."""
        if sealed.startswith(_FORM):
            try:
                return _opened(self._cipher, sealed[len(_FORM) :], _FORM + context.encode())
            except SealBroken:
                # One nonce of the form before in four thousand million begins like this.
                return _opened(self._unstretched, sealed, context.encode())
        return _opened(self._unstretched, sealed, context.encode())

    @cached_property
    def _unstretched(self) -> AESGCM:
        return AESGCM(_expanded(self._passphrase, self._purpose))


def derived(passphrase: bytes, salt: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose. Raises ValueError for a salt of another length."""
    return _expanded(_stretched(passphrase, salt), purpose)


@lru_cache(maxsize=4)
def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    kdf = Argon2id(
        salt=salt, length=_KEY_BYTES, iterations=ITERATIONS, lanes=LANES, memory_cost=MEMORY_KIB
    )
    with ALONE:
        return kdf.derive(passphrase)


def _expanded(key: bytes, purpose: str) -> bytes:
    kdf = HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=purpose.encode())
    return kdf.derive(key)


def _opened(cipher: AESGCM, sealed: bytes, context: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value does not open") from error

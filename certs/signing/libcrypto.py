"""The system's OpenSSL 3 libcrypto through ctypes: only the calls that SM2 needs.

`cryptography` carries an OpenSSL of its own without SM2. The distinguishing identifier of a signer
is set in every signature here: OpenSSL's own default is the empty one, GM/T 0009's is not.
"""

import ctypes
import ctypes.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_long, c_size_t, c_ulong, c_void_p
from functools import lru_cache

VERSION_LEAST = 0x30000000
DISTINGUISHING_ID = b"1234567812345678"
"""GM/T 0009-2012 section 10: the identifier of whoever has agreed on no other."""
LIBRARY_VARIABLE = "GATEWAY_LIBCRYPTO"
"""Names another libcrypto than the loader finds by itself."""
DER_BYTES_MAX = 512
_PEM_KEY_CHARS = 65_536

_FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "OpenSSL_version_num": (c_ulong, []),
    "ERR_clear_error": (None, []),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "EVP_PKEY_CTX_new_from_pkey": (c_void_p, [c_void_p, c_void_p, c_char_p]),
    "EVP_PKEY_CTX_free": (None, [c_void_p]),
    "EVP_PKEY_CTX_set1_id": (c_int, [c_void_p, c_char_p, c_int]),
    "EVP_PKEY_keygen_init": (c_int, [c_void_p]),
    "EVP_PKEY_generate": (c_int, [c_void_p, c_void_p]),
    "EVP_PKEY_public_check": (c_int, [c_void_p]),
    "EVP_PKEY_is_a": (c_int, [c_void_p, c_char_p]),
    "EVP_PKEY_free": (None, [c_void_p]),
    "EVP_MD_CTX_new": (c_void_p, []),
    "EVP_MD_CTX_free": (None, [c_void_p]),
    "EVP_MD_CTX_set_pkey_ctx": (None, [c_void_p, c_void_p]),
    "EVP_DigestSignInit_ex": (
        c_int, [c_void_p, c_void_p, c_char_p, c_void_p, c_char_p, c_void_p, c_void_p],
    ),
    "EVP_DigestVerifyInit_ex": (
        c_int, [c_void_p, c_void_p, c_char_p, c_void_p, c_char_p, c_void_p, c_void_p],
    ),
    "EVP_DigestSign": (c_int, [c_void_p, c_char_p, c_void_p, c_char_p, c_size_t]),
    "EVP_DigestVerify": (c_int, [c_void_p, c_char_p, c_size_t, c_char_p, c_size_t]),
    "d2i_PUBKEY": (c_void_p, [c_void_p, c_void_p, c_long]),
    "i2d_PUBKEY": (c_int, [c_void_p, c_void_p]),
    "BIO_new_mem_buf": (c_void_p, [c_char_p, c_int]),
    "BIO_new": (c_void_p, [c_void_p]),
    "BIO_s_mem": (c_void_p, []),
    "BIO_read": (c_int, [c_void_p, c_char_p, c_int]),
    "BIO_free": (c_int, [c_void_p]),
    "PEM_read_bio_PrivateKey": (c_void_p, [c_void_p, c_void_p, c_void_p, c_char_p]),
    "PEM_write_bio_PKCS8PrivateKey": (
        c_int, [c_void_p, c_void_p, c_void_p, c_char_p, c_int, c_void_p, c_void_p],
    ),
    "EVP_aes_256_cbc": (c_void_p, []),
}  # fmt: skip


class SuiteUnavailable(ValueError):
    """This machine cannot do SM2; the message says what is missing and how to mend it."""


class Key:
    """An SM2 key inside libcrypto; freed with the object."""

    def __init__(self, library: ctypes.CDLL, handle: int) -> None:
        self.handle = handle
        self._free = library.EVP_PKEY_free

    def __del__(self) -> None:
        self._free(self.handle)


class Libcrypto:
    """SM2 with SM3, the identifier always set. Made by `libcrypto()`."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._c = library

    @property
    def version(self) -> str:
        return _spelled(int(self._c.OpenSSL_version_num()))

    def generate(self) -> Key:
        context = self._made(self._c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None))
        try:
            self._sure(self._c.EVP_PKEY_keygen_init(context))
            made = c_void_p()
            self._sure(self._c.EVP_PKEY_generate(context, ctypes.byref(made)))
            return Key(self._c, self._made(made.value))
        finally:
            self._c.EVP_PKEY_CTX_free(context)

    def read_public(self, spki: bytes) -> Key:
        """A public key from its DER SubjectPublicKeyInfo. Raises ValueError."""
        place = c_char_p(spki)
        handle = self._c.d2i_PUBKEY(None, ctypes.byref(place), len(spki))
        return self._only_sm2(handle, "the public key")

    def read_private(self, pem: bytes, passphrase: bytes) -> Key:
        """From encrypted PKCS#8 in PEM. Raises ValueError; never asks a terminal."""
        if len(pem) > _PEM_KEY_CHARS:
            raise ValueError("the key file is too long")
        buffer = self._made(self._c.BIO_new_mem_buf(pem, len(pem)))
        try:
            handle = self._c.PEM_read_bio_PrivateKey(buffer, None, None, passphrase)
        finally:
            self._c.BIO_free(buffer)
        return self._only_sm2(handle, "the private key")

    def write_private(self, key: Key, passphrase: bytes) -> bytes:
        """Encrypted PKCS#8 in PEM (AES-256-CBC, PBKDF2)."""
        buffer = self._made(self._c.BIO_new(self._c.BIO_s_mem()))
        try:
            cipher = self._c.EVP_aes_256_cbc()
            self._sure(
                self._c.PEM_write_bio_PKCS8PrivateKey(
                    buffer, key.handle, cipher, passphrase, len(passphrase), None, None
                )
            )
            out = ctypes.create_string_buffer(_PEM_KEY_CHARS)
            read = self._c.BIO_read(buffer, out, _PEM_KEY_CHARS)
            self._sure(read)
            return out.raw[:read]
        finally:
            self._c.BIO_free(buffer)

    def spki(self, key: Key) -> bytes:
        out = ctypes.create_string_buffer(DER_BYTES_MAX)
        place = ctypes.cast(out, c_void_p)
        length = self._c.i2d_PUBKEY(key.handle, ctypes.byref(place))
        if not 0 < length <= DER_BYTES_MAX:
            raise ValueError("the public key cannot be written")
        return out.raw[:length]

    def sign(self, key: Key, message: bytes, identifier: bytes = DISTINGUISHING_ID) -> bytes:
        """DER of (r, s). The identifier is an argument for test vectors only."""
        with self._hashing(key, identifier) as context:
            self._sure(
                self._c.EVP_DigestSignInit_ex(context, None, b"SM3", None, None, key.handle, None)
            )
            out, length = ctypes.create_string_buffer(DER_BYTES_MAX), c_size_t(DER_BYTES_MAX)
            self._sure(
                self._c.EVP_DigestSign(context, out, ctypes.byref(length), message, len(message))
            )
            return out.raw[: length.value]

    def verify(
        self, key: Key, der: bytes, message: bytes, identifier: bytes = DISTINGUISHING_ID
    ) -> bool:
        with self._hashing(key, identifier) as context:
            self._sure(
                self._c.EVP_DigestVerifyInit_ex(context, None, b"SM3", None, None, key.handle, None)
            )
            held = self._c.EVP_DigestVerify(context, der, len(der), message, len(message)) == 1
            # What a refused signature leaves in OpenSSL's queue must not surface elsewhere.
            self._c.ERR_clear_error()
            return bool(held)

    @contextmanager
    def _hashing(self, key: Key, identifier: bytes) -> Iterator[int]:
        """A digest context whose key context carries the identifier; never without one (T1)."""
        if not identifier:
            raise ValueError("the SM2 identifier must not be empty")
        signing = self._made(self._c.EVP_PKEY_CTX_new_from_pkey(None, key.handle, None))
        context = self._c.EVP_MD_CTX_new()
        try:
            self._made(context)
            self._sure(self._c.EVP_PKEY_CTX_set1_id(signing, identifier, len(identifier)))
            self._c.EVP_MD_CTX_set_pkey_ctx(context, signing)
            yield context
        finally:
            self._c.EVP_MD_CTX_free(context)
            self._c.EVP_PKEY_CTX_free(signing)

    def _only_sm2(self, handle: int | None, what: str) -> Key:
        if not handle:
            self._c.ERR_clear_error()
            raise ValueError(f"{what} does not open")
        key = Key(self._c, handle)
        if self._c.EVP_PKEY_is_a(handle, b"SM2") != 1:
            raise ValueError(f"{what} is not an SM2 key")
        return key

    def _made(self, handle: int | None) -> int:
        if not handle:
            self._c.ERR_clear_error()
            raise MemoryError("libcrypto made no object")
        return handle

    def _sure(self, answer: int) -> None:
        if answer <= 0:
            self._c.ERR_clear_error()
            raise ValueError("libcrypto refused an SM2 operation")


@lru_cache(maxsize=1)
def libcrypto() -> Libcrypto:
    """The system's library, once. Raises SuiteUnavailable."""
    return open_libcrypto(os.environ.get(LIBRARY_VARIABLE) or ctypes.util.find_library("crypto"))


def open_libcrypto(name: str | None) -> Libcrypto:
    """Load and examine one library. Raises SuiteUnavailable with what a person can mend."""
    if not name:
        raise SuiteUnavailable(_advice("no libcrypto was found"))
    try:
        library = ctypes.CDLL(name)
        version = _declared(library)
    except (OSError, AttributeError) as error:
        raise SuiteUnavailable(_advice(f"{name} does not serve: {error}")) from error
    if version < VERSION_LEAST:
        raise SuiteUnavailable(_advice(f"{name} is OpenSSL {_spelled(version)}"))
    context = library.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
    if not context:
        library.ERR_clear_error()
        raise SuiteUnavailable(
            _advice(f"{name} (OpenSSL {_spelled(version)}) was built without it")
        )
    library.EVP_PKEY_CTX_free(context)
    return Libcrypto(library)


def _declared(library: ctypes.CDLL) -> int:
    """Give each function its types; the version first, so that an old library is named as such."""
    library.OpenSSL_version_num.restype = c_ulong
    version = int(library.OpenSSL_version_num())
    if version >= VERSION_LEAST:
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    return version


def _spelled(version: int) -> str:
    """0x30000130 is 3.0.19; before 3 the patch level stood elsewhere: 0x1010117f is 1.1.1."""
    patch = version >> 4 & 0xFFFF if version >= VERSION_LEAST else version >> 12 & 0xFF
    return f"{version >> 28}.{version >> 20 & 0xFF}.{patch}"


def _advice(found: str) -> str:
    return (
        f"GW1-SM2-SM3 needs SM2 of OpenSSL 3.0 or later: {found}. Install the system's OpenSSL 3,"
        f" or name its libcrypto in {LIBRARY_VARIABLE}, or choose GW1-P256-SHA256."
        " 国密套件需要系统 OpenSSL 3（含 SM2）。"
    )

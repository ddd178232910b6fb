"""Secrets at rest under a stretched passphrase: what opens, and what is still readable."""

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from certs import seal
from certs.seal import Seal, SealBroken, derived

PASSPHRASE, SALT = b"a passphrase", bytes(range(16))


def hkdf(key: bytes, purpose: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose.encode()).derive(key)


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(seal, "MEMORY_KIB", 64)
    seal._stretched.cache_clear()
    yield
    seal._stretched.cache_clear()


@pytest.mark.usefixtures("cheap")
def test_a_value_opens_for_its_passphrase_purpose_salt_and_context_only() -> None:
    sealed = Seal(PASSPHRASE, "totp", SALT).close(b"secret", "li.si")
    assert Seal(PASSPHRASE, "totp", SALT).open(sealed, "li.si") == b"secret"
    for other, context in (
        (Seal(b"another one", "totp", SALT), "li.si"),
        (Seal(PASSPHRASE, "registers", SALT), "li.si"),
        (Seal(PASSPHRASE, "totp", bytes(16)), "li.si"),
        (Seal(PASSPHRASE, "totp", SALT), "wang.wu"),
    ):
        with pytest.raises(SealBroken):
            other.open(sealed, context)
    for place in range(len(sealed)):
        broken = bytearray(sealed)
        broken[place] ^= 1
        with pytest.raises(SealBroken):
            Seal(PASSPHRASE, "totp", SALT).open(bytes(broken), "li.si")
    with pytest.raises(SealBroken):
        Seal(PASSPHRASE, "totp", SALT).open(b"", "li.si")


@pytest.mark.slow
def test_the_key_of_a_new_value_is_stretched_by_argon2id() -> None:
    sealed = Seal(PASSPHRASE, "totp", SALT).close(b"secret", "li.si")
    stretched = Argon2id(salt=SALT, length=32, iterations=3, lanes=4, memory_cost=64 * 1024).derive(
        PASSPHRASE
    )
    assert derived(PASSPHRASE, SALT, "totp") == hkdf(stretched, "totp")
    cipher = AESGCM(hkdf(stretched, "totp"))
    assert cipher.decrypt(sealed[4:16], sealed[16:], b"TS2\0li.si") == b"secret"


@pytest.mark.slow
@pytest.mark.parametrize("nonce", [bytes(12), b"TS2\0 a nonce"])
def test_a_value_of_the_form_before_still_opens(nonce: bytes) -> None:
    old = nonce + AESGCM(hkdf(PASSPHRASE, "totp")).encrypt(nonce, b"secret", b"li.si")
    assert Seal(PASSPHRASE, "totp", SALT).open(old, "li.si") == b"secret"
    with pytest.raises(SealBroken):
        Seal(PASSPHRASE, "totp", SALT).open(old, "wang.wu")


def test_a_salt_of_another_length_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Seal(PASSPHRASE, "totp", b"short")

"""Values at rest: SM4 by the standards' vectors, and nothing of altered bytes comes out."""

from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from certs.aead import Sm4Gcm, aead
from gateway.domain.log import P256_SHA256, SM2_SM3

FOLDER = Path(cryptography_vectors.__file__).parent / "ciphers" / "SM4"
NONCE = bytes(range(12))


def _cases(name: str) -> list[dict[str, str]]:
    cases: list[dict[str, str]] = []
    for line in (FOLDER / name).read_text().splitlines():
        key, found, value = line.partition(" = ")
        if found and key == "COUNT":
            cases.append({})
        elif found and cases:
            cases[-1][key] = value
    return cases


def test_sm4_gcm_is_that_of_rfc_8998(counted) -> None:
    cases = _cases("rfc8998.txt")
    for case in cases:
        given = {name: bytes.fromhex(value) for name, value in case.items() if name != "COUNT"}
        cipher, sealed = Sm4Gcm(given["KEY"]), given["CIPHERTEXT"] + given["TAG"]
        assert cipher.encrypt(given["IV"], given["PLAINTEXT"], given["AAD"]) == sealed
        assert cipher.decrypt(given["IV"], sealed, given["AAD"]) == given["PLAINTEXT"]
    counted("SM4-GCM (RFC 8998)", len(cases))


def test_sm4_agrees_with_the_drafts_vectors(counted) -> None:
    checked = 0
    for mode, kind in {"ecb": modes.ECB, "cbc": modes.CBC, "ctr": modes.CTR}.items():
        for case in _cases(f"draft-ribose-cfrg-sm4-10-{mode}.txt"):
            iv = (bytes.fromhex(case["IV"]),) if mode != "ecb" else ()
            cipher = Cipher(algorithms.SM4(bytes.fromhex(case["KEY"])), kind(*iv)).encryptor()
            made = cipher.update(bytes.fromhex(case["PLAINTEXT"])) + cipher.finalize()
            assert made.hex() == case["CIPHERTEXT"].lower()
            checked += 1
    counted("SM4 (draft-ribose)", checked)


@pytest.mark.parametrize("suite", [P256_SHA256, SM2_SM3])
def test_no_bit_of_sealed_bytes_their_place_or_key_may_differ(suite: str) -> None:
    key = bytes(range(32))
    cipher = aead(suite, key)
    sealed = cipher.encrypt(NONCE, b"220102199001011234", b"row 7")
    assert cipher.decrypt(NONCE, sealed, b"row 7") == b"220102199001011234"
    for place in range(len(sealed)):
        spoiled = bytearray(sealed)
        spoiled[place] ^= 1
        with pytest.raises(InvalidTag):
            cipher.decrypt(NONCE, bytes(spoiled), b"row 7")
    for other, nonce, row in (
        (cipher, NONCE, b"row 8"),
        (cipher, NONCE[::-1], b"row 7"),
        (aead(suite, key[::-1]), NONCE, b"row 7"),
    ):
        with pytest.raises(InvalidTag):
            other.decrypt(nonce, sealed, row)
    with pytest.raises((InvalidTag, ValueError)):
        cipher.decrypt(NONCE, sealed[:3], b"row 7")

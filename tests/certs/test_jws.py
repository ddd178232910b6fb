"""JWS: the standards' own vectors, and every second spelling refused."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certs.keys import generate_key
from certs.signing.encoding import b64url, from_b64, from_b64url
from certs.signing.jws import (
    JwsFault,
    JwsRefused,
    protected_header,
    read_header,
    sign_compact,
    sign_detached,
    signing_input,
    split_detached,
    verify_compact,
)
from certs.signing.suites import P256
from tests.certs.oracles import verify_detached

BODY = '{"purpose":"办公费"}'.encode()
THUMBPRINT = b64url(hashlib.sha256(b"certificate").digest())
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _jwk(key: dict[str, Any]) -> ec.EllipticCurvePublicKey:
    x, y = (int.from_bytes(from_b64url(key[name]), "big") for name in ("x", "y"))
    return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()


def _header(text: str) -> str:
    return b64url(text.encode())


def test_a_detached_signature_proves_its_bytes_and_no_others() -> None:
    key = generate_key()
    token = sign_detached(key, protected_header(THUMBPRINT, detached=True), BODY)
    assert verify_detached(key.public_key(), BODY, token).thumbprint == THUMBPRINT
    for other in (BODY + b" ", BODY[:-1], BODY.replace(b":", b": ")):
        with pytest.raises(JwsRefused) as refused:
            verify_detached(key.public_key(), other, token)
        assert refused.value.fault is JwsFault.SIGNATURE


def test_a_receipt_carries_its_payload_and_is_refused_by_another_key() -> None:
    key = generate_key()
    token = sign_compact(key, protected_header(THUMBPRINT, detached=False), BODY)
    assert verify_compact(key.public_key(), token) == BODY
    with pytest.raises(JwsRefused):
        verify_compact(generate_key().public_key(), token)


def test_rfc_7515_appendix_a3_verifies() -> None:
    key = _jwk(
        {
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        }
    )
    token = (
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
        "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5dj"
        "xLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
    )
    assert json.loads(verify_compact(key, token))["iss"] == "joe"


def test_rfc_7797_section_4_2_has_our_signing_input() -> None:
    secret = from_b64url(
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
    )
    protected = "eyJhbGciOiJIUzI1NiIsImI2NCI6ZmFsc2UsImNyaXQiOlsiYjY0Il19"
    signature = hmac.new(secret, signing_input(protected, b"$.02"), hashlib.sha256).digest()
    assert b64url(signature) == "A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY"


def test_rfc_7520_signing_inputs_are_ours_and_its_algorithms_are_refused(
    vectors: Path, counted
) -> None:
    files = sorted((vectors / "jose").glob("4_*.json"))
    checked = 0
    for path in files:
        example = json.loads(path.read_text())
        signings = example["signing"]
        for signing in signings if isinstance(signings, list) else [signings]:
            protected = signing.get("protected_b64u")
            if protected is None:
                continue
            text = base64.urlsafe_b64encode(example["input"]["payload"].encode()).rstrip(b"=")
            assert signing_input(protected, text).decode() == signing["sig-input"]
            if signing["protected"].get("alg") != "ES256":
                with pytest.raises(JwsRefused):
                    read_header(protected, detached=False)
            checked += 1
    assert len(files) == 8 and checked >= 8
    counted("RFC 7520 JWS", checked)


def test_wycheproof_jws_accepts_the_valid_and_refuses_the_rest(vectors: Path, counted) -> None:
    groups = json.loads((vectors / "wycheproof/json_web_signature_test.json").read_text())
    checked = 0
    for group in groups["testGroups"]:
        public = group.get("public", {})
        # We take certificates, not JWKs: `use` and `key_ops` of a key have nothing to refuse.
        if public.get("use", "sig") != "sig" or "key_ops" in public:
            continue
        ours = public.get("crv") == "P-256"
        key = _jwk(public) if ours else generate_key().public_key()
        for case in group["tests"]:
            valid = ours and case["result"] == "valid"
            assert _verifies(key, case["jws"]) is valid, (case["tcId"], case["comment"])
            checked += 1
    assert checked > 380
    counted("Wycheproof JWS", checked)


def _verifies(key: ec.EllipticCurvePublicKey, token: Any) -> bool:
    if not isinstance(token, str):
        return False
    try:
        verify_compact(key, token)
    except JwsRefused:
        return False
    return True


def test_wycheproof_p1363_agrees_case_by_case(vectors: Path, counted) -> None:
    suite = json.loads((vectors / "wycheproof/ecdsa_secp256r1_sha256_p1363_test.json").read_text())
    checked = 0
    for group in suite["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        for case in group["tests"]:
            holds = P256.verify_raw(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert holds is (case["result"] == "valid"), (case["tcId"], case["comment"])
            checked += 1
    assert checked == suite["numberOfTests"] == 262
    counted("Wycheproof ECDSA P-256 P1363", checked)


def test_wycheproof_der_agrees_and_takes_no_ber(vectors: Path, counted) -> None:
    suite = json.loads((vectors / "wycheproof/ecdsa_secp256r1_sha256_test.json").read_text())
    checked = 0
    for group in suite["testGroups"]:
        point = bytes.fromhex(group["publicKey"]["uncompressed"])
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        for case in group["tests"]:
            holds = P256.verify_der(key, bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"]))
            assert holds is (case["result"] == "valid"), (case["tcId"], case["comment"])
            checked += 1
    assert checked == suite["numberOfTests"]
    counted("Wycheproof ECDSA P-256 DER", checked)


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","b64":false,"crit":["b64"]}',
        '{"alg":"HS256","b64":false,"crit":["b64"]}',
        '{"alg":"ES384","b64":false,"crit":["b64"]}',
        '{"alg":["ES256"],"b64":false,"crit":["b64"]}',
        '{"b64":false,"crit":["b64"]}',
        '{"alg":"ES256","b64":true,"crit":["b64"]}',
        '{"alg":"ES256","b64":0,"crit":["b64"]}',
        '{"alg":"ES256","crit":["b64"]}',
        '{"alg":"ES256","b64":false}',
        '{"alg":"ES256","b64":false,"crit":[]}',
        '{"alg":"ES256","b64":false,"crit":["b64","exp"],"exp":1}',
        '{"alg":"ES256","b64":false,"crit":["b64","b64"]}',
        '{"alg":"ES256","b64":false,"crit":"b64"}',
        '{"alg":"ES256","alg":"ES256","b64":false,"crit":["b64"]}',
        '{"alg":"ES256","b64":false,"crit":["b64"],"jwk":{}}',
        '{"alg":"ES256","b64":false,"crit":["b64"],"x5c":["MII"]}',
        '{"alg":"ES256","b64":false,"crit":["b64"],"kid":1}',
        '{"alg":"ES256","b64":false,"crit":["b64"],"x5t#S256":"short"}',
        '["ES256"]',
        '"ES256"',
        "{",
        "[" * 300,
        "",
        '{"alg":"ES256","b64":false,"crit":["b64"],"kid":"' + 1000 * "k" + '"}',
    ],
)
def test_a_header_that_is_not_exactly_ours_is_refused(header: str) -> None:
    with pytest.raises(JwsRefused):
        read_header(_header(header), detached=True)


def test_a_header_in_another_encoding_than_utf8_is_refused() -> None:
    text = '{"alg":"ES256","b64":false,"crit":["b64"]}'
    assert read_header(_header(text), detached=True)
    for encoding in ("utf-16", "utf-32", "utf-8-sig"):
        with pytest.raises(JwsRefused):
            read_header(b64url(text.encode(encoding)), detached=True)


def test_no_second_spelling_of_a_token_is_accepted() -> None:
    key = generate_key()
    protected = protected_header(THUMBPRINT, detached=True)
    token = sign_detached(key, protected, BODY)
    head, signature = token.split("..")
    last = "AQgw"["AQgw".index(signature[-1])]
    other_pad_bits = signature[:-1] + chr(ord(last) + 1)
    assert base64.urlsafe_b64decode(other_pad_bits + "==") == from_b64url(signature)
    for spelled in (
        f"{head}..{other_pad_bits}",
        f"{head}..{signature}==",
        f"{head}=..{signature}",
        f"{head}..{signature}\n",
        f" {token}",
        f"{head}.{signature}",
        f"{head}...{signature}",
        f"{head}..{signature}.",
        f"..{signature}",
        f"{head}..",
        f"{head}..{signature[:-1]}。",
        "",
    ):
        with pytest.raises(JwsRefused):
            verify_detached(key.public_key(), BODY, spelled)


def test_only_the_64_byte_form_of_a_signature_is_accepted() -> None:
    key = generate_key()
    head = protected_header(None, detached=True)
    raw = split_detached(sign_detached(key, head, BODY))[1]
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    padded = b"\0" + raw[:32] + b"\0" + raw[32:]
    beyond = (r + P256_ORDER).to_bytes(33, "big") + (s + P256_ORDER).to_bytes(33, "big")
    der = encode_dss_signature(r, s)
    for other in (der, padded, beyond, raw[:63], raw + b"\0", b"", bytes(64), b"\xff" * 64):
        with pytest.raises(JwsRefused):
            verify_detached(key.public_key(), BODY, f"{head}..{b64url(other)}")


def test_der_in_a_longer_spelling_is_refused() -> None:
    key = generate_key()
    der = P256.sign_der(key, BODY)
    assert P256.verify_der(key.public_key(), der, BODY)
    long_length = b"\x30\x81" + der[1:]
    indefinite = b"\x30\x80" + der[2:] + b"\0\0"
    for other in (long_length, indefinite, der + b"\0", der[:-1], b"", b"\x30\0"):
        assert not P256.verify_der(key.public_key(), other, BODY)


def test_non_zero_pad_bits_are_refused_in_both_alphabets() -> None:
    assert from_b64("QQ==") == b"A" and from_b64url("QQ") == b"A"
    assert base64.b64decode("QR==", validate=True) == b"A"
    for refused in ("QR==", "QQ=", "QQ", "QQ==\n", " QQ==", "QQ==QQ==", "€"):
        with pytest.raises(ValueError):
            from_b64(refused)
    for refused in ("QR", "QQ==", "QQ\n", "Q", "+/", "€"):
        with pytest.raises(ValueError):
            from_b64url(refused)

"""GW1-SM2-SM3: the standard's samples, the identifier, strict spellings, and old libraries."""

import datetime as dt
import shutil
import subprocess
from pathlib import Path

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gmalg import SM2 as PureSm2

from certs.issued import issued_by
from certs.keys import load_sm2_key, load_sm2_signer, pem_of, save_certificates, save_key
from certs.log.note import (
    Checkpoint,
    NoteRefused,
    cosign,
    cosignatures,
    log_origin,
    open_checkpoint,
    parse_note,
    sign_checkpoint,
    witness_keys,
)
from certs.signatories import signatories
from certs.signing import libcrypto as binding
from certs.signing.encoding import b64url
from certs.signing.jws import JwsRefused, protected_header, sign_compact, verify_compact
from certs.signing.libcrypto import (
    DISTINGUISHING_ID,
    SuiteUnavailable,
    libcrypto,
    open_libcrypto,
)
from certs.signing.signer import in_both_suites
from certs.signing.sm2 import SM2, generate_sm2, read_sm2_private, read_sm2_public
from certs.signing.suites import public_of
from certs.sm2_certificate import issue_sm2, sm2_request
from certs.trust import Trust
from gateway.domain.faults import Unproven
from gateway.domain.log import SM2_SM3, sm3
from tests.certs.conftest import DOMAIN, NOW, PASSPHRASE, skip_without_sm2
from tests.certs.oracles import log_keys

OUTSIDE = Path(cryptography_vectors.__file__).parent


@pytest.fixture(scope="module", autouse=True)
def _needs_sm2() -> None:
    skip_without_sm2()


@pytest.fixture(scope="module")
def gateway(pki):
    return pki.party("gateway/ABC", suite=SM2_SM3)


@pytest.fixture(scope="module")
def bureau(pki):
    return pki.party("bureau/220000000", suite=SM2_SM3)


def _samples(path: Path) -> list[dict[str, str]]:
    """Blocks of `name = value` between empty lines."""
    blocks = [block.splitlines() for block in path.read_text().replace("\r", "").split("\n\n")]
    parsed = [dict(line.split(" = ", 1) for line in b if " = " in line) for b in blocks]
    return [block for block in parsed if block]


def _point(x: str, y: str):
    head = generate_sm2().public_key().spki[:-64]
    return read_sm2_public(head + bytes.fromhex(x + y))


def test_the_samples_of_gb_t_32918_5_verify_and_the_changed_one_fails(vectors, counted) -> None:
    folder = vectors / "sm2/SM2/GB_32918.5-2017"
    checked = 0
    for name, valid in (("SigGen.txt", True), ("SigFail.txt", False)):
        for case in _samples(folder / name):
            if "R" not in case:
                continue
            key = _point(case["Qx"], case["Qy"])
            raw = bytes.fromhex(case["R"] + case["S"])
            assert SM2.verify_raw(key, raw, bytes.fromhex(case["Msg"])) is valid
            checked += 1
    pairs = [case for case in _samples(folder / "KeyPair.rsp") if "d" in case]
    for pair in pairs:
        pure = PureSm2(sk=bytes.fromhex(pair["d"]))
        assert pure.generate_pk(bytes.fromhex(pair["d"]))[-64:].hex().upper() == (
            pair["Qx"] + pair["Qy"]
        )
        _point(pair["Qx"], pair["Qy"])
    for case in _samples(vectors / "sm2/SM2/compressed_points.txt"):
        _point(case["X"], case["Y"])
        checked += 1
    assert checked == 5 and len(pairs) == 3
    counted("GB/T 32918.5 SM2 and OpenSSL points", checked + len(pairs))


def test_sm3_agrees_with_the_oscca_vectors(counted) -> None:
    checked = 0
    for case in _samples(OUTSIDE / "hashes/SM3/oscca.txt"):
        if "MD" in case:
            message = bytes.fromhex(case["Msg"])[: int(case["Len"]) // 8]
            assert sm3(message).hex() == case["MD"]
            checked += 1
    assert checked > 4
    counted("SM3 (OSCCA)", checked)


def test_the_sm2_identifier_is_never_empty(gateway) -> None:
    """T1: OpenSSL's default is the empty one; what it signs must not verify, nor ours as its."""
    key = gateway.sm2._key
    public = key.public_key()
    signature = key.sign_der(b"m")
    assert SM2.verify_der(public, signature, b"m")
    for other in (b"", b"another"):
        try:
            held = libcrypto().verify(public._key, signature, b"m", other)
        except ValueError:
            held = False
        assert not held
    foreign = libcrypto().sign(key._key, b"m", b"another")
    assert not SM2.verify_der(public, foreign, b"m")
    assert DISTINGUISHING_ID == b"1234567812345678"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_openssl_itself_agrees_only_with_the_identifier_named(gateway, tmp_path: Path) -> None:
    """T1 by another program: its default is empty and refuses; with the identifier it accepts."""
    (tmp_path / "m").write_bytes(b"m")
    (tmp_path / "s").write_bytes(gateway.sm2._key.sign_der(b"m"))
    (tmp_path / "c.pem").write_bytes(pem_of(gateway.sm2.certificate))
    public = subprocess.run(
        ["openssl", "x509", "-in", "c.pem", "-noout", "-pubkey"],
        cwd=tmp_path, capture_output=True, check=True,
    ).stdout  # fmt: skip
    (tmp_path / "p.pem").write_bytes(public)
    argv = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "p.pem", "-rawin", "-digest",
            "sm3", "-in", "m", "-sigfile", "s"]  # fmt: skip
    named = [*argv, "-pkeyopt", f"distid:{DISTINGUISHING_ID.decode()}"]
    assert subprocess.run(named, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    assert subprocess.run(argv, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_a_pure_python_oracle_agrees_both_ways(gateway) -> None:
    key = gateway.sm2._key
    point = key.public_key().spki[-65:]
    oracle = PureSm2(pk=point, uid=DISTINGUISHING_ID)
    raw = SM2.sign_raw(key, b"record")
    assert oracle.verify(b"record", raw[:32], raw[32:])
    assert not oracle.verify(b"recorD", raw[:32], raw[32:])


def test_only_the_one_der_spelling_of_a_signature_is_accepted(gateway) -> None:
    key = gateway.sm2._key
    public, good = key.public_key(), key.sign_der(b"m")
    r, s = int.from_bytes(SM2.sign_raw(key, b"m")[:32]), 5
    spellings = [
        good + b"\x00", good[:-1], b"", b"\x30\x00", b"\x30\x81" + good[1:],
        good[:1] + bytes((good[1] + 1,)) + good[2:3] + bytes((good[3] + 1, 0)) + good[4:],
        encode_dss_signature(0, s), encode_dss_signature(r, 0), encode_dss_signature(2**256, s),
    ]  # fmt: skip
    assert SM2.verify_der(public, good, b"m")
    assert [each.hex() for each in spellings if SM2.verify_der(public, each, b"m")] == []
    assert not SM2.verify_raw(public, SM2.sign_raw(key, b"m") + b"\x00", b"m")
    assert not SM2.verify_raw(public, b"", b"m")


def test_keys_lie_encrypted_and_open_with_their_passphrase_only(tmp_path: Path) -> None:
    key = generate_sm2()
    save_key(tmp_path / "k", key, PASSPHRASE)
    assert load_sm2_key(tmp_path / "k", PASSPHRASE).public_key() == key.public_key()
    for wrong in (b"", b"another passphrase"):
        with pytest.raises(ValueError, match="k does not open as an SM2 key"):
            load_sm2_key(tmp_path / "k", wrong)
    (tmp_path / "k").chmod(0o644)
    with pytest.raises(ValueError, match="mode 0600"):
        load_sm2_key(tmp_path / "k", PASSPHRASE)


def test_a_p256_key_is_no_sm2_key(tmp_path: Path, pki) -> None:
    one = pki.party("gateway/ABC")
    save_key(tmp_path / "k", one._key, PASSPHRASE)
    with pytest.raises(ValueError, match="not open as an SM2 key"):
        load_sm2_key(tmp_path / "k", PASSPHRASE)
    with pytest.raises(ValueError, match="not encrypted"):
        read_sm2_private(b"-----BEGIN PRIVATE KEY-----\n", PASSPHRASE)
    with pytest.raises(ValueError, match="not one of an SM2 key"):
        in_both_suites(one, one)


def test_certificates_are_issued_for_a_request_that_proves_its_key(pki, tmp_path: Path) -> None:
    key = generate_sm2()
    request = sm2_request(key, f"{DOMAIN}/gateway/ABC")
    leaf = issue_sm2(pki.sm2, request, NOW)
    assert public_of(leaf) == key.public_key() and issued_by(pki.sm2.certificate, leaf)
    assert not issued_by(leaf, leaf) and not issued_by(pki.evidence.certificate, leaf)
    spoiled = bytearray(request)
    spoiled[-1] ^= 1
    for bad in (bytes(spoiled), request[:-1], b"", sm2_request_of_another(request)):
        with pytest.raises(ValueError):
            issue_sm2(pki.sm2, bad, NOW)
    save_certificates(tmp_path / "c.pem", [leaf])
    save_key(tmp_path / "k", key, PASSPHRASE)
    assert load_sm2_signer(tmp_path / "c.pem", tmp_path / "k", PASSPHRASE).suite == SM2_SM3


def sm2_request_of_another(request: bytes) -> bytes:
    """The same request with another key in it: its signature is not that key's."""
    mine = generate_sm2().public_key().spki[-64:]
    place = request.index(b"\x03\x42\x00\x04") + 4
    return request[:place] + mine + request[place + 64 :]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command")
def test_openssl_itself_verifies_the_chain(fresh_pki, tmp_path: Path) -> None:
    leaf = fresh_pki.sm2_party("gateway/ABC", dt.datetime.now(dt.UTC)).certificate
    (tmp_path / "leaf.pem").write_bytes(pem_of(leaf))
    (tmp_path / "ca.pem").write_bytes(pem_of(fresh_pki.sm2.certificate))
    done = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-vfyopt", f"distid:{DISTINGUISHING_ID.decode()}",
         "-CAfile", "ca.pem", "leaf.pem"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_documents_and_receipts_are_signed_in_the_suite_and_no_other_rules_apply(
    pki, gateway
) -> None:
    named = [("a", gateway.certificate), ("b", gateway.sm2.certificate)]
    table = signatories([pki.evidence.certificate, pki.sm2.certificate], named)
    assert len(table.by_thumbprint) == 2, table.left_out
    trust = Trust(table, gateway)
    signature = trust.sign_document(b"notice")
    assert trust.verify_document(b"notice", signature, NOW) == gateway.uri
    assert trust.verify_receipt(trust.sign_receipt(b"r"), NOW) == (gateway.uri, b"r")
    with pytest.raises(Unproven):
        trust.verify_document(b"noticE", signature, NOW)
    key = gateway.sm2._key
    for alg in ("ES256", "none", "SM2"):
        header = protected_header(gateway.sm2.thumbprint, detached=False, alg=alg)
        with pytest.raises(JwsRefused):
            verify_compact(key.public_key(), sign_compact(key, header, b"r"))
    foreign = protected_header(gateway.thumbprint, detached=True, alg=SM2_SM3)
    with pytest.raises(Unproven):
        trust.verify_document(b"x", f"{foreign}..{b64url(bytes(64))}", NOW)


def test_one_checkpoint_carries_both_lines_and_wants_both(gateway, bureau) -> None:
    origin = log_origin(gateway.uri, "220000000", gateway.suite)
    assert origin.endswith("/log/220000000/GW1-SM2-SM3")
    note = sign_checkpoint(gateway, Checkpoint(origin=origin, size=3, root=sm3(b"r")))
    head, _, lines = note.partition("\n\n")
    first, second = lines.splitlines()
    keys = log_keys(gateway, origin)
    checkpoint, signed = open_checkpoint(note, keys, NOW)
    assert (checkpoint.size, len(signed.signatures)) == (3, 2)
    for cut in (f"{head}\n\n{first}\n", f"{head}\n\n{second}\n"):
        with pytest.raises(NoteRefused, match="no signature"):
            open_checkpoint(cut, keys)
    for part in keys:
        with pytest.raises(NoteRefused):
            open_checkpoint(note, [part])
    cosigned = cosign(note, bureau, NOW)
    _, signed = open_checkpoint(cosigned, keys)
    assert len(cosignatures(signed, witness_keys(bureau))) == 1
    assert cosignatures(signed, witness_keys(bureau)[:1]) == ()
    cut = cosigned[: cosigned.rindex("— ")]
    assert cosignatures(open_checkpoint(cut, keys)[1], witness_keys(bureau)) == ()


@pytest.mark.parametrize("ended", [0, 1])
def test_where_both_are_wanted_neither_key_may_have_ended(gateway, bureau, ended: int) -> None:
    origin = log_origin(gateway.uri, "220000000", gateway.suite)
    note = sign_checkpoint(gateway, Checkpoint(origin=origin, size=3, root=sm3(b"r")))
    keys, witnesses = [*log_keys(gateway, origin)], [*witness_keys(bureau)]
    (made,) = cosignatures(parse_note(cosign(note, bureau, NOW)), witnesses)
    assert made.lived and open_checkpoint(note, keys, made.at)
    for chain in (keys, witnesses):
        chain[ended] = chain[ended].within(chain[ended].not_before, made.at - dt.timedelta(days=1))
    with pytest.raises(NoteRefused, match="not valid at this time"):
        open_checkpoint(note, keys, made.at)
    (made,) = cosignatures(parse_note(cosign(note, bureau, NOW)), witnesses)
    assert not made.lived


def test_a_log_of_one_suite_is_cosigned_in_that_one(gateway, bureau) -> None:
    origin = log_origin(gateway.uri, "220000000")
    note = sign_checkpoint(gateway.each[0], Checkpoint(origin=origin, size=3, root=sm3(b"r")))
    assert cosign(note, bureau, NOW).count(f"— {bureau.uri} ") == 1


def test_the_suite_of_a_log_is_signed_with_its_name(gateway) -> None:
    """Neither the SM2 line nor SM3 can be taken off a log: its origin would be another."""
    plain = log_origin(gateway.uri, "220000000")
    note = sign_checkpoint(gateway.each[0], Checkpoint(origin=plain, size=3, root=sm3(b"r")))
    other = note.replace(plain, log_origin(gateway.uri, "220000000", SM2_SM3))
    with pytest.raises(NoteRefused):
        open_checkpoint(other, log_keys(gateway, log_origin(gateway.uri, "220000000", SM2_SM3)))


class _Old:
    """A library of another time, as far as it is asked: a function whose type may be declared."""

    def __init__(self, version: int) -> None:
        def answer() -> int:
            return version

        self.OpenSSL_version_num = answer


@pytest.mark.parametrize(
    ("version", "words"), [(0x1010117F, "OpenSSL 1.1.1"), (0x1000214F, "OpenSSL 1.0.2")]
)
def test_an_old_libcrypto_is_named_with_what_to_do(version, words, monkeypatch) -> None:
    monkeypatch.setattr(binding.ctypes, "CDLL", lambda name: _Old(version))
    with pytest.raises(SuiteUnavailable) as refused:
        open_libcrypto("libcrypto.so.1.1")
    text = str(refused.value)
    assert words in text and "OpenSSL 3.0 or later" in text
    assert "GATEWAY_LIBCRYPTO" in text and "GW1-P256-SHA256" in text


def test_no_libcrypto_or_another_file_is_named_too(tmp_path: Path) -> None:
    with pytest.raises(SuiteUnavailable, match="no libcrypto was found"):
        open_libcrypto(None)
    (tmp_path / "x.so").write_bytes(b"not a library")
    with pytest.raises(SuiteUnavailable, match="does not serve"):
        open_libcrypto(str(tmp_path / "x.so"))
    with pytest.raises(SuiteUnavailable, match="does not serve"):
        open_libcrypto("libc.so.6")

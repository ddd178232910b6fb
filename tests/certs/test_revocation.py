"""Revocation lists and OCSP answers: read by `cryptography` and, where installed, by OpenSSL."""

import contextlib
import datetime as dt
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import (
    IssuingDistributionPoint,
    ObjectIdentifier,
    UnrecognizedExtension,
    ocsp,
)

from certs.authority import issue, issue_responder, request
from certs.keys import generate_key, save_certificates
from certs.profile import authority_certificate, named, validity
from certs.revocation import (
    Responder,
    identity_of,
    issuer_of,
    list_number,
    make_list,
    read_lists,
    read_of,
    revoked_in,
    serials_of,
)
from certs.signing.der import SEQUENCE, bit_string, contents, element, elements
from gateway.domain.certificates import Reason, Revocation
from tests.certs.conftest import DOMAIN, NOW


@pytest.fixture
def leaf(fresh_pki) -> x509.Certificate:
    wanted = request(generate_key(), f"{DOMAIN}/agency/220000000/101001")
    return issue(fresh_pki.transport, wanted, dt.datetime.now(dt.UTC))


def _ended(certificate, reason=Reason.KEY_COMPROMISE, at=None) -> Revocation:
    return Revocation(
        issuer=issuer_of(certificate), serial=f"{certificate.serial_number:x}", thumbprint="",
        at=at or dt.datetime.now(dt.UTC), reason=reason,
    )  # fmt: skip


def test_a_list_names_its_own_and_only_its_own(fresh_pki, leaf) -> None:
    now = dt.datetime.now(dt.UTC)
    wanted = request(generate_key(), f"{DOMAIN}/bureau/220000000")
    foreign = issue(fresh_pki.evidence, wanted, now)
    made = make_list(fresh_pki.transport, [_ended(leaf), _ended(foreign)], 7, now)
    read = read_lists(made.pem, [fresh_pki.transport.certificate])
    crl = read[identity_of(fresh_pki.transport.certificate)]
    assert serials_of(crl) == {f"{leaf.serial_number:x}"}
    assert list_number(crl) == made.number == 7
    found = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
    assert found is not None
    assert found.extensions[0].value.reason is x509.ReasonFlags.key_compromise


def test_of_two_lists_of_one_authority_the_newer_counts_wherever_it_stands(fresh_pki, leaf) -> None:
    """Put behind one another by hand: an older list takes nothing back."""
    now, one = dt.datetime.now(dt.UTC), fresh_pki.transport
    older, newer = make_list(one, [], 7, now), make_list(one, [_ended(leaf)], 8, now)
    for both in (older.pem + newer.pem, newer.pem + older.pem):
        (crl,) = read_lists(both, [one.certificate]).values()
        assert list_number(crl) == 8 and serials_of(crl) == {f"{leaf.serial_number:x}"}


@pytest.mark.parametrize(
    ("partial", "critical", "why"),
    [
        (x509.DeltaCRLIndicator(7), True, "one of several"),
        (x509.DeltaCRLIndicator(7), False, "one of several"),
        (
            IssuingDistributionPoint(None, None, False, True, None, False, False),
            False,
            "of several",
        ),
        (UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\x05\x00"), True, "1.2.3 is not known"),
        (UnrecognizedExtension(ObjectIdentifier("1.2.3"), b"\x05\x00"), False, ""),
    ],
)
def test_a_list_that_is_not_of_all_that_is_revoked_is_none(
    fresh_pki, partial, critical: bool, why: str
) -> None:
    """RFC 5280 5.2: whom such a list does not name may be revoked all the same."""
    now, one = dt.datetime.now(dt.UTC), fresh_pki.transport
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(one.certificate.subject)
        .last_update(now - dt.timedelta(hours=1))
        .next_update(now + dt.timedelta(hours=1))
    )
    made = builder.add_extension(partial, critical).sign(one.key, hashes.SHA256())
    pem = made.public_bytes(serialization.Encoding.PEM)
    with pytest.raises(ValueError, match=why) if why else contextlib.nullcontext():
        assert read_lists(pem, [one.certificate])


def test_a_list_that_has_ended_or_has_no_end_says_nothing(fresh_pki, tmp_path: Path) -> None:
    one, file = fresh_pki.transport, tmp_path / "lists.crl"
    made = make_list(one, [], 1, NOW)
    file.write_bytes(made.pem)
    moment = dt.timedelta(seconds=1)
    assert revoked_in(file, [one.certificate], made.next_update - moment).serials == frozenset()
    with pytest.raises(ValueError, match="has ended"):
        revoked_in(file, [one.certificate], made.next_update)
    # RFC 5280 5.1.2.5 demands an end; X.509 does not.
    tbs, algorithm, _ = elements(
        contents(x509.load_pem_x509_crl(made.pem).public_bytes(Encoding.DER))
    )
    version, signature, issuer, this_update, _, *rest = elements(contents(tbs))
    endless = element(SEQUENCE, version, signature, issuer, this_update, *rest)
    signed = element(
        SEQUENCE, endless, algorithm, bit_string(one.key.sign(endless, ec.ECDSA(hashes.SHA256())))
    )
    crl = x509.load_der_x509_crl(signed)
    file.write_bytes(crl.public_bytes(Encoding.PEM))
    with pytest.raises(ValueError, match="has ended"):
        revoked_in(file, [one.certificate], NOW)
    assert read_of("x", crl).next_update == crl.last_update_utc, "nobody counts by it"


def test_a_list_of_another_authority_is_refused(fresh_pki, pki) -> None:
    renamed = authority_certificate(
        named("another"), fresh_pki.transport.key.public_key(), None, fresh_pki.transport.key,
        validity(NOW, dt.timedelta(days=9)),
    )  # fmt: skip
    with pytest.raises(ValueError, match="not signed by the authority"):
        read_lists(make_list(fresh_pki.transport, [], 1, NOW).pem, [renamed])
    made = make_list(fresh_pki.transport, [], 1, NOW)
    with pytest.raises(ValueError, match="not signed by the authority"):
        read_lists(made.pem, [pki.transport.certificate])
    with pytest.raises(ValueError, match="not signed by the authority"):
        read_lists(made.pem, [fresh_pki.evidence.certificate])


@pytest.fixture
def responder(fresh_pki) -> Responder:
    key = generate_key()
    wanted = request(key, f"{DOMAIN}/operator/ocsp")
    certificate = issue_responder(fresh_pki.transport, wanted, dt.datetime.now(dt.UTC))
    return Responder(authority=fresh_pki.transport.certificate, certificate=certificate, key=key)


def _asked(leaf, authority, nonce: bytes = b"") -> bytes:
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, authority, hashes.SHA1())
    if nonce:
        builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
    return builder.build().public_bytes(serialization.Encoding.DER)


def test_ocsp_says_good_and_revoked_and_never_good_of_a_stranger(
    responder, fresh_pki, leaf
) -> None:
    now = dt.datetime.now(dt.UTC)
    question = _asked(leaf, fresh_pki.transport.certificate, b"0123456789abcdef")
    known = {f"{leaf.serial_number:x}": leaf}
    good = ocsp.load_der_ocsp_response(responder.answer(question, known.get, lambda _: None, now))
    assert good.certificate_status is ocsp.OCSPCertStatus.GOOD
    nonce = good.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    assert nonce == b"0123456789abcdef"
    key = responder.certificate.public_key()
    key.verify(good.signature, good.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))

    bad = ocsp.load_der_ocsp_response(
        responder.answer(question, known.get, lambda _: _ended(leaf), now)
    )
    assert bad.certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert bad.revocation_reason is x509.ReasonFlags.key_compromise

    nobody = ocsp.load_der_ocsp_response(
        responder.answer(question, lambda _: None, lambda _: None, now)
    )
    assert nobody.response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    foreign = responder.answer(
        _asked(leaf, fresh_pki.evidence.certificate), known.get, lambda _: None, now
    )
    assert (
        ocsp.load_der_ocsp_response(foreign).response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    )
    noise = ocsp.load_der_ocsp_response(responder.answer(b"noise", known.get, lambda _: None, now))
    assert noise.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_openssl_believes_the_answer(responder, fresh_pki, leaf, tmp_path: Path) -> None:
    """The command line of OpenSSL, which nobody here wrote."""
    tool = shutil.which("openssl")
    if tool is None:
        pytest.skip("the openssl command is not installed")
    save_certificates(tmp_path / "ca.pem", [fresh_pki.transport.certificate])
    save_certificates(tmp_path / "leaf.pem", [leaf])
    now = dt.datetime.now(dt.UTC)
    question = tmp_path / "q.der"
    common = ["-issuer", str(tmp_path / "ca.pem"), "-cert", str(tmp_path / "leaf.pem")]
    subprocess.run(
        [tool, "ocsp", *common, "-reqout", str(question), "-no_nonce"], check=True,
        capture_output=True,
    )  # fmt: skip
    known = {f"{leaf.serial_number:x}": leaf}
    for ended, word in ((None, "good"), (_ended(leaf), "revoked")):
        answer = responder.answer(question.read_bytes(), known.get, lambda _, e=ended: e, now)
        (tmp_path / "a.der").write_bytes(answer)
        said = subprocess.run(
            [tool, "ocsp", *common, "-respin", str(tmp_path / "a.der"), "-CAfile",
             str(tmp_path / "ca.pem"), "-partial_chain", "-no_nonce"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        assert "Response verify OK" in said.stderr
        assert f"leaf.pem: {word}" in said.stdout

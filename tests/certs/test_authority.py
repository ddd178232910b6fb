"""Authorities and keys: what is issued, what is refused, and what lies on disk."""

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import (
    Purpose,
    RequestRefused,
    create_root,
    create_subordinate,
    issue,
    request,
)
from certs.keys import generate_key, load_certificates, load_key, load_signer, save_certificates
from certs.keys import save_key as keep
from certs.profile import DOCUMENT_SIGNING
from certs.signing.signer import signer, uri_of

NOW = dt.datetime(2026, 3, 2, 8, 0, tzinfo=dt.UTC)
AGENCY = "spiffe://treasury.test/agency/220000000/101001"
PASSPHRASE = b"a passphrase for tests"


def test_a_record_leaf_lasts_13_months_and_may_only_sign(pki) -> None:
    leaf = issue(pki.evidence, request(generate_key(), AGENCY), NOW)
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    extended = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert usage.critical and usage.value.digital_signature and not usage.value.key_cert_sign
    assert list(extended) == [DOCUMENT_SIGNING]
    assert uri_of(leaf) == AGENCY
    assert leaf.not_valid_after_utc - NOW == dt.timedelta(days=396)
    leaf.verify_directly_issued_by(pki.evidence.certificate)


def test_a_tls_leaf_lasts_90_days_and_serves_only_with_a_host_name(pki) -> None:
    server = issue(pki.transport, request(generate_key(), AGENCY, dns=["a.test"]), NOW)
    client = issue(pki.transport, request(generate_key(), AGENCY), NOW)
    usages = [
        len(list(each.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value))
        for each in (server, client)
    ]
    assert usages == [2, 1]
    assert server.not_valid_after_utc - NOW == dt.timedelta(days=90)


def test_serials_are_128_random_bits(pki) -> None:
    serials = {
        issue(pki.evidence, request(generate_key(), AGENCY), NOW).serial_number for _ in range(50)
    }
    assert len(serials) == 50
    assert 120 <= max(serial.bit_length() for serial in serials) <= 128


def test_a_leaf_never_outlives_its_authority(pki) -> None:
    late = pki.evidence.certificate.not_valid_after_utc - dt.timedelta(days=3)
    leaf = issue(pki.evidence, request(generate_key(), AGENCY), late)
    assert leaf.not_valid_after_utc == pki.evidence.certificate.not_valid_after_utc
    with pytest.raises(RequestRefused):
        issue(pki.evidence, request(generate_key(), AGENCY), late + dt.timedelta(days=4))


def _request(
    key: ec.EllipticCurvePrivateKey, names: list[x509.GeneralName] | None
) -> x509.CertificateSigningRequest:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    if names is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, hashes.SHA256())


def _pem(csr: x509.CertificateSigningRequest) -> bytes:
    return csr.public_bytes(serialization.Encoding.PEM)


def test_requests_that_do_not_name_one_party_are_refused(pki) -> None:
    uri = x509.UniformResourceIdentifier
    key = generate_key()
    for names in (
        None,
        [x509.DNSName("a.test")],
        [uri(AGENCY), uri(AGENCY)],
        [uri("https://treasury.test/agency/1/2")],
        [uri("spiffe://treasury.test/minister/1")],
        [uri(AGENCY), x509.RFC822Name("a@b.test")],
        [uri(AGENCY), x509.DNSName("a.test")],
    ):
        with pytest.raises(RequestRefused):
            issue(pki.evidence, _pem(_request(key, names)), NOW)


def test_a_request_without_proof_of_possession_is_refused(pki) -> None:
    csr = _request(generate_key(), [x509.UniformResourceIdentifier(AGENCY)])
    der = csr.public_bytes(serialization.Encoding.DER)
    forged = der.replace(b"101001", b"101002")
    pem = _pem(x509.load_der_x509_csr(forged))
    with pytest.raises(RequestRefused, match="own key"):
        issue(pki.evidence, pem, NOW)


def test_another_curve_or_a_broken_request_is_refused(pki) -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(AGENCY)]
    for pem in (_pem(_request(other, names)), b"", b"-----BEGIN CERTIFICATE REQUEST-----"):
        with pytest.raises(RequestRefused):
            issue(pki.evidence, pem, NOW)


def test_the_root_issues_no_leaves_and_authorities_make_none(pki) -> None:
    with pytest.raises(RequestRefused):
        issue(pki.root, request(generate_key(), AGENCY), NOW)
    with pytest.raises(RequestRefused):
        create_subordinate(pki.transport, Purpose.EVIDENCE, "x", NOW)
    with pytest.raises(RequestRefused):
        create_subordinate(pki.root, Purpose.ROOT, "x", NOW)
    with pytest.raises(ValueError, match="aware"):
        create_root("x", dt.datetime(2026, 3, 2))  # noqa: DTZ001


def test_a_key_is_kept_encrypted_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    key = generate_key()
    path = tmp_path / "record.key"
    keep(path, key, PASSPHRASE)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert load_key(path, PASSPHRASE).private_numbers() == key.private_numbers()
    with pytest.raises(FileExistsError):
        keep(path, generate_key(), PASSPHRASE)
    assert [each.name for each in tmp_path.iterdir()] == ["record.key"]


def test_a_key_that_is_open_foreign_or_plain_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "record.key"
    keep(path, generate_key(), PASSPHRASE)
    with pytest.raises(ValueError, match="another passphrase"):
        load_key(path, b"another passphrase")
    path.chmod(0o644)
    with pytest.raises(ValueError, match="0600"):
        load_key(path, PASSPHRASE)
    with pytest.raises(ValueError, match="passphrase"):
        keep(tmp_path / "weak.key", generate_key(), b"short")
    plain = tmp_path / "plain.key"
    plain.write_bytes(
        generate_key().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    plain.chmod(0o600)
    with pytest.raises(ValueError, match=r"plain\.key"):
        load_key(plain, PASSPHRASE)


def test_a_signer_is_loaded_from_its_files_and_never_with_another_key(pki, tmp_path: Path) -> None:
    key = generate_key()
    leaf = issue(pki.evidence, request(key, AGENCY), NOW)
    save_certificates(tmp_path / "a.pem", [leaf, pki.evidence.certificate])
    keep(tmp_path / "a.key", key, PASSPHRASE)
    assert load_signer(tmp_path / "a.pem", tmp_path / "a.key", PASSPHRASE).uri == AGENCY
    with pytest.raises(ValueError, match="not the certificate's"):
        signer(leaf, generate_key())
    (tmp_path / "b.pem").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.pem"):
        load_certificates(tmp_path / "b.pem")

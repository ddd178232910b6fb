"""Whose certificates count: what authority and leaf must say of themselves, and for how long."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certs.authority import Authority, Purpose, create_root
from certs.keys import generate_key, save_certificates
from certs.profile import authority_certificate, key_usage, named, validity
from certs.signatories import life_under, read_signatories, signatories
from tests.certs.conftest import DOMAIN, NOW, Pki

URI = f"{DOMAIN}/agency/220000000/101001"
DAY = dt.timedelta(days=1)
SIGNS, ISSUES = key_usage(digital_signature=True), key_usage(key_cert_sign=True)
BOTH = key_usage(digital_signature=True, key_cert_sign=True)


def made(
    by: Authority, ca: bool | None, usage: x509.KeyUsage | None, name: str = URI
) -> x509.Certificate:
    """Issued by `by`, with these two words about itself; None: it does not say."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named("x"))
        .issuer_name(by.certificate.subject)
        .public_key(generate_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name)]), critical=False
        )
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
    if usage is not None:
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(by.key, hashes.SHA256())


@pytest.mark.parametrize(
    ("ca", "usage", "why"),
    [
        (False, SIGNS, ""),
        (True, SIGNS, "it is an authority, not a party"),
        (False, BOTH, "its key may not sign documents"),
        (False, key_usage(), "its key may not sign documents"),
        (None, SIGNS, "it does not say what its key may be used for"),
        (False, None, "it does not say what its key may be used for"),
    ],
)
def test_a_leaf_that_may_be_more_or_less_than_a_signer_is_left_out(
    pki: Pki, ca: bool | None, usage: x509.KeyUsage | None, why: str
) -> None:
    table = signatories([pki.evidence.certificate], [("one", made(pki.evidence, ca, usage))])
    assert len(table.by_thumbprint) == (not why)
    assert [each.reason for each in table.left_out] == ([why] if why else [])


@pytest.mark.parametrize(
    ("ca", "usage", "why"),
    [
        (True, ISSUES, ""),
        (False, ISSUES, "may not sign certificates"),
        (True, SIGNS, "may not sign certificates"),
        (None, ISSUES, "is not a certificate authority"),
        (True, None, "is not a certificate authority"),
    ],
)
def test_an_evidence_authority_that_may_not_issue_is_none(
    pki: Pki, ca: bool | None, usage: x509.KeyUsage | None, why: str
) -> None:
    """Beside one that may: who put it there meant something else."""
    authorities = [pki.evidence.certificate, made(pki.evidence, ca, usage)]
    if not why:
        assert signatories(authorities, []).authorities == tuple(authorities)
        return
    with pytest.raises(ValueError, match=why):
        signatories(authorities, [])


def test_a_table_has_an_end(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certs.signatories.SIGNATORIES_MAX", 2)
    leaves = [("one", made(pki.evidence, False, SIGNS)) for _ in range(3)]
    assert signatories([pki.evidence.certificate], leaves[:2]).by_thumbprint
    with pytest.raises(ValueError, match="more than 2"):
        signatories([pki.evidence.certificate], leaves)


def test_a_folder_that_is_not_there_is_not_one_in_which_nobody_stands(
    pki: Pki, tmp_path: Path
) -> None:
    save_certificates(tmp_path / "ca.pem", [pki.evidence.certificate])
    (tmp_path / "empty").mkdir()
    assert read_signatories(tmp_path / "ca.pem", tmp_path / "empty").by_thumbprint == {}
    with pytest.raises(FileNotFoundError, match="gone"):
        read_signatories(tmp_path / "ca.pem", tmp_path / "gone")


def test_an_authority_that_was_renewed_late_covers_nothing_before_the_break() -> None:
    """Two lives under one key with days between them, unless a third one joins them."""
    root, key = create_root("r", NOW), generate_key()

    def lived(first: int, days: int) -> x509.Certificate:
        life = validity(NOW + first * DAY, days * DAY)
        return authority_certificate(
            named("evidence"), key.public_key(), root.certificate, root.key, life
        )

    early, between, late = lived(0, 10), lived(9, 20), lived(20, 30)
    leaf = made(Authority(purpose=Purpose.EVIDENCE, certificate=early, key=key), False, SIGNS)

    def begins(*authorities: x509.Certificate) -> dt.datetime:
        return life_under(authorities, leaf).not_before

    assert begins(early) == begins(between, late, early) == NOW
    assert begins(late, early) == begins(early, late) == late.not_valid_before_utc
    assert begins(late, between) == between.not_valid_before_utc

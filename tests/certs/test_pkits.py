"""NIST PKITS, as far as our verifier claims: who issued a certificate, and the list beside it.

Not claimed, and so not counted: lives and what an authority may do (our authorities are named one
by one, `certs/signatories.py`), policies, name constraints, self-issued and separate list keys,
delta, partitioned and indirect lists, DSA, names compared beyond their exact bytes.
"""

import datetime as dt
import re
from functools import cache
from pathlib import Path

import pytest
from cryptography import x509

from certs.issued import issued_by
from certs.proven_list import against_list, is_revoked

AT = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
CLAIMED = (
    "ValidCertificatePathTest1", "InvalidCASignatureTest2", "InvalidEESignatureTest3",
    "Validpre2000UTCnotBeforeDateTest3", "ValidGeneralizedTimenotBeforeDateTest4",
    "ValidGeneralizedTimenotAfterDateTest8", "InvalidNameChainingTest1",
    "InvalidNameChainingOrderTest2", "ValidRFC3280MandatoryAttributeTypesTest7",
    "ValidRFC3280OptionalAttributeTypesTest8", "ValidUTF8StringEncodedNamesTest9",
    "InvalidMissingCRLTest1", "InvalidRevokedCATest2", "InvalidRevokedEETest3",
    "InvalidBadCRLSignatureTest4", "InvalidBadCRLIssuerNameTest5", "InvalidWrongCRLTest6",
    "ValidTwoCRLsTest7", "InvalidUnknownCRLEntryExtensionTest8", "InvalidUnknownCRLExtensionTest9",
    "InvalidUnknownCRLExtensionTest10", "InvalidOldCRLnextUpdateTest11",
    "Invalidpre2000CRLnextUpdateTest12", "ValidGeneralizedTimeCRLnextUpdateTest13",
    "ValidLongSerialNumberTest16", "ValidLongSerialNumberTest17", "InvalidLongSerialNumberTest18",
    "ValidbasicConstraintsNotCriticalTest4", "ValidkeyUsageNotCriticalTest3",
    "InvalidkeyUsageCriticalcRLSignFalseTest4", "InvalidkeyUsageNotCriticalcRLSignFalseTest5",
    "InvaliddistributionPointTest2", "InvalidonlyContainsUserCertsTest11",
    "InvalidonlyContainsCACertsTest12", "InvalidonlyContainsAttributeCertsTest14",
    "InvaliddeltaCRLIndicatorNoBaseTest1", "ValidUnknownNotCriticalCertificateExtensionTest1",
)  # fmt: skip


@pytest.fixture(scope="module")
def pkits() -> Path:
    vectors = pytest.importorskip("cryptography_vectors", reason="no cryptography-vectors")
    return Path(vectors.__file__).parent / "x509" / "PKITS_data"


@cache
def _certificate(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_der_x509_certificate(path.read_bytes())
    except ValueError:
        return None


@cache
def _pool(folder: Path) -> tuple[list[x509.Certificate], list[x509.CertificateRevocationList]]:
    certificates = [
        found for path in sorted((folder / "certs").glob("*.crt"))
        if not path.name.endswith("EE.crt") and (found := _certificate(path))
    ]  # fmt: skip
    lists = []
    for path in sorted((folder / "crls").glob("*.crl")):
        try:
            lists.append(x509.load_der_x509_crl(path.read_bytes()))
        except ValueError:
            continue
    return certificates, lists


def _reasons(folder: Path, certificate: x509.Certificate, depth: int = 0) -> list[str]:
    """Why there is no path to the anchor, by the best authority there is of the issuer's name."""
    authorities, lists = _pool(folder)
    best: list[str] | None = None
    for authority in authorities:
        if authority.subject != certificate.issuer or authority == certificate:
            continue
        reasons = [] if issued_by(authority, certificate) else ["not issued by it"]
        reasons += _of_lists(lists, certificate, authority)
        anchor = authority.issuer == authority.subject and "Trust Anchor" in str(authority.subject)
        if not anchor and not reasons:
            reasons += _reasons(folder, authority, depth + 1) if depth < 5 else ["too long"]
        if best is None or len(reasons) < len(best):
            best = reasons
    return ["no such issuer"] if best is None else best


def _of_lists(lists, certificate, authority) -> list[str]:
    usable = [one for one in lists if not against_list(one, authority, AT)]
    if not usable:
        return ["no list that can be relied on"]
    return ["revoked"] if any(is_revoked(one, certificate, AT) for one in usable) else []


def test_pkits_as_far_as_claimed(pkits: Path, counted) -> None:
    wrong = {}
    for name in CLAIMED:
        certificate = _certificate(pkits / "certs" / f"{name}EE.crt")
        reasons = ["unreadable"] if certificate is None else _reasons(pkits, certificate)
        if bool(reasons) != name.startswith("Invalid"):
            wrong[name] = reasons
    assert wrong == {}
    assert len({re.sub(r"^(In)?[Vv]alid", "", name) for name in CLAIMED}) == len(CLAIMED)
    counted("NIST PKITS (issuer, list)", len(CLAIMED))

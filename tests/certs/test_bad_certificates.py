"""Thirty classes of bad certificate, each refused at the handshake and counted by its reason."""

import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.authority import Authority, Purpose
from certs.live import Guard, LiveTls
from certs.profile import DOCUMENT_SIGNING, key_usage
from certs.revocation import issuer_of, make_list
from certs.tls import Refusal
from gateway.domain.certificates import Reason, Revocation, Revoked
from tests.certs.handshakes import DAY, Bad, client_of, p256, shake

NOW = dt.datetime.now(dt.UTC)
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@attrs.define
class Case:
    """What is wrong with a client, on a door that checks a revocation list."""

    pki: object
    folder: Path
    leaf: Bad
    chain: list[x509.Certificate] = attrs.field(factory=list)
    guard: Guard = attrs.field(factory=Guard)
    listed: tuple[x509.Certificate, ...] = ()
    list_at: dt.datetime = NOW
    list_by: Authority | None = None
    made: x509.Certificate | None = None
    client: ssl.SSLContext | None = None

    def below(self, **spoilt) -> None:
        """The leaf hangs under an authority of its own, which hangs under ours."""
        key = p256()
        transport = self.pki.transport
        authority = Bad(
            issuer_name=transport.certificate.subject, issuer_key=transport.key, key=key, now=NOW,
            subject="between", uris=(), extended=(), usage=key_usage(key_cert_sign=True),
            constraints=x509.BasicConstraints(ca=True, path_length=0),
        )  # fmt: skip
        above = attrs.evolve(authority, **spoilt).made()
        self.chain = [above]
        self.leaf.issuer_name, self.leaf.issuer_key = above.subject, key


def _under(case: Case, authority: Authority) -> None:
    case.leaf.issuer_name = authority.certificate.subject
    case.leaf.issuer_key = authority.key


def _self_signed(case: Case) -> None:
    case.leaf.issuer_name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "party")])
    case.leaf.issuer_key = case.leaf.key


def _flipped(case: Case) -> None:
    """One bit of the signature."""
    from cryptography.hazmat.primitives import serialization

    der = bytearray(case.leaf.made().public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    case.made = x509.load_der_x509_certificate(bytes(der))


def _revoked_in_memory(case: Case) -> None:
    case.made = case.leaf.made()
    key = issuer_of(case.made), f"{case.made.serial_number:x}"
    case.guard.revoked = Revoked(serials=frozenset({key}))


def _revoked_by_list(case: Case) -> None:
    case.made = case.leaf.made()
    case.listed = (case.made,)


def _anonymous(case: Case) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    case.client = context


def _old_tls(case: Case) -> None:
    case.client = client_of(case.folder, [case.leaf.made()], case.leaf.key)
    case.client.maximum_version = ssl.TLSVersion.TLSv1_2


def _other_curve(case: Case) -> None:
    case.client = client_of(case.folder, [case.leaf.made()], case.leaf.key)
    case.client.set_ecdh_curve("secp384r1")


def _set(**fields) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        for name, value in fields.items():
            setattr(case.leaf, name, value)

    return spoil


def _below(**spoilt) -> Callable[[Case], None]:
    return lambda case: case.below(**spoilt)


def _at(moment: dt.datetime) -> Callable[[Case], None]:
    def spoil(case: Case) -> None:
        case.list_at = moment

    return spoil


def _key(make: Callable[[], object]) -> Callable[[Case], None]:
    return lambda case: setattr(case.leaf, "key", make())


_UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
_FOREIGN = x509.AuthorityKeyIdentifier(b"\x01" * 20, None, None)
_ONLY_ENCIPHER = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=True,
    data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False,
    encipher_only=False, decipher_only=False,
)  # fmt: skip
_RSA = {"public_exponent": 65537}

CLASSES: dict[str, tuple[Callable[[Case], None], str]] = {
    "no certificate at all": (_anonymous, "peer_did_not_return_a_certificate"),
    "expired": (_set(start=-9 * DAY, end=-DAY), "certificate_has_expired"),
    "not yet valid": (_set(start=DAY, end=2 * DAY), "certificate_is_not_yet_valid"),
    "self-signed": (_self_signed, "self_signed_certificate"),
    "of a stranger's authority": (
        lambda case: _under(case, case.pki.stranger), "unable_to_get_local_issuer_certificate",
    ),
    "of the evidence authority": (
        lambda case: _under(case, case.pki.evidence), "unable_to_get_local_issuer_certificate",
    ),
    "of the root itself": (
        lambda case: _under(case, case.pki.root), "unable_to_get_local_issuer_certificate",
    ),
    "a bit of its signature flipped": (_flipped, "certificate_signature_failure"),
    "signed by another key under our name": (
        lambda case: setattr(case.leaf, "issuer_key", p256()),
        "unable_to_get_local_issuer_certificate",
    ),
    "for servers only": (
        _set(extended=(ExtendedKeyUsageOID.SERVER_AUTH,)), "unsuitable_certificate_purpose",
    ),
    "for signing documents": (
        _set(extended=(DOCUMENT_SIGNING,)), "unsuitable_certificate_purpose",
    ),
    "for signing code": (
        _set(extended=(ExtendedKeyUsageOID.CODE_SIGNING,)), "unsuitable_certificate_purpose",
    ),
    "its key may sign nothing": (
        _set(usage=_ONLY_ENCIPHER), "unsuitable_certificate_purpose",
    ),
    "an authority that poses as a party": (
        _set(
            constraints=x509.BasicConstraints(ca=True, path_length=None),
            usage=key_usage(key_cert_sign=True),
        ),
        "unsuitable_certificate_purpose",
    ),
    "an unknown critical extension": (
        _set(more=((_UNKNOWN, True),)), "unhandled_critical_extension",
    ),
    "names no issuing key": (
        _set(with_identifier=False), "missing_authority_key_identifier",
    ),
    "names another issuing key": (
        _set(identifier=_FOREIGN), "unable_to_get_local_issuer_certificate",
    ),
    "no subject, and its names are not critical": (
        _set(subject=None), "subject_empty_and_subject_alt_name_extension_not_critical",
    ),
    "revoked by the list": (_revoked_by_list, "certificate_revoked"),
    "revoked in memory, not yet on the list": (_revoked_in_memory, "certificate_revoked"),
    "the list has expired": (_at(NOW - 30 * DAY), "crl_has_expired"),
    "the list is of the future": (_at(NOW + DAY), "crl_is_not_yet_valid"),
    "the list is of another authority": (
        lambda case: setattr(case, "list_by", case.pki.evidence), "unable_to_get_certificate_crl",
    ),
    "under an authority that ours may not make": (_below(), "path_length_constraint_exceeded"),
    "under a party that poses as an authority": (
        _below(constraints=x509.BasicConstraints(ca=False, path_length=None)),
        "invalid_ca_certificate",
    ),
    "under an authority that may not sign": (
        _below(usage=key_usage(digital_signature=True)), "invalid_ca_certificate",
    ),
    "under an authority without constraints": (
        _below(constraints=None), "invalid_ca_certificate",
    ),
    "an RSA key": (
        _key(lambda: rsa.generate_private_key(key_size=2048, **_RSA)), "key_not_p256",
    ),
    "an RSA key too short": (
        _key(lambda: rsa.generate_private_key(key_size=1024, **_RSA)),
        "ee_certificate_key_too_weak",
    ),
    "a P-384 key": (_key(lambda: ec.generate_private_key(ec.SECP384R1())), "key_not_p256"),
    "a P-521 key": (_key(lambda: ec.generate_private_key(ec.SECP521R1())), "key_not_p256"),
    "an Ed25519 key": (_key(ed25519.Ed25519PrivateKey.generate), "key_not_p256"),
    "speaks TLS 1.2": (_old_tls, "unsupported_protocol"),
    "offers another curve only": (_other_curve, "no_suitable_key_share"),
}  # fmt: skip


@pytest.fixture(scope="module")
def authorities(fresh_pki):
    from certs.authority import create_root, create_subordinate

    @attrs.frozen
    class Known:
        root: Authority
        transport: Authority
        evidence: Authority
        stranger: Authority

    elsewhere = create_root("elsewhere", NOW)
    stranger = create_subordinate(elsewhere, Purpose.TRANSPORT, "transport of others", NOW)
    return Known(fresh_pki.root, fresh_pki.transport, fresh_pki.evidence, stranger)


def _shaken(case: Case, spoil: Callable[[Case], None] | None, fresh_pki) -> list[Refusal]:
    """The door's refusals after one handshake with this client."""
    if spoil:
        spoil(case)
    own = fresh_pki.credentials(case.folder, "gateway/ABC", NOW)
    ended = [
        Revocation(
            issuer=issuer_of(each), serial=f"{each.serial_number:x}", thumbprint="", at=NOW,
            reason=Reason.UNSPECIFIED,
        )
        for each in case.listed
    ]  # fmt: skip
    made = make_list(case.list_by or fresh_pki.transport, ended, 1, case.list_at)
    (case.folder / "crl.pem").write_bytes(made.pem)
    credentials = attrs.evolve(own, revocations=case.folder / "crl.pem")
    refusals: list[Refusal] = []
    door = LiveTls(credentials, refusals.append, case.guard).server()
    client = case.client
    if client is None:
        leaf = case.made or case.leaf.made()
        client = client_of(case.folder, [leaf, *case.chain], case.leaf.key)
    met = shake(door, client)
    assert (met.refused is not None) == bool(refusals)
    return refusals


def _case(authorities, folder: Path) -> Case:
    by = authorities.transport
    leaf = Bad(issuer_name=by.certificate.subject, issuer_key=by.key, key=p256(), now=NOW)
    return Case(authorities, folder, leaf)


def test_there_are_thirty_classes_and_a_good_one_comes_in(
    authorities, fresh_pki, tmp_path: Path
) -> None:
    assert len(CLASSES) >= 30
    case = _case(authorities, tmp_path)
    assert _shaken(case, None, fresh_pki) == []
    assert len(case.guard.met) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_t4_a_bad_certificate_is_refused_and_its_reason_counted(
    name: str, authorities, fresh_pki, tmp_path: Path
) -> None:
    spoil, cause = CLASSES[name]
    refusals = _shaken(_case(authorities, tmp_path), spoil, fresh_pki)
    assert [each.cause for each in refusals] == [cause]


@pytest.mark.parametrize("hint", ["", " or the system clock is incorrect"])
def test_a_cause_is_the_same_word_whichever_openssl_says_it(hint: str) -> None:
    for said in ("certificate is not yet valid", "certificate has expired"):
        refusal = Refusal(reason="certificate_verify_failed", detail=said + hint)
        assert refusal.cause == said.replace(" ", "_")

"""Certificates and requests of SM2 keys (RFC 5280, GM/T 0015, GM/T 0009): written here, since
`cryptography` reads their form but signs with no SM2 key.

For a bureau that runs its own evidence authority; a licensed authority takes the request instead.
"""

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID

from certs.issued import SM2_WITH_SM3
from certs.profile import (
    SERIAL_BITS,
    LeafKind,
    Validity,
    common_name,
    key_usage,
    named,
    validity,
)
from certs.reading import request_in, request_of
from certs.signing.der import (
    BOOLEAN,
    GENERALIZED_TIME,
    OCTETS,
    SEQUENCE,
    UTC_TIME,
    bit_string,
    contents,
    element,
    elements,
    integer,
    oid,
)
from certs.signing.signer import uri_of
from certs.signing.sm2 import SM2, Sm2PrivateKey, Sm2PublicKey, read_sm2_public
from gateway.domain.parties import sender_of

AUTHORITY_LIFE = dt.timedelta(days=5 * 365)
RECORD_LIFE = dt.timedelta(days=396)
"""13 months, as that of the P-256 record key beside it."""
_VERSION, _EXTENSIONS, _ATTRIBUTES = 0xA0, 0xA3, 0xA0
_ALGORITHM = element(SEQUENCE, oid(SM2_WITH_SM3.dotted_string))
_TRUE = element(BOOLEAN, b"\xff")
_EXTENSION_REQUEST = oid("1.2.840.113549.1.9.14")
_SET = 0x31
_LAST_UTC_YEAR = 2049


@attrs.frozen(kw_only=True)
class Sm2Authority:
    """An evidence authority of the suite GW1-SM2-SM3."""

    certificate: x509.Certificate
    key: Sm2PrivateKey = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class _Subject:
    name: x509.Name
    public: Sm2PublicKey
    life: Validity
    extensions: Sequence[tuple[x509.ExtensionType, bool]]


def create_sm2_authority(name: str, key: Sm2PrivateKey, at: dt.datetime) -> Sm2Authority:
    """Self-signed; it issues leaves only. Raises ValueError for a naive time."""
    public = key.public_key()
    subject = _Subject(
        name=named(name),
        public=public,
        life=validity(at, AUTHORITY_LIFE),
        extensions=[
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (key_usage(key_cert_sign=True), True),
            (_identifier(public), False),
        ],
    )
    return Sm2Authority(certificate=_signed(subject, subject.name, key), key=key)


def sm2_request(key: Sm2PrivateKey, uri: str) -> bytes:
    """PKCS#10 in DER with one URI SAN: for our authority, or for a licensed one.

    Raises ValueError if the URI names no party.
    """
    if sender_of(uri) is None:
        raise ValueError(f"{uri} does not name a party")
    wanted = _extension(_named_party(uri), critical=False)
    info = element(
        SEQUENCE,
        integer(0),
        named(common_name(uri)).public_bytes(),
        key.public_key().spki,
        element(
            _ATTRIBUTES,
            element(SEQUENCE, _EXTENSION_REQUEST, element(_SET, element(SEQUENCE, wanted))),
        ),
    )
    return element(SEQUENCE, info, _ALGORITHM, bit_string(SM2.sign_der(key, info)))


def request_pem(der: bytes) -> bytes:
    body = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"


def read_request(pem: bytes) -> bytes:
    """DER of a request in PEM. Raises ValueError."""
    return request_in(pem).public_bytes(serialization.Encoding.DER)


def issue_sm2(authority: Sm2Authority, request: bytes, at: dt.datetime) -> x509.Certificate:
    """A record key's certificate for a request in DER, valid from `at`.

    Raises ValueError: no proof of possession, not SM2, or not exactly one URI that names a party.
    """
    uri, public = _proven(request)
    last = authority.certificate.not_valid_after_utc
    wanted = validity(at, RECORD_LIFE)
    subject = _Subject(
        name=named(common_name(uri)),
        public=public,
        life=Validity(start=wanted.start, end=min(last, wanted.end)),
        extensions=[
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (key_usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage(LeafKind.SIGNING.value), False),
            (_named_party(uri), False),
            (_identifier(public), False),
            (_issuer_identifier(authority.certificate), False),
        ],
    )
    return _signed(subject, authority.certificate.subject, authority.key)


def _proven(request: bytes) -> tuple[str, Sm2PublicKey]:
    """Name and key of a request that is signed with its own key."""
    try:
        parsed = request_of(request)
        info = list(elements(contents(parsed.tbs_certrequest_bytes)))
        public = read_sm2_public(info[2])
        uri = uri_of(parsed)
    except (ValueError, IndexError) as error:
        raise ValueError(f"the request cannot be read: {error}") from error
    if parsed.signature_algorithm_oid != SM2_WITH_SM3 or not SM2.verify_der(
        public, parsed.signature, parsed.tbs_certrequest_bytes
    ):
        raise ValueError("the request is not signed with its own SM2 key")
    if sender_of(uri) is None:
        raise ValueError("the URI does not name a party")
    return uri, public


def _signed(subject: _Subject, issuer: x509.Name, key: Sm2PrivateKey) -> x509.Certificate:
    extensions = [_extension(each, critical=critical) for each, critical in subject.extensions]
    body = element(
        SEQUENCE,
        element(_VERSION, integer(2)),
        integer(secrets.randbits(SERIAL_BITS) or 1),
        _ALGORITHM,
        issuer.public_bytes(),
        element(SEQUENCE, _time(subject.life.start), _time(subject.life.end)),
        subject.name.public_bytes(),
        subject.public.spki,
        element(_EXTENSIONS, element(SEQUENCE, *extensions)),
    )
    der = element(SEQUENCE, body, _ALGORITHM, bit_string(SM2.sign_der(key, body)))
    return x509.load_der_x509_certificate(der)


def _extension(one: x509.ExtensionType, *, critical: bool) -> bytes:
    flag = _TRUE if critical else b""
    value = element(OCTETS, one.public_bytes())
    return element(SEQUENCE, oid(one.oid.dotted_string), flag, value)


def _named_party(uri: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])


def _identifier(public: Sm2PublicKey) -> x509.SubjectKeyIdentifier:
    """RFC 7093 method 1: the leftmost 160 bits of SHA-256 over the key."""
    return x509.SubjectKeyIdentifier(hashlib.sha256(public.spki).digest()[:20])


def _issuer_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    found = issuer.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
    assert isinstance(found.value, x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(found.value)


def _time(moment: dt.datetime) -> bytes:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049, GeneralizedTime after."""
    if moment.year > _LAST_UTC_YEAR:
        return element(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())
    return element(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())

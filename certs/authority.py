"""Certificate authority: an offline root, a transport and an evidence authority, and their leaves.

Transport leaves open TLS connections for 90 days; evidence leaves sign records and documents for 13
months. The two never stand in for one another: other authority, other key usage (RFC 5280, 9336).
"""

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Sequence
from enum import StrEnum

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from certs.keys import generate_key
from certs.profile import (
    LeafKind,
    Validity,
    authority_certificate,
    common_name,
    key_usage,
    leaf_certificate,
    named,
    validity,
)
from certs.reading import REFUSALS, Unreadable, request_in
from certs.signing.suites import public_point
from gateway.domain.parties import sender_of

ROOT_LIFE = dt.timedelta(days=20 * 365)
AUTHORITY_LIFE = dt.timedelta(days=5 * 365)
TLS_LIFE = dt.timedelta(days=90)
RECORD_LIFE = dt.timedelta(days=396)
"""13 months."""


class Purpose(StrEnum):
    ROOT = "root"
    TRANSPORT = "transport"
    EVIDENCE = "evidence"


class RequestRefused(ValueError):
    """A certificate request that must not be signed, with its reason."""


@attrs.frozen(kw_only=True)
class Authority:
    """A certificate authority that can sign: its certificate, its key, and what it is for."""

    purpose: Purpose
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = attrs.field(repr=False)


def create_root(name: str, at: dt.datetime) -> Authority:
    """The offline root; it signs the two other authorities and then goes into the safe."""
    key = generate_key()
    certificate = authority_certificate(
        named(name), key.public_key(), None, key, validity(at, ROOT_LIFE)
    )
    return Authority(purpose=Purpose.ROOT, certificate=certificate, key=key)


def create_subordinate(root: Authority, purpose: Purpose, name: str, at: dt.datetime) -> Authority:
    """The transport or the evidence authority under `root`."""
    if root.purpose is not Purpose.ROOT or purpose is Purpose.ROOT:
        raise RequestRefused("only a root makes authorities, and only the two below it")
    key = generate_key()
    life = _within(root, at, AUTHORITY_LIFE)
    certificate = authority_certificate(
        named(name), key.public_key(), root.certificate, root.key, life
    )
    return Authority(purpose=purpose, certificate=certificate, key=key)


def sign_subordinate(root: Authority, request_pem: bytes, at: dt.datetime) -> x509.Certificate:
    """The certificate of a transport or evidence authority that made its own key, perhaps in a
    token, and asked (`authority_request`). Raises RequestRefused."""
    own = root.certificate
    if root.purpose is not Purpose.ROOT or own.subject != own.issuer:
        raise RequestRefused("only a root makes authorities")
    wanted = _proven(request_pem)
    try:
        asked = wanted.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        asked = False
    if not asked:
        raise RequestRefused("the request is not an authority's (`certs authority-request`)")
    public = public_point(wanted.public_key())
    if wanted.subject == own.subject or public == own.public_key():
        raise RequestRefused("the request bears the root's own name or key")
    return authority_certificate(
        wanted.subject, public, own, root.key, _within(root, at, AUTHORITY_LIFE)
    )


def request(
    key: ec.EllipticCurvePrivateKey, uri: str, *, dns: Sequence[str] = (), ip: Sequence[str] = ()
) -> bytes:
    """A certificate request (PKCS#10, PEM) with one URI SAN; servers add their host names."""
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)]
    names += [x509.DNSName(each) for each in dns]
    names += [x509.IPAddress(ipaddress.ip_address(each)) for each in ip]
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(named(common_name(uri)))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def authority_request(key: ec.EllipticCurvePrivateKey, name: str) -> bytes:
    """A request (PEM) for an authority's certificate, that a bank's or licensed authority signs."""
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(named(name))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(key_cert_sign=True), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def adopt(
    purpose: Purpose, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> Authority:
    """An authority whose certificate somebody else signed. Raises RequestRefused."""
    try:
        own = certificate.public_key() == key.public_key()
    except REFUSALS as error:
        raise RequestRefused(f"the certificate's key does not count: {error}") from error
    if not own:
        raise RequestRefused("the certificate is not of this key")
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise RequestRefused("the certificate is not an authority's") from error
    if not constraints.ca or not usage.key_cert_sign or not usage.crl_sign:
        raise RequestRefused("the certificate may not sign certificates and revocation lists")
    return Authority(purpose=purpose, certificate=certificate, key=key)


def issue_responder(authority: Authority, request_pem: bytes, at: dt.datetime) -> x509.Certificate:
    """A certificate to answer OCSP for `authority` (RFC 6960 4.2.2.2), itself not asked about."""
    wanted, names = _proven_request(request_pem)
    if len(names) > 1:
        raise RequestRefused("a responder's certificate names a party, not a host")
    return leaf_certificate(
        named(common_name(_only_uri(names))),
        public_point(wanted.public_key()),
        x509.SubjectAlternativeName(names),
        LeafKind.RESPONDER,
        (authority.certificate, authority.key),
        _within(authority, at, TLS_LIFE),
    )


def issue(authority: Authority, request_pem: bytes, at: dt.datetime) -> x509.Certificate:
    """A leaf for a request, valid from `at`: TLS by a transport, signing by an evidence authority.

    Raises RequestRefused: no proof of possession, not P-256, not exactly one URI SAN that names a
    party, host names in a signing request, or an authority that issues no leaves.
    """
    if authority.purpose is Purpose.ROOT:
        raise RequestRefused("the root issues no leaves")
    wanted, names = _proven_request(request_pem)
    server = len(names) > 1
    if server and authority.purpose is Purpose.EVIDENCE:
        raise RequestRefused("a signing certificate names a party, not a host")
    public = public_point(wanted.public_key())
    life = TLS_LIFE if authority.purpose is Purpose.TRANSPORT else RECORD_LIFE
    return leaf_certificate(
        named(common_name(_only_uri(names))),
        public,
        x509.SubjectAlternativeName(names),
        LeafKind.of(authority.purpose is Purpose.EVIDENCE, server=server),
        (authority.certificate, authority.key),
        _within(authority, at, life),
    )


def asked_for(pem: bytes) -> tuple[str, tuple[str, ...], bytes]:
    """The party's URI, the host names, and SHA-256 of the public key of a proven request.

    Raises RequestRefused.
    """
    wanted, names = _proven_request(pem)
    hosts = tuple(str(name.value) for name in names if not _is_uri(name))
    return _only_uri(names), hosts, key_digest(wanted.public_key())


def key_digest(public: PublicKeyTypes) -> bytes:
    """SHA-256 of a SubjectPublicKeyInfo: one key, one digest, in whatever certificate."""
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).digest()


def _is_uri(name: x509.GeneralName) -> bool:
    return isinstance(name, x509.UniformResourceIdentifier)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _proven_request(
    pem: bytes,
) -> tuple[x509.CertificateSigningRequest, list[x509.GeneralName]]:
    wanted = _proven(pem)
    try:
        extension = wanted.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound as error:
        raise RequestRefused("the request names nobody: it has no SAN") from error
    names = list(extension.value)
    if sender_of(_only_uri(names)) is None:
        raise RequestRefused("the URI does not name a party")
    hosts = (x509.UniformResourceIdentifier, x509.DNSName, x509.IPAddress)
    if not all(isinstance(name, hosts) for name in names):
        raise RequestRefused("only URI, DNS and IP names may be asked for")
    for name in names:
        if isinstance(name, x509.DNSName) and _is_address(name.value):  # no peer would find it
            raise RequestRefused(f"{name.value} is an address, no name: --ip, not --dns")
    return wanted, names


def _proven(pem: bytes) -> x509.CertificateSigningRequest:
    """Of a P-256 key, and signed with it."""
    try:
        wanted = request_in(pem)
    except Unreadable as error:
        raise RequestRefused(str(error)) from error
    try:
        public_point(wanted.public_key())
        proven = wanted.is_signature_valid
    except REFUSALS as error:
        raise RequestRefused(f"the request's key does not count: {error}") from error
    if not proven:
        raise RequestRefused("the request is not signed with its own key")
    return wanted


def _only_uri(names: Sequence[x509.GeneralName]) -> str:
    uris = [name.value for name in names if isinstance(name, x509.UniformResourceIdentifier)]
    if len(uris) != 1:
        raise RequestRefused(f"{len(uris)} URI names; exactly one must name the party")
    return uris[0]


def _within(issuer: Authority, at: dt.datetime, life: dt.timedelta) -> Validity:
    """No certificate outlives its issuer, and none is issued outside its life."""
    wanted = validity(at, life)
    first, last = issuer.certificate.not_valid_before_utc, issuer.certificate.not_valid_after_utc
    if not first <= at <= last:
        raise RequestRefused("the authority itself is not valid at this time")
    return Validity(start=max(first, wanted.start), end=min(last, wanted.end))

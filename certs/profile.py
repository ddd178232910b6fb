"""What each kind of certificate carries (RFC 5280 section 4): extensions, usages, serial, life."""

import datetime as dt
import secrets
from enum import Enum

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERIAL_BITS = 128
BACKDATE = dt.timedelta(minutes=5)
"""Clocks of two parties differ; a fresh certificate must not be `not yet valid` at the other."""
DOCUMENT_SIGNING = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")
"""id-kp-documentSigning (RFC 9336): keeps a record key from opening TLS connections."""


class LeafKind(Enum):
    CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    SERVER = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH)
    """A server is also a client of its peers."""
    SIGNING = (DOCUMENT_SIGNING,)
    RESPONDER = (ExtendedKeyUsageOID.OCSP_SIGNING,)

    @classmethod
    def of(cls, signing: bool, *, server: bool) -> "LeafKind":
        if signing:
            return cls.SIGNING
        return cls.SERVER if server else cls.CLIENT


@attrs.frozen(kw_only=True)
class Validity:
    start: dt.datetime
    end: dt.datetime


def validity(at: dt.datetime, life: dt.timedelta) -> Validity:
    """From just before `at` for `life`. Raises ValueError for a naive time."""
    if at.tzinfo is None:
        raise ValueError("the time of issue must be aware (UTC)")
    moment = at.astimezone(dt.UTC).replace(microsecond=0)
    return Validity(start=moment - BACKDATE, end=moment + life)


def common_name(uri: str) -> str:
    """For people only; programs read the URI. RFC 5280 allows 64 characters."""
    return uri.partition("://")[2].partition("/")[2][:64] or "party"


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def authority_certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    issuer: x509.Certificate | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    life: Validity,
) -> x509.Certificate:
    """A root (`issuer` None: self-signed, one authority below) or an authority under it (none)."""
    below = 1 if issuer is None else 0
    constraints = x509.BasicConstraints(ca=True, path_length=below)
    usage = key_usage(key_cert_sign=True)
    return (
        _builder(subject, issuer.subject if issuer else subject, public, life)
        .add_extension(constraints, critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_authority_identifier(issuer_key), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )


def leaf_certificate(
    subject: x509.Name,
    public: ec.EllipticCurvePublicKey,
    names: x509.SubjectAlternativeName,
    kind: LeafKind,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey],
    life: Validity,
) -> x509.Certificate:
    """An end certificate: digitalSignature only, and the extended usages of its kind."""
    certificate, key = issuer
    usage = key_usage(digital_signature=True)
    builder = _builder(subject, certificate.subject, public, life)
    if kind is LeafKind.RESPONDER:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(kind.value), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(_authority_identifier(key), critical=False)
        .sign(key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, life: Validity
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(secrets.randbits(SERIAL_BITS) or 1)
        .not_valid_before(life.start)
        .not_valid_after(life.end)
    )


def _authority_identifier(key: ec.EllipticCurvePrivateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )

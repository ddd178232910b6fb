"""Certificates that live longer than the authority over them, as an outside authority may issue."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certs.authority import Authority, Purpose, create_root, create_subordinate
from certs.keys import generate_key
from certs.profile import LeafKind, Validity, leaf_certificate, named
from certs.signing.signer import Signer, signer
from certs.signing.suites import public_point

AUTHORITY_LIFE = dt.timedelta(days=5 * 365)


def ending_authority(ends: dt.datetime) -> Authority:
    """An evidence authority whose life is over at `ends`, give or take a second."""
    at = ends - AUTHORITY_LIFE
    root = create_root("A root that is renewed", at)
    return create_subordinate(root, Purpose.EVIDENCE, "evidence that ends", at)


def outliving_leaf(
    authority: Authority, uri: str, at: dt.datetime
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A signing certificate of 30 days before `at` and a year after it, whatever is over it."""
    key = generate_key()
    certificate = leaf_certificate(
        named("outliving"),
        public_point(key.public_key()),
        x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]),
        LeafKind.of(True, server=False),
        (authority.certificate, authority.key),
        Validity(start=at - dt.timedelta(days=30), end=at + dt.timedelta(days=365)),
    )
    return key, certificate


def outliving(authority: Authority, uri: str, at: dt.datetime) -> Signer:
    key, certificate = outliving_leaf(authority, uri, at)
    return signer(certificate, key)

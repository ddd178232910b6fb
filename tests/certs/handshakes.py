"""A TLS handshake within memory: both ends real, no socket; and certificates that are wrong."""

import datetime as dt
import secrets
import ssl
from pathlib import Path
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.profile import key_usage

DAY = dt.timedelta(days=1)
ROUNDS_MAX = 20


@attrs.define(kw_only=True)
class Met:
    server: ssl.SSLObject
    client: ssl.SSLObject
    refused: ssl.SSLError | None = None


def shake(server: ssl.SSLContext, client: ssl.SSLContext, *, session: Any = None) -> Met:
    """Both ends until they are done, or one of them has refused."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = server.wrap_bio(to_server, to_client, server_side=True)
    far = client.wrap_bio(to_client, to_server, server_hostname="localhost", session=session)
    met = Met(server=near, client=far)
    done: set[int] = set()
    for _ in range(ROUNDS_MAX):
        for end in (far, near):
            if id(end) in done:
                continue
            try:
                end.do_handshake()
                done.add(id(end))
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError as error:
                # A far end that hears the alert is first to say so: why is the near one's to tell.
                met.refused = error if end is near else getattr(near, "refused", None)
                return met
        if len(done) == 2:
            return met
    raise AssertionError("the handshake does not end")


@attrs.define(kw_only=True)
class Bad:
    """A leaf's ingredients; each test spoils one."""

    issuer_name: x509.Name
    issuer_key: Any
    key: Any
    now: dt.datetime
    subject: str | None = "party"
    uris: tuple[str, ...] = ("spiffe://treasury.test/agency/220000000/101001",)
    start: dt.timedelta = -DAY
    end: dt.timedelta = DAY
    digest: Any = attrs.field(factory=hashes.SHA256)
    usage: x509.KeyUsage | None = attrs.field(factory=lambda: key_usage(digital_signature=True))
    extended: tuple[x509.ObjectIdentifier, ...] = (ExtendedKeyUsageOID.CLIENT_AUTH,)
    constraints: x509.BasicConstraints | None = attrs.field(
        factory=lambda: x509.BasicConstraints(ca=False, path_length=None)
    )
    identifier: x509.AuthorityKeyIdentifier | None = None
    with_identifier: bool = True
    with_subject_identifier: bool = True
    more: tuple[tuple[x509.ExtensionType, bool], ...] = ()

    def made(self) -> x509.Certificate:
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, self.subject)] if self.subject else []
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(attributes))
            .issuer_name(self.issuer_name)
            .public_key(self.key.public_key())
            .serial_number(secrets.randbits(100) + 1)
            .not_valid_before(self.now + self.start)
            .not_valid_after(self.now + self.end)
        )
        for extension, critical in self._extensions():
            builder = builder.add_extension(extension, critical=critical)
        return builder.sign(self.issuer_key, self.digest)

    def _extensions(self):
        if self.constraints is not None:
            yield self.constraints, True
        if self.usage is not None:
            yield self.usage, True
        if self.extended:
            yield x509.ExtendedKeyUsage(list(self.extended)), False
        if self.uris:
            names = [x509.UniformResourceIdentifier(uri) for uri in self.uris]
            yield x509.SubjectAlternativeName(names), False
        if self.with_subject_identifier:
            yield x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False
        if self.with_identifier:
            found = self.identifier or x509.AuthorityKeyIdentifier.from_issuer_public_key(
                self.issuer_key.public_key()
            )
            yield found, False
        yield from self.more


def client_of(folder: Path, chain: list[x509.Certificate], key: Any) -> ssl.SSLContext:
    """A client that shows anything at all and believes the server without looking."""
    name = secrets.token_hex(4)
    pem = b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
    (folder / f"{name}.pem").write_bytes(pem)
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(str(folder / f"{name}.pem"), str(folder / f"{name}.key"))
    return context


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())

"""What is malformed is refused where it is read, by one kind of error with its code; never later,
by whoever first asks for an extension."""

import base64
import contextlib
import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp

from certs.authority import (
    Purpose,
    RequestRefused,
    adopt,
    asked_for,
    issue,
    issue_responder,
    request,
    sign_subordinate,
)
from certs.certified import verify_certificate
from certs.keys import generate_key
from certs.reading import CODE, Unreadable, certificates_in, list_in, request_in
from certs.registrar import imported, read_order
from certs.revocation import Responder, identity_of, lists_in, make_list, read_lists
from certs.signatories import signatories, signatory
from certs.signing.der import OCTETS, SEQUENCE, bit_string, contents, element, elements, oid
from certs.signing.signer import uri_of
from gateway.domain.certificates import MoveRefused, Profile, Reason, Revocation
from tests.certs.conftest import DOMAIN, NOW

AGENCY = f"{DOMAIN}/agency/220000000/101001"
MUTATIONS = 150
_ECDSA = element(SEQUENCE, oid("1.2.840.10045.4.3.2"))
_EXTENSION = element(SEQUENCE, oid("1.3.6.1.4.1.99999.1"), b"\x01\x01\xff", element(OCTETS, b"x"))
_TAGS = (1, 2, 3, 4, 5, 6, 0x0C, 0x13, 0x17, 0x18, 0x30, 0x31, 0x81, 0x82, 0x86, 0x87, 0xA0, 0xA3)
_KINDS = {"request": "CERTIFICATE REQUEST", "certificate": "CERTIFICATE", "list": "X509 CRL"}

Tree = list[list[Any]]


def tree_of(der: bytes) -> Tree:
    """Tag and contents of each element; what stands in an element, or in an OCTET STRING, below."""
    found: Tree = []
    for one in elements(der):
        inside: Any = contents(one)
        if one[0] & 0x20 or (one[0] == OCTETS and inside[:1] == b"\x30"):
            inside = tree_of(inside)
        found.append([one[0], inside])
    return found


def der_of(tree: Tree) -> bytes:
    return b"".join(
        element(tag, inside if isinstance(inside, bytes) else der_of(inside))
        for tag, inside in tree
    )


def places(tree: Tree) -> Iterator[tuple[Tree, int]]:
    for place, (_, inside) in enumerate(tree):
        yield tree, place
        if not isinstance(inside, bytes):
            yield from places(inside)


def signed(kind: str, body: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """PEM of a body that somebody who holds the key has spoilt before he signed it."""
    der = element(SEQUENCE, body, _ECDSA, bit_string(key.sign(body, ec.ECDSA(hashes.SHA256()))))
    name = _KINDS[kind].encode()
    text = base64.encodebytes(der)
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (name, text, name)


def doubled(tree: Tree, dotted: str) -> bytes:
    """Each extension of that name stands twice."""
    wanted = [6, contents(oid(dotted))]
    for nodes, place in list(places(tree)):
        inside = nodes[place][1]
        if not isinstance(inside, bytes) and inside[:1] == [wanted]:
            nodes.insert(place, copy.deepcopy(nodes[place]))
            return der_of(tree)
    raise AssertionError(f"no {dotted}")


def spoilt(tree: Tree, chance: random.Random) -> bytes:
    nodes, place = chance.choice(list(places(tree)))
    inside = nodes[place][1]
    how = chance.randrange(6)
    if how == 0:
        nodes.insert(place, copy.deepcopy(nodes[place]))
    elif how == 1:
        del nodes[place]
    elif how == 2:
        nodes[place][0] = chance.choice(_TAGS)
    elif how == 3:
        nodes[place][1] = chance.choice([b"", b"\xff", b"\0" * 40, b"\xff\xfe\0"])
    elif how == 4:
        nodes.insert(place, tree_of(_EXTENSION)[0])
    elif isinstance(inside, bytes) and inside:
        at = chance.randrange(len(inside))
        nodes[place][1] = inside[:at] + bytes([chance.randrange(256)]) + inside[at + 1 :]
    return der_of(tree)


def body_of(der: bytes) -> Tree:
    """Of what is signed: the first of the three elements."""
    return tree_of(next(elements(contents(der))))


class Parts:
    """One sound thing of each kind, and whoever reads it."""

    def __init__(self, pki: Any) -> None:
        self.pki, self.key = pki, generate_key()
        self.request = request(self.key, AGENCY, dns=["a.test"], ip=["127.0.0.1"])
        self.leaf = issue(pki.evidence, request(self.key, AGENCY), NOW)
        one = Revocation(
            issuer=identity_of(pki.evidence.certificate), serial="ab", at=NOW, thumbprint="t",
            reason=Reason.KEY_COMPROMISE,
        )  # fmt: skip
        self.list = make_list(pki.evidence, [one], 3, NOW).pem
        self.kinds: dict[str, tuple[bytes, Any, Callable[[bytes], object], str]] = {
            "request": (
                x509.load_pem_x509_csr(self.request).public_bytes(serialization.Encoding.DER),
                self.key, self.read_request, "2.5.29.17",
            ),
            "certificate": (
                self.leaf.public_bytes(serialization.Encoding.DER),
                pki.evidence.key, self.read_certificate, "2.5.29.15",
            ),
            "list": (
                x509.load_pem_x509_crl(self.list).public_bytes(serialization.Encoding.DER),
                pki.evidence.key, self.read_list, "2.5.29.20",
            ),
        }  # fmt: skip

    def read_request(self, pem: bytes) -> None:
        request_in(pem)
        for read in (
            lambda: asked_for(pem),
            lambda: read_order("1", Profile.SIGNING, pem, AGENCY, NOW),
            lambda: issue(self.pki.evidence, pem, NOW),
            lambda: issue_responder(self.pki.transport, pem, NOW),
            lambda: sign_subordinate(self.pki.root, pem, NOW),
        ):
            quietly(read)

    def read_certificate(self, pem: bytes) -> None:
        (one,) = certificates_in(pem)
        evidence = self.pki.evidence
        order = read_order("1", Profile.SIGNING, request(self.key, AGENCY), AGENCY, NOW)
        for read in (
            lambda: uri_of(one),
            lambda: identity_of(one),
            lambda: signatory([evidence.certificate], one),
            lambda: verify_certificate(one, [evidence.certificate], NOW, list_in(self.list)),
            lambda: verify_certificate(self.leaf, [one], NOW, list_in(self.list)),
            lambda: imported(order, one, [evidence.certificate]),
            lambda: adopt(Purpose.EVIDENCE, one, self.key),
            lambda: signatories([one], [("x", self.leaf)]),
            lambda: read_lists(self.list, [one]),
        ):
            quietly(read)

    def read_list(self, pem: bytes) -> None:
        one, above = list_in(pem), [self.pki.evidence.certificate]
        quietly(lambda: read_lists(pem, above))
        quietly(lambda: lists_in(pem))
        quietly(lambda: verify_certificate(self.leaf, above, NOW, one))


def quietly(read: Callable[[], object]) -> None:
    """A refusal is one that every command and worker expects."""
    with contextlib.suppress(ValueError, MoveRefused):
        read()


@pytest.fixture(scope="module")
def parts(pki: Any) -> Parts:
    return Parts(pki)


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_a_doubled_extension_is_refused_where_it_is_read_with_its_code(
    parts: Parts, kind: str
) -> None:
    der, key, read, extension = parts.kinds[kind]
    read(signed(kind, der_of(body_of(der)), key))
    with pytest.raises(Unreadable, match=rf"cannot be read \[{CODE}\]: Duplicate {extension}"):
        read(signed(kind, doubled(body_of(der), extension), key))


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_whatever_is_spoilt_before_it_is_signed_is_read_or_refused(parts: Parts, kind: str) -> None:
    der, key, read, _ = parts.kinds[kind]
    for seed in range(MUTATIONS):
        pem = signed(kind, spoilt(body_of(der), random.Random(seed)), key)
        quietly(lambda pem=pem: read(pem))


@pytest.mark.parametrize("kind", sorted(_KINDS))
def test_what_is_cut_off_is_refused(parts: Parts, kind: str) -> None:
    der, key, read, _ = parts.kinds[kind]
    pem = signed(kind, der_of(body_of(der)), key)
    for end in (0, 10, len(pem) // 2, len(pem) - 40):
        with pytest.raises(Unreadable):
            read(pem[:end])


def test_a_doubled_extension_of_a_request_is_the_registrars_reason(parts: Parts) -> None:
    """It was a trace of thirty lines, at `certs request`."""
    der, key, _, extension = parts.kinds["request"]
    pem = signed("request", doubled(body_of(der), extension), key)
    with pytest.raises(MoveRefused) as refused:
        read_order("1", Profile.SIGNING, pem, AGENCY, NOW)
    (reason,) = refused.value.reasons
    assert CODE in reason and extension in reason


def test_names_and_keys_that_are_none_of_ours_are_refused_with_a_reason(parts: Parts) -> None:
    def asking(key: Any, *names: x509.GeneralName) -> bytes:
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=True)
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    agency, key = x509.UniformResourceIdentifier(AGENCY), parts.key
    for pem, reason in (
        (asking(key, agency, agency), "2 URI names"),
        (asking(key, agency, x509.RFC822Name("a@b.test")), "only URI, DNS and IP"),
        (asking(key, agency, x509.DirectoryName(x509.Name([]))), "only URI, DNS and IP"),
        (asking(key, x509.UniformResourceIdentifier(f"{AGENCY}\0")), "does not name a party"),
        (asking(rsa.generate_private_key(65537, 1024), agency), "P-256"),
        (asking(ec.generate_private_key(ec.SECP384R1()), agency), "P-256"),
    ):
        with pytest.raises(RequestRefused, match=reason):
            asked_for(pem)


def test_an_ocsp_question_that_asks_twice_or_is_spoilt_is_malformed(parts: Parts) -> None:
    authority, key = parts.pki.evidence, generate_key()
    made = issue_responder(authority, request(key, f"{DOMAIN}/gateway/ABC"), NOW)
    responder = Responder(authority=authority.certificate, certificate=made, key=key)
    question = (
        ocsp.OCSPRequestBuilder()
        .add_certificate(parts.leaf, authority.certificate, hashes.SHA256())
        .add_extension(x509.OCSPNonce(b"n" * 16), critical=False)
        .build()
        .public_bytes(serialization.Encoding.DER)
    )

    def status(asked: bytes) -> ocsp.OCSPResponseStatus:
        answer = responder.answer(asked, lambda _: parts.leaf, lambda _: None, NOW)
        return ocsp.load_der_ocsp_response(answer).response_status

    assert status(question) is ocsp.OCSPResponseStatus.SUCCESSFUL
    twice = tree_of(question)
    requests = twice[0][1][0][1]
    requests.append(copy.deepcopy(requests[0]))
    nonces = doubled(tree_of(question), "1.3.6.1.5.5.7.48.1.2")
    for bad in (der_of(twice), nonces, question[:-3], b""):
        assert status(bad) is ocsp.OCSPResponseStatus.MALFORMED_REQUEST
    for seed in range(MUTATIONS):
        status(spoilt(tree_of(question), random.Random(seed)))

"""Whose connection and whose signature: everything but the right certificate and key is refused."""

import asyncio
import base64
import contextlib
import datetime as dt
import json
import ssl

import pytest
from cryptography import x509

from certs.authority import Authority, Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates, save_key
from certs.profile import LeafKind, leaf_certificate, named, validity
from certs.signing.signer import signer
from certs.tls import Credentials, client_context
from deploy.demo.identities import uri
from tests.patience import until
from tests.web.besieged import DIVISION, HOST, Siege

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.usefixtures("nothing_happens"),
]


STRANGER = "unable_to_get_local_issuer_certificate"


def _ours(siege: Siege, name: str, authority: Authority, uris: list[str], at: dt.datetime,
          life: dt.timedelta = dt.timedelta(days=1)) -> Credentials:  # fmt: skip
    """A client certificate that our own profile would never issue."""
    key = generate_key()
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    names += [x509.UniformResourceIdentifier(each) for each in uris]
    leaf = leaf_certificate(
        named(name),
        key.public_key(),
        x509.SubjectAlternativeName(names),
        LeafKind.CLIENT,
        (authority.certificate, authority.key),
        validity(at, life),
    )
    folder, secret = siege.stage.folder / "keys", siege.identities.passphrase
    save_key(folder / f"{name}.key", key, secret)
    save_certificates(folder / f"{name}.pem", [leaf])
    return Credentials(
        certificate=folder / f"{name}.pem",
        key=folder / f"{name}.key",
        passphrase=secret,
        authorities=siege.identities.transport_authority,
    )


async def _refused(siege: Siege, word: str) -> float:
    told = f'gateway_handshakes_refused_total{{reason="{word}"}} '
    lines = (await siege.operators("/metrics")).decode().splitlines()
    return sum(float(line.removeprefix(told)) for line in lines if line.startswith(told))


async def _refused_by_tls(siege: Siege, who: Credentials, word: str) -> None:
    """No answer at all; operators' log and figures say why, in one word."""
    before = await _refused(siege, word)
    try:
        reply = await siege.post(siege.instruction("TLS1"), who)
        assert reply.status == 0, reply.raw
    except (ssl.SSLError, ConnectionError):
        pass

    async def counted() -> bool:
        return await _refused(siege, word) > before

    await until(counted)
    assert f'"reason":"{word}"' in siege.log()


async def test_a_certificate_without_or_with_two_names_opens_nothing(siege: Siege) -> None:
    authority, now = siege.identities.transport, dt.datetime.now(dt.UTC)
    party = siege.model.sender
    for name, uris in (
        ("nameless", []),
        ("two-named", [party, uri("channel", DIVISION, "demo")]),
        ("not-ours", ["https://treasury.jilin.example/agency"]),
        ("with-a-path-too-many", [f"{party}/admin"]),
        ("unknown-role", [party.replace("agency", "admin")]),
    ):
        who = _ours(siege, name, authority, uris, now)
        for reply in (
            await siege.post(siege.instruction("TLS1"), who),
            await siege.get("/v1/instructions/220000000/2026/8202/1", who),
            await siege.get("/nothing", who),
        ):
            assert (reply.status, reply.code) == (403, "sender_unknown"), name


async def test_certificates_of_strangers_and_of_other_times_are_refused_by_tls(
    siege: Siege,
) -> None:
    now, party = dt.datetime.now(dt.UTC), siege.model.sender
    stranger = create_subordinate(create_root("x", now), Purpose.TRANSPORT, "x", now)
    made, day = siege.identities, dt.timedelta(days=1)
    for name, authority, begins, word in (
        ("stranger", stranger, now, STRANGER),
        ("expired", made.transport, now - 3 * day, "certificate_has_expired"),
        ("early", made.transport, now + 3 * day, "certificate_is_not_yet_valid"),
        ("evidence", made.evidence, now, STRANGER),
    ):
        await _refused_by_tls(siege, _ours(siege, name, authority, [party], begins), word)


async def test_a_record_key_opens_no_connection(siege: Siege) -> None:
    certificate, key = siege.stage.record_key
    who = Credentials(
        certificate=certificate,
        key=key,
        passphrase=siege.identities.passphrase,
        authorities=siege.identities.transport_authority,
    )
    await _refused_by_tls(siege, who, STRANGER)


async def test_no_certificate_old_tls_and_plain_http_are_refused(siege: Siege) -> None:
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    bare.load_verify_locations(siege.identities.transport_authority)
    bare.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    with pytest.raises((ssl.SSLError, ConnectionError)):
        reader, writer = await siege.connect(tls=bare)
        writer.write(siege.request(siege.instruction("TLS1")))
        raise ConnectionError(await reader.read())
    old = client_context(siege.stage.client)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await siege.connect(tls=old)
    reader, writer = await asyncio.open_connection(HOST, siege.port)
    writer.write(siege.request(siege.instruction("TLS1")))
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            assert b"HTTP" not in await reader.read()
    writer.transport.abort()


async def test_no_session_is_ever_resumed(siege: Siege) -> None:
    context = client_context(siege.stage.client)
    _, writer = await siege.connect(tls=context)
    tls = writer.get_extra_info("ssl_object")
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await writer.drain()
    assert not (tls.session and tls.session.has_ticket) and not tls.session_reused
    writer.transport.abort()


async def test_every_signature_but_the_signers_own_over_these_bytes_is_refused(
    siege: Siege,
) -> None:
    raw = siege.instruction("SIG1")
    good = siege.signed(raw)
    protected, _, value = good.split(".")
    header = json.loads(base64.urlsafe_b64decode(protected + "=="))

    def with_header(**changes: object) -> str:
        text = json.dumps(header | changes).encode()
        return f"{base64.urlsafe_b64encode(text).rstrip(b'=').decode()}..{value}"

    stranger = siege.identities.evidence
    now = dt.datetime.now(dt.UTC)
    key = generate_key()
    unlisted = signer(issue(stranger, request(key, siege.model.sender), now), key)
    attacks = {
        "missing": ("", "signature_missing"),
        "of other bytes": (siege.signed(raw + b" "), "signature_invalid"),
        "of nobody": ("a..b", "signature_invalid"),
        "not a JWS": ("x" * 4000, "signature_invalid"),
        "payload attached": (f"{protected}.e30.{value}", "signature_invalid"),
        "no value": (f"{protected}..", "signature_invalid"),
        "zeros": (f"{protected}..{'A' * 86}", "signature_invalid"),
        "alg none": (with_header(alg="none"), "signature_invalid"),
        "alg HS256": (with_header(alg="HS256"), "signature_invalid"),
        "half a character": (with_header(**{"\ud800": "x"}), "signature_invalid"),
        "an own key": (with_header(jwk={"kty": "EC"}), "signature_invalid"),
        "other thumbprint": (with_header(**{"x5t#S256": "A" * 43}), "signer_unknown"),
        "unlisted certificate": (unlisted.document(raw), "signer_unknown"),
    }
    for name, (signature, code) in attacks.items():
        refused = await siege.post(raw, signature=signature)
        assert refused.status == 403, (name, refused.raw)
        assert refused.code == code, (name, refused.fields)


async def test_a_signature_taken_from_another_message_or_connection_is_worth_nothing(
    siege: Siege,
) -> None:
    raw = siege.instruction("SIG2")
    other = next(
        item for item in siege.day.items
        if item.agency != siege.model.agency and "/agency/" in item.sender
    )  # fmt: skip
    replayed = await siege.post(raw, signature=siege.signed(other.raw, by=other.sender))
    assert (replayed.status, replayed.code) == (403, "signature_invalid")
    for_another = await siege.post(raw, signature=siege.signed(raw, by=other.sender))
    assert (for_another.status, for_another.code) == (403, "sender_not_entitled")
    thief = siege.party("thief", "agency", DIVISION, other.agency)
    stolen = await siege.post(raw, thief)
    assert (stolen.status, stolen.code) == (403, "sender_unknown")
    two = siege.request(raw).replace(
        b"Content-Length", f"Signature-JWS: {siege.signed(b'x')}\r\nContent-Length".encode(), 1
    )
    doubled = await siege.say(two)
    assert (doubled.status, doubled.code) == (403, "signature_invalid")

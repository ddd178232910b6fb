"""Real handshakes over loopback: who gets in, who does not, and that refusals are seen."""

import asyncio
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import attrs
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from certs.authority import Purpose, create_root, create_subordinate
from certs.tls import Refusal, client_context, party_of, peer_of, server_context

GATEWAY = "gateway/ABC"
AGENCY = "agency/220000000/101001"
NOW = dt.datetime.now(dt.UTC)


class Seen:
    def __init__(self) -> None:
        self.parties: list[str | None] = []
        self.refusals: list[Refusal] = []
        self.refused = asyncio.Event()
        self.cached = False

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)
        self.refused.set()

    async def greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        self.parties.append(party_of(tls))
        self.cached = peer_of(tls) is peer_of(tls)
        writer.write(b"hello\n")
        await writer.drain()
        writer.close()
        with suppress(ssl.SSLError, ConnectionError):
            await writer.wait_closed()


@asynccontextmanager
async def _listening(seen: Seen, context: ssl.SSLContext) -> AsyncIterator[int]:
    server = await asyncio.start_server(seen.greet, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def _hello(port: int, context: ssl.SSLContext, name: str = "localhost") -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname=name
    )
    try:
        line = await reader.read(100)
        if not line:
            raise ConnectionResetError("closed without a word")
        return line
    finally:
        writer.close()
        with suppress(ssl.SSLError, ConnectionError):
            await writer.wait_closed()


async def _is_refused(port: int, context: ssl.SSLContext, seen: Seen) -> str:
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await _hello(port, context)
    async with asyncio.timeout(60):
        await seen.refused.wait()
    return seen.refusals[-1].reason


@pytest.fixture
def ends(fresh_pki, tmp_path: Path):
    return (
        fresh_pki.credentials(tmp_path, GATEWAY, NOW),
        fresh_pki.credentials(tmp_path, AGENCY, NOW),
    )


async def test_both_ends_name_each_other_over_tls_13_without_tickets(ends) -> None:
    seen = Seen()
    client = client_context(ends[1])
    async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=client, server_hostname="localhost"
        )
        assert await reader.readline() == b"hello\n"
        tls = writer.get_extra_info("ssl_object")
        assert tls.version() == "TLSv1.3"
        assert party_of(tls) == f"spiffe://treasury.test/{GATEWAY}"
        session = tls.session
        assert session is None or not session.has_ticket
        assert tls.session_reused is False
        writer.close()
        await writer.wait_closed()
    assert seen.parties == [f"spiffe://treasury.test/{AGENCY}"]
    assert seen.cached and not seen.refusals


async def test_a_client_without_a_certificate_is_refused_and_seen(ends) -> None:
    seen = Seen()
    anonymous = ssl.create_default_context(cafile=str(ends[0].authorities))
    anonymous.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
        assert await _is_refused(port, anonymous, seen) == "peer_did_not_return_a_certificate"
    assert seen.parties == []


async def test_a_record_certificate_opens_no_connection(ends, fresh_pki, tmp_path: Path) -> None:
    seen = Seen()
    (tmp_path / "evidence").mkdir()
    evidence = fresh_pki.credentials(tmp_path / "evidence", AGENCY, NOW, fresh_pki.evidence)
    async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
        reason = await _is_refused(port, client_context(evidence), seen)
    assert reason == "certificate_verify_failed"
    assert "issuer certificate" in seen.refusals[0].detail


async def test_an_expired_certificate_is_refused_with_its_reason(
    ends, fresh_pki, tmp_path: Path
) -> None:
    seen = Seen()
    (tmp_path / "old").mkdir()
    issued = fresh_pki.root.certificate.not_valid_before_utc
    authority = _aged(fresh_pki, issued - dt.timedelta(days=200))
    old = authority.credentials(tmp_path / "old", AGENCY, issued - dt.timedelta(days=120))
    server = fresh_pki.credentials(tmp_path / "old", GATEWAY, NOW)
    (tmp_path / "old" / "transport.pem").write_bytes(
        (tmp_path / "transport.pem").read_bytes()
        + authority.transport.certificate.public_bytes(serialization.Encoding.PEM)
    )
    async with _listening(seen, server_context(server, seen.refuse)) as port:
        await _is_refused(port, client_context(old), seen)
    assert seen.refusals[0].detail == "certificate has expired"


def _aged(pki, at: dt.datetime):
    root = create_root("aged", at)
    transport = create_subordinate(root, Purpose.TRANSPORT, "aged transport", at)
    return type(pki)(root=root, transport=transport, evidence=pki.evidence)


def _revocation_list(pki, path: Path, certificate: Path, until: dt.datetime) -> Path:
    serial = x509.load_pem_x509_certificate(certificate.read_bytes()).serial_number
    revoked = (
        x509.RevokedCertificateBuilder()
        .serial_number(serial)
        .revocation_date(NOW - dt.timedelta(minutes=2))
        .build()
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(pki.transport.certificate.subject)
        .last_update(NOW - dt.timedelta(minutes=2))
        .next_update(until)
        .add_revoked_certificate(revoked)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(pki.transport.key.public_key()),
            critical=False,
        )
        .add_extension(x509.CRLNumber(1), critical=False)
        .sign(pki.transport.key, hashes.SHA256())
    )
    path.write_bytes(crl.public_bytes(serialization.Encoding.PEM))
    return path


async def test_a_revoked_client_is_refused_and_the_others_are_not(
    ends, fresh_pki, tmp_path: Path
) -> None:
    seen = Seen()
    other = fresh_pki.credentials(tmp_path, "bureau/220000000", NOW)
    later = NOW + dt.timedelta(days=1)
    crl = _revocation_list(fresh_pki, tmp_path / "crl.pem", ends[1].certificate, later)
    server = server_context(attrs.evolve(ends[0], revocations=crl), seen.refuse)
    async with _listening(seen, server) as port:
        assert await _hello(port, client_context(other)) == b"hello\n"
        await _is_refused(port, client_context(ends[1]), seen)
    assert seen.refusals[0].detail == "certificate revoked"


async def test_an_expired_revocation_list_refuses_everyone(ends, fresh_pki, tmp_path: Path) -> None:
    seen = Seen()
    other = fresh_pki.credentials(tmp_path, "bureau/220000000", NOW)
    ago = NOW - dt.timedelta(minutes=1)
    crl = _revocation_list(fresh_pki, tmp_path / "crl.pem", ends[1].certificate, ago)
    server = server_context(attrs.evolve(ends[0], revocations=crl), seen.refuse)
    async with _listening(seen, server) as port:
        await _is_refused(port, client_context(other), seen)
    assert seen.refusals[0].detail == "CRL has expired"


async def test_tls_12_and_plain_text_are_refused_and_seen(ends) -> None:
    seen = Seen()
    old = client_context(ends[1])
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
        assert await _is_refused(port, old, seen) == "unsupported_protocol"
        seen.refused.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with suppress(ConnectionError):
            await reader.read(100)
        async with asyncio.timeout(60):
            await seen.refused.wait()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert seen.refusals[-1].reason == "http_request"


async def test_a_client_refuses_a_server_of_another_name_or_authority(
    ends, fresh_pki, tmp_path: Path
) -> None:
    refusals: list[Refusal] = []
    client = client_context(ends[1], refusals.append)
    async with _listening(Seen(), server_context(ends[0])) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await _hello(port, client, "elsewhere.test")
    (tmp_path / "other").mkdir()
    other = _aged(fresh_pki, NOW).credentials(tmp_path / "other", GATEWAY, NOW)
    async with _listening(Seen(), server_context(other)) as port:
        with pytest.raises(ssl.SSLCertVerificationError):
            await _hello(port, client)
    assert [each.reason for each in refusals] == ["certificate_verify_failed"] * 2


def test_nobody_is_at_the_other_end_without_tls() -> None:
    assert party_of(None) is None and peer_of(None) is None


def test_the_product_loop_names_parties_and_shows_refusals_too(ends) -> None:
    async def dialogue() -> Seen:
        seen = Seen()
        anonymous = ssl.create_default_context(cafile=str(ends[0].authorities))
        anonymous.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
            assert await _hello(port, client_context(ends[1])) == b"hello\n"
            await _is_refused(port, anonymous, seen)
        return seen

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(dialogue())
    assert seen.parties == [f"spiffe://treasury.test/{AGENCY}"] and seen.cached
    assert [each.reason for each in seen.refusals] == ["peer_did_not_return_a_certificate"]


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_who_is_refused_hears_the_alert_that_says_why(
    ends, fresh_pki, loops, tmp_path: Path
) -> None:
    anonymous = ssl.create_default_context(cafile=str(ends[0].authorities))
    anonymous.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    (tmp_path / "evidence").mkdir()
    evidence = fresh_pki.credentials(tmp_path / "evidence", AGENCY, NOW, fresh_pki.evidence)
    old = client_context(ends[1])
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2

    async def heard(context: ssl.SSLContext, more: bytes) -> str:
        """By who sends `more` with his certificate; and that nobody is left at the door."""
        seen = Seen()
        async with _listening(seen, server_context(ends[0], seen.refuse)) as port:
            with pytest.raises(ssl.SSLError) as alert:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=context, server_hostname="localhost"
                )
                writer.write(more)
                async with asyncio.timeout(30):
                    await reader.read(100)
        assert len(seen.refusals) == 1 and not seen.parties
        return str(alert.value.reason)

    with asyncio.Runner(loop_factory=loops) as runner:
        for more in (b"", b"POST /v1/instructions HTTP/1.1\r\n\r\n"):
            assert "CERTIFICATE_REQUIRED" in runner.run(heard(anonymous, more))
            assert "UNKNOWN_CA" in runner.run(heard(client_context(evidence), more))
        assert "PROTOCOL_VERSION" in runner.run(heard(old, b""))


@pytest.mark.parametrize("loops", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_server_with_another_partys_name_hears_not_a_byte(ends, loops) -> None:
    """The same authority, the right host name, the wrong party: the bureau on the bank's port."""

    async def speak(peer: str) -> tuple[list[bytes], list[Refusal]]:
        heard: list[bytes] = []
        refused = Seen()

        async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ssl.SSLError, ConnectionError):
                heard.append(await reader.read(100))
            writer.close()

        server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=server_context(ends[0]))
        port = server.sockets[0].getsockname()[1]
        context = client_context(ends[1], refused.refuse, peer=peer)
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=context, server_hostname="localhost"
            )
            writer.write(b"an instruction")
            writer.close()
            with suppress(ssl.SSLError, ConnectionError):
                await writer.wait_closed()
        finally:
            server.close()
            await server.wait_closed()
        return heard, refused.refusals

    with asyncio.Runner(loop_factory=loops) as runner:
        for wrong in ("spiffe://treasury.test/bank/ABC", "spiffe://other.test/gateway/ABC"):
            with pytest.raises(ssl.SSLError, match="not spiffe"):
                runner.run(speak(wrong))
        heard, refused = runner.run(speak(f"spiffe://treasury.test/{GATEWAY}"))
    assert heard == [b"an instruction"] and not refused


async def test_a_refused_peer_is_told_with_its_name(ends) -> None:
    seen = Seen()
    wanted = "spiffe://treasury.test/bureau/220000000"
    context = client_context(ends[1], seen.refuse, peer=wanted)
    async with _listening(Seen(), server_context(ends[0])) as port:
        with pytest.raises(ssl.SSLError):
            await _hello(port, context)
    assert seen.refusals[0].reason == "peer_mismatch"
    assert f"not {wanted}" in seen.refusals[0].detail


def test_a_key_of_another_certificate_is_told_by_its_files(ends) -> None:
    ours, other = ends
    mixed = attrs.evolve(ours, certificate=other.certificate)
    with pytest.raises(ValueError, match=f"not the private key of {other.certificate.name}"):
        server_context(mixed)


def test_a_file_that_holds_no_certificate_is_told_by_its_name(ends, tmp_path: Path) -> None:
    """OpenSSL names no file, and has no reason at all for an empty one."""
    empty, text = tmp_path / "empty.pem", tmp_path / "text.pem"
    empty.write_bytes(b"")
    text.write_text("garbage")
    for broken, file in (
        (attrs.evolve(ends[0], certificate=empty), empty),
        (attrs.evolve(ends[0], authorities=text), text),
        (attrs.evolve(ends[0], revocations=text), text),
    ):
        with pytest.raises(
            ValueError, match=f"^{file.name}: no certificate or list for TLS: [a-z]"
        ):
            server_context(broken)

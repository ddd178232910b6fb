"""Traps of live TLS: revoked clients, front flags, lists that end; and keys changed under way."""

import datetime as dt
import ssl
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519

from certs.authority import issue, request
from certs.certified import verify_certificate
from certs.keys import generate_key, load_certificates, save_certificates, save_sealed
from certs.live import Guard, LiveTls
from certs.revocation import issuer_of, make_list
from certs.signatories import signatory
from certs.tls import Refusal, client_context
from gateway.domain.certificates import Reason, Revocation, Revoked
from gateway.domain.inventory import Inventory, alerts
from tests.certs.conftest import DOMAIN, PASSPHRASE
from tests.certs.handshakes import Bad, shake

NOW = dt.datetime.now(dt.UTC)
GATEWAY, AGENCY = "gateway/ABC", "agency/220000000/101001"


@pytest.fixture
def ends(fresh_pki, tmp_path: Path):
    (tmp_path / "c").mkdir()
    return (
        fresh_pki.credentials(tmp_path, GATEWAY, NOW),
        fresh_pki.credentials(tmp_path / "c", AGENCY, NOW),
    )


def _key_of(credentials) -> tuple[str, str]:
    leaf = load_certificates(credentials.certificate)[0]
    return issuer_of(leaf), f"{leaf.serial_number:x}"


def _list(pki, path: Path, *ended, life=dt.timedelta(days=7), at=NOW, number=1) -> Path:
    revocations = [
        Revocation(
            issuer=_key_of(each)[0], serial=_key_of(each)[1], thumbprint="", at=at,
            reason=Reason.KEY_COMPROMISE,
        )
        for each in ended
    ]  # fmt: skip
    path.write_bytes(make_list(pki.transport, revocations, number, at, life).pem)
    return path


def test_t2_a_revoked_client_is_refused_anew_and_may_not_stay(ends) -> None:
    guard, refusals = Guard(), []
    door = LiveTls(ends[0], refusals.append, guard).server()
    client = client_context(ends[1])
    before = shake(door, client)
    assert before.refused is None
    assert guard.may_stay(before.server, NOW)
    guard.revoked = Revoked(serials=frozenset({_key_of(ends[1])}))
    assert not guard.may_stay(before.server, NOW)
    assert shake(door, client).refused is not None
    assert [each.cause for each in refusals] == ["certificate_revoked"]


def test_t2_no_session_is_ever_resumed_and_a_resumed_one_is_looked_at_again(ends) -> None:
    """Even with tickets switched on by mistake the guard sees the certificate in the session."""
    guard, refusals = Guard(), []
    door = LiveTls(ends[0], refusals.append, guard).server()
    assert door.num_tickets == 0
    client = client_context(ends[1])
    met = shake(door, client)
    met.server.write(b"hello")
    assert met.client.read(5) == b"hello"
    assert met.client.session is None or not met.client.session.has_ticket

    door.num_tickets = 2
    door.options &= ~ssl.OP_NO_TICKET
    client.options &= ~ssl.OP_NO_TICKET
    first = shake(door, client)
    first.server.write(b"hello")
    assert first.client.read(5) == b"hello"
    session = first.client.session
    assert session is not None and session.has_ticket
    resumed = shake(door, client, session=session)
    assert resumed.refused is None and resumed.client.session_reused
    guard.revoked = Revoked(serials=frozenset({_key_of(ends[1])}))
    assert shake(door, client, session=session).refused is not None
    assert refusals[-1].cause == "certificate_revoked"


def test_a_connection_whose_certificate_ends_meanwhile_may_not_stay(ends) -> None:
    guard = Guard()
    met = shake(LiveTls(ends[0], None, guard).server(), client_context(ends[1]))
    assert guard.may_stay(met.server, NOW)
    assert not guard.may_stay(met.server, NOW + dt.timedelta(days=91))


def test_t3_flags_are_the_fronts_own_also_after_a_swap(ends, fresh_pki, tmp_path: Path) -> None:
    """A door without a list gets one: without the front's flags it would let the revoked in."""
    refusals: list[Refusal] = []
    live = LiveTls(ends[0], refusals.append)
    door = live.server()
    client = client_context(ends[1])
    assert shake(door, client).refused is None
    listed = attrs.evolve(ends[0], revocations=_list(fresh_pki, tmp_path / "crl.pem", ends[1]))
    live.renew(listed)
    assert door.verify_flags & ssl.VERIFY_CRL_CHECK_LEAF
    assert shake(door, client).refused is not None
    assert refusals[-1].cause == "certificate_revoked"
    live.renew(ends[0])
    assert shake(door, client).refused is None


def test_t3_the_list_of_the_swapped_context_is_the_one_that_counts(
    ends, fresh_pki, tmp_path: Path
) -> None:
    file = _list(fresh_pki, tmp_path / "crl.pem")
    live = LiveTls(attrs.evolve(ends[0], revocations=file))
    client = client_context(ends[1])
    assert shake(live.server(), client).refused is None
    _list(fresh_pki, file, ends[1], number=2)
    assert shake(live.server(), client).refused is None, "files are read when told to"
    live.renew()
    assert shake(live.server(), client).refused is not None


def test_t5_an_expired_list_alarms_before_it_refuses_everyone(
    ends, fresh_pki, tmp_path: Path
) -> None:
    """The alarm begins at half of its life; only its end refuses, and then everyone."""
    week = dt.timedelta(days=7)
    made = make_list(fresh_pki.transport, [], 1, NOW)

    def said(at: dt.datetime) -> list[int]:
        found = Inventory(
            at=at, entries=(), pending=(), lists=(made,), revoked=0, refused=(), logs=()
        )
        return [one.threshold for one in alerts(found) if one.what == "revocation_list"]

    assert said(NOW) == []
    assert said(NOW + week * 0.4) == []
    assert said(NOW + week * 0.6) == [2]
    assert said(NOW + week * 0.99) == [1]
    assert said(NOW + week * 1.01) == [0]

    half_over = _list(fresh_pki, tmp_path / "crl.pem", at=NOW - week * 0.6)
    live = LiveTls(attrs.evolve(ends[0], revocations=half_over))
    client = client_context(ends[1])
    assert shake(live.server(), client).refused is None
    _list(fresh_pki, half_over, at=NOW - week * 1.01)
    refusals: list[Refusal] = []
    late = LiveTls(attrs.evolve(ends[0], revocations=half_over), refusals.append)
    assert shake(late.server(), client).refused is not None
    assert refusals[-1].cause == "crl_has_expired"


def test_t7_cryptographys_verifier_knows_no_list_and_no_ed25519_ours_is_asked_instead(
    fresh_pki,
) -> None:
    """Why `x509.verification` is not used: it lets the revoked through."""
    key = generate_key()
    leaf = issue(fresh_pki.evidence, request(key, f"{DOMAIN}/{AGENCY}"), NOW)
    made = make_list(
        fresh_pki.evidence,
        [
            Revocation(
                issuer=issuer_of(leaf), serial=f"{leaf.serial_number:x}", thumbprint="",
                at=NOW - dt.timedelta(minutes=1), reason=Reason.KEY_COMPROMISE,
            )
        ],
        1, NOW,
    )  # fmt: skip
    crl = x509.load_pem_x509_crl(made.pem)
    authorities = [fresh_pki.evidence.certificate]
    assert verify_certificate(leaf, authorities, NOW).exit == 0
    assert verify_certificate(leaf, authorities, NOW, crl).exit == 1
    assert not hasattr(x509.verification.PolicyBuilder, "crls")

    bad = Bad(
        issuer_name=fresh_pki.evidence.certificate.subject, issuer_key=fresh_pki.evidence.key,
        key=ed25519.Ed25519PrivateKey.generate(), now=NOW,
    )  # fmt: skip
    with pytest.raises(ValueError, match="P-256"):
        signatory(authorities, bad.made())


def test_t8_lists_are_taken_from_files_only(ends, fresh_pki, tmp_path: Path) -> None:
    """`cadata` takes no list: a door that believed it had one would know nobody as revoked."""
    file = _list(fresh_pki, tmp_path / "crl.pem", ends[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    before = context.cert_store_stats()
    with pytest.raises(ssl.SSLError):
        context.load_verify_locations(cadata=file.read_text())
    assert context.cert_store_stats() == before
    context.load_verify_locations(cafile=str(file))
    assert context.cert_store_stats()["crl"] == 1


@pytest.mark.slow
def test_a_renewed_certificate_is_shown_from_the_next_handshake_on(
    ends, fresh_pki, tmp_path: Path
) -> None:
    """At both ends; the connection before goes on; files half written change nothing."""
    guard = Guard()
    server, client = LiveTls(ends[0], None, guard), LiveTls(ends[1])
    door, way = server.server(), client.client(f"{DOMAIN}/{GATEWAY}")
    before = shake(door, way)
    for name, credentials, live in (
        (GATEWAY, ends[0], server),
        (AGENCY, ends[1], client),
    ):
        key = generate_key()
        wanted = request(key, f"{DOMAIN}/{name}", dns=["localhost"])
        save_certificates(credentials.certificate, [issue(fresh_pki.transport, wanted, NOW)])
        with pytest.raises(ValueError, match="not the private key"):
            live.renew()
        assert shake(door, way).refused is None
        credentials.key.unlink()
        save_sealed(credentials.key, key, PASSPHRASE)
        live.renew()
    after = shake(door, way)
    assert after.refused is None
    for end in ("server", "client"):
        assert getattr(before, end).getpeercert(True) != getattr(after, end).getpeercert(True)
    assert len(guard.met) == 2
    before.server.write(b"still here")
    assert before.client.read(10) == b"still here"


def test_two_authorities_overlap_while_one_follows_the_other(
    ends, fresh_pki, tmp_path: Path
) -> None:
    """CA cross-over: both are believed, then only the new one."""
    from certs.authority import Purpose, create_subordinate

    successor = create_subordinate(fresh_pki.root, Purpose.TRANSPORT, "transport 2", NOW)
    (tmp_path / "new").mkdir()
    new_client = attrs.evolve(fresh_pki, transport=successor).credentials(
        tmp_path / "new", AGENCY, NOW
    )
    client_of_new = client_context(attrs.evolve(new_client, authorities=ends[0].authorities))
    live = LiveTls(ends[0])
    assert shake(live.server(), client_of_new).refused is not None
    both = [fresh_pki.transport.certificate, successor.certificate]
    save_certificates(ends[0].authorities, both)
    live.renew()
    assert shake(live.server(), client_of_new).refused is None
    assert shake(live.server(), client_context(ends[1])).refused is None
    only_new = tmp_path / "only-new.pem"
    save_certificates(only_new, [successor.certificate])
    live.renew(attrs.evolve(ends[0], authorities=only_new))
    assert shake(live.server(), client_context(ends[1])).refused is not None


@pytest.mark.slow
def test_a_sealed_key_opens_tls_and_never_lies_on_a_disk(fresh_pki, tmp_path: Path) -> None:
    key = generate_key()
    leaf = issue(fresh_pki.transport, request(key, f"{DOMAIN}/{GATEWAY}", dns=["localhost"]), NOW)
    credentials = fresh_pki.credentials(tmp_path, GATEWAY, NOW)
    save_certificates(credentials.certificate, [leaf])
    credentials.key.unlink()
    save_sealed(credentials.key, key, PASSPHRASE)
    (tmp_path / "c").mkdir()
    client = client_context(fresh_pki.credentials(tmp_path / "c", AGENCY, NOW))
    assert shake(LiveTls(credentials).server(), client).refused is None
    credentials.key.write_text("pkcs11:token=a;object=b?module-path=/x")
    with pytest.raises(ValueError, match="no key in a token"):
        LiveTls(credentials).server()


def test_an_outgoing_end_takes_a_newer_list_and_another_authority_while_it_lives(
    ends, fresh_pki, tmp_path: Path
) -> None:
    """What it was told at its start is not all that it ever believes, nor whom it ever refuses."""
    from certs.authority import Purpose, create_subordinate

    earlier = NOW - dt.timedelta(hours=1)
    lists = _list(fresh_pki, tmp_path / "lists.crl", at=earlier)
    refusals: list[Refusal] = []
    client = LiveTls(attrs.evolve(ends[1], revocations=lists), refusals.append)
    way = client.client(f"{DOMAIN}/{GATEWAY}")

    def why_not(server: LiveTls) -> str:
        shake(server.server(), way)
        return refusals.pop().detail if refusals else ""

    assert why_not(LiveTls(ends[0])) == ""

    successor = create_subordinate(fresh_pki.root, Purpose.TRANSPORT, "transport 2", NOW)
    (tmp_path / "new").mkdir()
    new = attrs.evolve(fresh_pki, transport=successor).credentials(tmp_path / "new", GATEWAY, NOW)
    assert "unable to get local issuer" in why_not(LiveTls(new))
    both = [fresh_pki.transport.certificate, successor.certificate]
    save_certificates(ends[1].authorities, both)
    pem = _list(fresh_pki, lists, ends[0], number=2).read_bytes()
    lists.write_bytes(pem + make_list(successor, [], 1, NOW).pem)
    client.renew()
    assert why_not(LiveTls(attrs.evolve(new, authorities=ends[1].authorities))) == ""
    assert why_not(LiveTls(ends[0])) == "certificate revoked"


def test_who_came_is_told_once_and_remembered_within_bounds(
    ends, monkeypatch: pytest.MonkeyPatch
) -> None:
    guard = Guard()
    door = LiveTls(ends[0], None, guard).server()
    shake(door, client_context(ends[1]))
    (seen,), refused = guard.taken_notes()
    assert (seen.issuer, seen.serial) == _key_of(ends[1]) and refused == {}
    assert guard.taken_notes() == ([], {})
    monkeypatch.setattr("certs.live.MET_MAX", 0)
    assert shake(door, client_context(ends[1])).refused is None
    assert guard.taken_notes() == ([], {})

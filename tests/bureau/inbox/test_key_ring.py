"""What the bureau learns of keys that a gateway announces, and what it does not believe."""

import datetime as dt
import shutil
from functools import partial
from pathlib import Path

import attrs
import pytest

from bureau.inbox.announced import announced_keys
from bureau.inbox.keyring import KeyFiles, KeyRing
from bureau.inbox.keys import receiving_keys
from bureau.ports import LogPlace
from certs.authority import issue, request
from certs.keys import generate_key, load_certificates, pem_of, save_certificates, save_key
from certs.live import LiveTls
from certs.revocation import LIST_LIFE, issuer_of, make_list
from certs.signing.signer import signer
from certs.tls import client_context
from certs.trust import load_trust
from gateway.domain.certificates import Reason, Revocation
from gateway.domain.faults import StoreUnavailable
from gateway.domain.log import SealedRecord
from gateway.domain.records import RecordKind, canonical
from tests.certs.conftest import DOMAIN, PASSPHRASE, make_pki
from tests.certs.handshakes import shake

NOW = dt.datetime.now(dt.UTC)
GATEWAY, OTHER = f"{DOMAIN}/gateway/ABC", f"{DOMAIN}/gateway/XYZ"
BUREAU = f"{DOMAIN}/bureau/220000000"


class Desk:
    """A bureau's files, and the ring over them."""

    def __init__(self, folder: Path) -> None:
        self.pki = make_pki(NOW)
        self.parties = folder / "parties"
        self.parties.mkdir()
        self.authorities = folder / "evidence.pem"
        save_certificates(self.authorities, [self.pki.evidence.certificate])
        self.own = self.key(BUREAU)
        self.fresh = self.own
        save_certificates(self.parties / "bureau.pem", [self.own.certificate])
        self.gateway = self.key(GATEWAY)
        save_certificates(self.parties / "gateway.pem", [self.gateway.certificate])
        self.credentials = self.pki.credentials(folder, "bureau/220000000", NOW)
        self.trust = load_trust(self.authorities, self.parties, self.own)
        self.witness = folder / "witness.mark"
        self.witness.write_text("first")
        self.revocations = folder / "transport.crl"
        self.revocations.write_bytes(make_list(self.pki.transport, [], 1, NOW).pem)
        self.files = files = KeyFiles(
            tls=(self.credentials.certificate, self.credentials.key, self.revocations),
            witness=(self.witness,),
            transport=self.credentials.authorities,
            revocations=folder / "transport.crl",
            authorities=self.authorities,
            parties=self.parties,
        )
        self.tls = LiveTls(attrs.evolve(self.credentials, revocations=self.revocations))
        self.ring = KeyRing(files, self.trust, self.tls, lambda: self.fresh)

    def keep_lists(self) -> Path:
        """From now on the evidence authority's list is read as well."""
        lists = self.authorities.with_name("evidence.crl")
        lists.write_bytes(make_list(self.pki.evidence, [], 1, NOW).pem)
        self.trust = load_trust(self.authorities, self.parties, self.own, lists)
        files = attrs.evolve(self.files, signing_revocations=lists)
        self.ring = KeyRing(files, self.trust, self.tls, lambda: self.fresh)
        return lists

    def ended(self, one) -> Revocation:
        leaf = one.certificate
        return Revocation(
            issuer=issuer_of(leaf), serial=f"{leaf.serial_number:x}", thumbprint="", at=NOW,
            reason=Reason.KEY_COMPROMISE,
        )  # fmt: skip

    def key(self, uri: str, pki=None):
        key = generate_key()
        by = (pki or self.pki).evidence
        return signer(issue(by, request(key, uri), NOW), key)

    def known(self) -> set[str]:
        return set(self.trust.table.by_thumbprint)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def _records(*bodies: bytes) -> tuple[SealedRecord, ...]:
    return tuple(
        SealedRecord(
            seq=number, kind="x", subject="", body=body, leaf_hash=b"\0" * 32, disclosures=None
        )
        for number, body in enumerate(bodies)
    )


def _announcement(pem: str) -> bytes:
    return canonical({"certificate": pem, "kind": RecordKind.KEY_ANNOUNCED, "seq": 1})


async def test_an_announced_key_counts_at_once_and_after_the_next_start(desk: Desk) -> None:
    fresh = desk.key(GATEWAY)
    (pem,) = announced_keys(_records(b"{}", _announcement(pem_of(fresh.certificate).decode())))
    desk.ring.learn(GATEWAY, pem)
    desk.ring.learn(GATEWAY, pem)
    assert fresh.thumbprint in desk.known()
    again = load_trust(desk.authorities, desk.parties, desk.own)
    assert fresh.thumbprint in again.table.by_thumbprint


async def test_a_key_that_cannot_be_kept_is_not_learnt_yet_and_then_it_is(desk: Desk) -> None:
    """A folder on a disk that is away: the delivery is not taken, and comes again."""
    fresh, away = desk.key(GATEWAY), desk.parties.with_name("away")
    desk.parties.rename(away)
    with pytest.raises(StoreUnavailable, match="cannot be kept"):
        desk.ring.learn(GATEWAY, pem_of(fresh.certificate))
    assert fresh.thumbprint not in desk.known()
    away.rename(desk.parties)
    lost = desk.authorities.read_bytes()
    desk.authorities.write_bytes(b"torn")  # what is in force is asked, not a file of a moment
    desk.ring.learn(GATEWAY, pem_of(fresh.certificate))
    desk.authorities.write_bytes(lost)
    again = load_trust(desk.authorities, desk.parties, desk.own)
    assert fresh.thumbprint in desk.known() & set(again.table.by_thumbprint)
    assert {each.suffix for each in desk.parties.iterdir()} == {".pem"}, "no draft is left"


async def test_a_key_of_another_party_or_authority_is_not_believed(
    desk: Desk, tmp_path: Path
) -> None:
    before = desk.known()
    stranger = make_pki(NOW)
    for bad in (desk.key(OTHER), desk.key(BUREAU), desk.key(GATEWAY, stranger)):
        desk.ring.learn(GATEWAY, pem_of(bad.certificate))
    desk.ring.learn(GATEWAY, pem_of(desk.pki.evidence.certificate))
    desk.ring.learn(GATEWAY, b"noise")
    assert desk.known() == before
    assert len(list(desk.parties.iterdir())) == 2


def test_words_that_look_like_an_announcement_inside_a_text_are_none() -> None:
    sly = canonical({"kind": "verdict", "note": '"kind":"key_announced","certificate":"x"'})
    assert list(announced_keys(_records(sly))) == []


async def test_a_changed_folder_and_a_new_witness_key_take_effect(desk: Desk) -> None:
    fresh, strange = desk.key(BUREAU), desk.key(OTHER)
    desk.fresh = fresh
    desk.witness.write_text("second")
    await desk.ring.look()
    assert desk.trust.own is desk.own, "its certificate does not stand among the parties yet"
    assert "does not stand among the parties" in desk.ring.troubles["witness"]
    save_certificates(desk.parties / "bureau-next.pem", [fresh.certificate])
    await desk.ring.look()
    assert desk.trust.own is fresh and desk.ring.troubles == {}
    save_certificates(desk.parties / "strange.pem", [strange.certificate])
    desk.fresh = strange
    desk.witness.write_text("the third")
    await desk.ring.look()
    assert desk.trust.own is fresh, "nobody cosigns as another party, though it stands there"
    assert f"the new key is of {OTHER}" in desk.ring.troubles["witness"]
    (desk.parties / "strange.pem").unlink()
    (desk.parties / "gateway.pem").unlink()
    await desk.ring.look()
    assert {one.sender.uri for one in desk.trust.table.by_thumbprint.values()} == {BUREAU}


async def test_a_new_list_ends_the_connection_of_whom_it_names(desk: Desk, tmp_path: Path) -> None:
    """T2 at the bureau, which has no registry: the list alone says it, also of who is here."""
    (tmp_path / "c").mkdir()
    visitor = desk.pki.credentials(tmp_path / "c", "gateway/ABC", NOW)
    met = shake(desk.tls.server(), client_context(visitor))
    assert met.refused is None and desk.tls.guard.may_stay(met.server, NOW)
    leaf = load_certificates(visitor.certificate)[0]
    ended = Revocation(
        issuer=issuer_of(leaf), serial=f"{leaf.serial_number:x}", thumbprint="", at=NOW,
        reason=Reason.KEY_COMPROMISE,
    )  # fmt: skip
    desk.revocations.write_bytes(make_list(desk.pki.transport, [ended], 2, NOW).pem)
    await desk.ring.look()
    assert not desk.tls.guard.may_stay(met.server, NOW)
    assert shake(desk.tls.server(), client_context(visitor)).refused is not None


async def test_the_evidence_lists_revoke_a_gateways_key_and_the_bureaus_own(desk: Desk) -> None:
    """What cannot be read changes nothing; a list that has ended is silence, and passes nobody."""
    place = LogPlace(
        division="220000000", bank="ABC", gateway=GATEWAY, origin=f"{GATEWAY}/log/220000000"
    )
    lists = desk.keep_lists()
    word = partial(desk.trust.word.against, NOW, "witness")
    assert word() == "" and len(receiving_keys(desk.trust, place)) == 1
    lists.write_bytes(make_list(desk.pki.evidence, [desk.ended(desk.gateway)], 2, NOW).pem)
    await desk.ring.look()
    assert receiving_keys(desk.trust, place) == ()
    lists.write_text("-----BEGIN X509 CRL-----")
    await desk.ring.look()
    assert receiving_keys(desk.trust, place) == () and word() == ""
    lists.write_bytes(make_list(desk.pki.evidence, [desk.ended(desk.own)], 3, NOW).pem)
    await desk.ring.look()
    assert "is revoked" in desk.trust.word.against(NOW, "witness")
    (key,) = receiving_keys(desk.trust, place)
    assert key.lives(NOW + LIST_LIFE / 2) and not key.lives(NOW + LIST_LIFE + LIST_LIFE)
    desk.fresh = desk.key(BUREAU)
    save_certificates(desk.parties / "bureau-next.pem", [desk.fresh.certificate])
    desk.witness.write_text("second")
    await desk.ring.look()
    assert desk.trust.word.against(NOW, "witness") == "", "the successor is taken up"
    assert "list" in desk.trust.word.against(NOW + 2 * LIST_LIFE, "witness")


async def test_half_written_files_change_nothing(desk: Desk) -> None:
    before = desk.known()
    shutil.copy(desk.authorities, desk.parties / "not-a-party.pem")
    key = generate_key()
    desk.credentials.key.unlink()
    save_key(desk.credentials.key, key, PASSPHRASE)
    desk.authorities.write_text("-----BEGIN CERT")
    await desk.ring.look()
    assert desk.known() == before


async def test_an_emptied_folder_of_parties_changes_nothing_and_is_told(desk: Desk) -> None:
    """As of a disk that is not mounted: no bank was believed any more, and nothing was said."""
    before = desk.known()
    desk.parties.rename(desk.parties.with_name("elsewhere"))
    desk.parties.mkdir()
    await desk.ring.look()
    assert desk.known() == before and "no certificate in" in desk.ring.troubles["parties"]
    desk.parties.rmdir()
    desk.parties.with_name("elsewhere").rename(desk.parties)
    await desk.ring.look()
    assert desk.known() == before and not desk.ring.troubles

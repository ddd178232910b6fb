"""An unknown payment is settled by two officers' own keys, and by nobody alone."""

import asyncio
import base64
import datetime as dt
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import attrs
import orjson
import pytest

from adapters.postgres.oversight.conduct import PostgresConduct
from certs.keys import save_certificates
from certs.signing.signer import Signer
from gateway.configured.machine import SystemClock
from gateway.domain.bank import BankAnswer, BankOutcome
from gateway.domain.conduct import BankEntry, Direction, Statement
from gateway.domain.legal_day import legal_day
from gateway.domain.money import Fen
from gateway.domain.records import canonical
from gateway.pipeline.conduct_words import told_by_books
from gateway.pipeline.settle import settle_by_word
from gateway.pipeline.tell import Origin
from gateway.tending.day_close import TooEarly, _close
from gateway.tending.two_officers import GOOD_FOR, Proposal, approved, propose, read_proposal
from gateway.tending.unknowns import (
    Decision,
    Refused,
    as_row,
    list_unknowns,
    read_key,
    resolve,
    settle_by_person,
)
from tests.certs.conftest import suite as suite
from tests.verifying.test_auditing import AT, DIVISION, World
from tests.verifying.test_auditing import world as world

pytestmark = pytest.mark.postgres
KEY = f"{DIVISION}/2026/8202/1"
FOUND = Decision(
    outcome=BankOutcome.NOT_TAKEN, reason="银行核心日终清单第3页无此笔，电话核实", by="",
    reference="R-1",
)  # fmt: skip


@attrs.frozen
class Office:
    """Two officers and a stranger, and the settings that know the two."""

    world: World
    li: Signer
    wang: Signer
    stranger: Signer
    settings: Any

    def proposed(self, officer: Signer, at: dt.datetime = AT, **changes: Any) -> Proposal:
        file = self.world.folder / "proposal.json"
        file.unlink(missing_ok=True)
        propose(file, KEY, attrs.evolve(FOUND, **changes), officer, at)
        return read_proposal(file)

    async def refused(self, proposal: Proposal, officer: Signer, at: dt.datetime = AT) -> str:
        with pytest.raises(Refused) as refused:
            await approved(proposal, officer, self.settings, self.world.dsn, at)
        return str(refused.value)


@pytest.fixture
def office(world: World) -> Office:
    parties = world.folder / "parties"
    parties.mkdir()
    signers = []
    for name in ("li", "wang", "stranger"):
        signer = world.pki.party(f"operator/{name}", AT, "GW1-ECDSA-P256-SHA256")
        save_certificates(parties / f"{name}.pem", [each.certificate for each in signer.each])
        signers.append(signer)
    save_certificates(world.folder / "evidence.pem", [world.pki.evidence.certificate])
    settings = SimpleNamespace(
        unknowns=SimpleNamespace(officers=tuple(each.uri for each in signers[:2])),
        parties=SimpleNamespace(
            authority=world.folder / "evidence.pem", folder=parties, revocations=None
        ),
        gateway=SimpleNamespace(bank_code="103", uri=world.gateway.uri, divisions=(DIVISION,)),
        bank=SimpleNamespace(deadline_s=1.0, horizon_s=1.0),
    )
    return Office(world, *signers, settings)


async def test_two_officers_settle_it_and_the_record_proves_both(office: Office) -> None:
    world = office.world
    await world.decide(1, "A")
    proposal = office.proposed(office.li)
    decision, told = await approved(proposal, office.wang, office.settings, world.dsn, AT)

    await settle_by_person(read_key(KEY), decision, office.settings, world.dsn, told)
    owner = await asyncpg.connect(world.dsn)
    body = await owner.fetchval(
        "SELECT body FROM told_record WHERE kind = 'bank_outcome' AND subject = $1", KEY
    )
    await owner.close()
    fields = orjson.loads(body)
    assert [each["uri"] for each in fields["persons"]] == [office.li.uri, office.wang.uri]
    signed = canonical(
        {
            "instruction": KEY, "kind": "unknown_decision", "outcome": fields["bank_outcome"],
            "proposed_at": fields["proposed_at"], "proposer": fields["persons"][0]["uri"],
            "reason": fields["reason"], "reference": fields["reference"],
        }
    )  # fmt: skip
    assert signed == proposal.body, "an auditor can make the signed bytes from the record alone"
    assert fields["how"] == "operator" and fields["persons"][0]["signature"] == proposal.signature


async def test_two_officers_end_a_contradiction_as_the_books_have_it_and_no_other_way(
    office: Office,
) -> None:
    world, key = office.world, read_key(KEY)
    await world.decide(1, "A")
    proposals: list[bytes] = []

    async def told(outcome: BankOutcome, **changes: Any) -> None:
        proposal = office.proposed(office.li, outcome=outcome, **changes)
        proposals.append(proposal.body)
        decision, persons = await approved(proposal, office.wang, office.settings, world.dsn, AT)
        await settle_by_person(key, decision, office.settings, world.dsn, persons)

    await told(BankOutcome.NOT_TAKEN)
    with pytest.raises(Refused, match="settled already"):
        await told(BankOutcome.ACCEPTED)
    await _booked(office, Direction.DEBIT)
    for outcome, changes, words in (
        (BankOutcome.NOT_TAKEN, {}, "the bank's books have its debit"),
        (BankOutcome.REJECTED, {}, "it counts as not_taken"),
        (BankOutcome.ACCEPTED, {"reference": "R-1"}, "books have it as JH-debit"),
    ):
        with pytest.raises(Refused, match=words):
            await told(outcome, **changes)
    await told(BankOutcome.ACCEPTED, reference=None)
    with pytest.raises(Refused, match="settled already, accepted"):
        await told(BankOutcome.NOT_TAKEN)

    standing = await world.ledger.standing(key)
    assert standing and (standing.bank, standing.bank_reference) == ("accepted", "JH-debit")
    owner = await asyncpg.connect(world.dsn)
    bodies = await owner.fetch("SELECT body FROM pending_record WHERE kind = 'correction'")
    await owner.close()
    _, fields = (orjson.loads(row["body"]) for row in bodies)
    assert [each["uri"] for each in fields["persons"]] == [office.li.uri, office.wang.uri]
    signed = {
        "instruction": KEY, "kind": "unknown_decision", "outcome": fields["said"],
        "proposed_at": fields["proposed_at"], "proposer": fields["persons"][0]["uri"],
        "reason": fields["reason"], "reference": fields["reference"],
    }  # fmt: skip
    assert canonical(signed) == proposals[-2], "an auditor can make the signed bytes of it"
    assert (fields["what"], fields["how"], fields["held"]) == ("ended", "operator", "not_taken")
    assert (fields["booked_as"], fields["entry"]) == ("JH-debit", "debit")


async def test_by_a_clock_that_is_wrong_nobody_settles_and_nobody_closes_a_day(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour ahead the bank's horizon seems to be over, and a day that goes on to have ended."""
    world = office.world
    await world.decide(1, "A")
    decision, told = await approved(
        office.proposed(office.li), office.wang, office.settings, world.dsn, AT
    )
    ahead = dt.timedelta(hours=1)
    monkeypatch.setattr(SystemClock, "now", lambda self: dt.datetime.now(dt.UTC) + ahead)
    with pytest.raises(Refused, match="clock is 3600 s ahead of the database's"):
        await settle_by_person(read_key(KEY), decision, office.settings, world.dsn, told)
    today = legal_day(dt.datetime.now(dt.UTC))
    with pytest.raises(TooEarly, match="clock is 3600 s ahead of the database's"):
        await _close(DIVISION, today, dt.datetime.now(dt.UTC), office.settings, world.dsn)
    monkeypatch.undo()
    await settle_by_person(read_key(KEY), decision, office.settings, world.dsn, told)


async def test_what_the_books_took_back_two_officers_may_end_before_the_next_look(
    office: Office,
) -> None:
    world, key = office.world, read_key(KEY)
    await world.decide(1, "A")
    proposal = office.proposed(office.li)
    decision, persons = await approved(proposal, office.wang, office.settings, world.dsn, AT)
    end = settle_by_person, (key, decision, office.settings, world.dsn, persons)
    await end[0](*end[1])
    await _booked(office, Direction.DEBIT)
    await _booked(office, Direction.CREDIT)
    paid = attrs.evolve(decision, outcome=BankOutcome.ACCEPTED, reference=None)
    with pytest.raises(Refused, match="show no debit"):
        await settle_by_person(key, paid, office.settings, world.dsn, persons)
    await end[0](*end[1])
    standing = await world.ledger.standing(key)
    assert standing and (standing.bank, standing.disputed) == ("not_taken", False)
    with pytest.raises(Refused, match="settled already, not_taken"):
        await end[0](*end[1])


@pytest.mark.parametrize("settled", [BankOutcome.ACCEPTED, BankOutcome.NOT_TAKEN])
async def test_two_officers_end_what_the_bank_said_against_them_as_the_books_have_it(
    office: Office, settled: BankOutcome
) -> None:
    world, key = office.world, read_key(KEY)
    await world.decide(1, "A")

    async def told(outcome: BankOutcome, reference: str | None) -> None:
        proposal = office.proposed(office.li, outcome=outcome, reference=reference)
        decision, persons = await approved(proposal, office.wang, office.settings, world.dsn, AT)
        await settle_by_person(key, decision, office.settings, world.dsn, persons)

    await told(settled, "R-1")
    paid = settled is BankOutcome.ACCEPTED
    contrary = BankOutcome.REJECTED if paid else BankOutcome.ACCEPTED
    word = BankAnswer(outcome=contrary, reference="W-1")
    origin = Origin(bank="103", uri=world.gateway.uri)
    assert (await settle_by_word(key, word, "told", world.ledger, origin, AT)).contradiction
    (listed,) = await asyncio.to_thread(list_unknowns, world.dsn)
    row = as_row(listed, AT)
    assert (row["contradicted"], row["held"], row["said"]) == (True, settled, contrary)

    refused = {BankOutcome.ACCEPTED: "books_disagree", BankOutcome.REJECTED: "it counts as"}
    for outcome, words in refused.items():
        with pytest.raises(Refused, match=words):
            await told(outcome, None)
    if paid:
        await _booked(office, Direction.DEBIT)
        with pytest.raises(Refused, match="books have it as JH-debit"):
            await told(settled, "R-9")
    await told(settled, "R-1")
    standing = await world.ledger.standing(key)
    assert standing and (standing.bank, standing.bank_reference) == (settled, "R-1")
    assert not standing.disputed
    with pytest.raises(Refused, match=f"settled already, {settled}"):
        await told(settled, None)
    assert await asyncio.to_thread(list_unknowns, world.dsn) == []
    (over,) = await asyncio.to_thread(list_unknowns, world.dsn, ended=True)
    assert (over.held, over.said, over.ended_as) == (settled, contrary, settled)
    owner = await asyncpg.connect(world.dsn)
    bodies = await owner.fetch("SELECT body FROM pending_record WHERE kind = 'correction'")
    await owner.close()
    _, fields = (orjson.loads(row["body"]) for row in bodies)
    assert [each["uri"] for each in fields["persons"]] == [office.li.uri, office.wang.uri]
    assert (fields["what"], fields["held"], fields["said"]) == ("ended", settled, settled)
    assert fields.get("entry") == ("debit" if paid else None) and "booked_as" not in fields


async def _booked(office: Office, direction: Direction) -> None:
    """A movement of the bank's books, which contradicts if it is a debit."""
    standing = await office.world.ledger.standing(read_key(KEY))
    assert standing
    entry = BankEntry(
        division=DIVISION, id=direction, booked_at=AT, account="071", direction=direction,
        amount_fen=Fen(101), key=standing.key, reference=f"JH-{direction}", counter_account="1",
        counter_name="甲",
    )  # fmt: skip
    told = told_by_books(entry, standing, Origin(bank="103", uri=office.world.gateway.uri), AT)
    store = PostgresConduct(office.world.dsn)
    debits = [told] if direction is Direction.DEBIT else []
    await store.take(Statement(id="", entries=(entry,)), [], AT, corrections=debits)
    await store.close()


async def test_nobody_decides_alone_nor_for_another_nor_without_being_an_officer(
    office: Office,
) -> None:
    li, wang, stranger = office.li, office.wang, office.stranger
    assert "one person" in await office.refused(office.proposed(li), li)
    assert "not one of" in await office.refused(office.proposed(li), stranger)
    assert "not one of" in await office.refused(office.proposed(stranger), wang)
    other = attrs.evolve(office.proposed(li), outcome=BankOutcome.ACCEPTED)
    forged = attrs.evolve(other, body=other.body.replace(b"not_taken", b"accepted"))
    assert "not proven" in await office.refused(forged, wang)
    named = office.proposed(li)
    swapped = attrs.evolve(named, signature=stranger.document(named.body))
    assert "not one of" in await office.refused(swapped, wang)


async def test_a_proposal_ends_after_a_day_and_a_revoked_officer_signs_nothing(
    office: Office,
) -> None:
    old = office.proposed(office.li, AT - GOOD_FOR)
    assert "older than a day" in await office.refused(old, office.wang)
    early = office.proposed(office.li, AT + dt.timedelta(seconds=1))
    assert "later clock" in await office.refused(early, office.wang)
    (office.world.folder / "parties" / "li.pem").unlink()
    assert "not proven" in await office.refused(office.proposed(office.li), office.wang)


def test_a_reason_with_an_account_in_it_and_a_file_that_is_there_are_refused(
    office: Office, tmp_path: Path
) -> None:
    with pytest.raises(Refused, match="account or id"):
        office.proposed(office.li, reason="账户 6228230123456789018 未入账")
    office.proposed(office.li)
    with pytest.raises(FileExistsError):
        propose(office.world.folder / "proposal.json", KEY, FOUND, office.li, AT)
    (tmp_path / "x").write_text(json.dumps({"decision": "e30=", "signature": ""}))
    with pytest.raises(Refused, match="not a proposal"):
        read_proposal(tmp_path / "x")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reason": "核心回执：6228230123456789018 未入账，电话核实"}, "no account or id numbers"),
        ({"reason": "没有"}, "--reason: 8 to 500"),
        ({"reason": f" {FOUND.reason}x" + "长" * 500}, "--reason: 8 to 500"),
        ({"reason": 7}, "not a proposal"),
        ({"reference": "R" * 501}, "--reference: 1 to 500"),
        ({"reference": ["R-1"]}, "not a proposal"),
        ({"instruction": "220000000"}, "a key is division/year"),
        ({"proposed_at": "2026-03-02T10:00:00"}, "another kind of document"),
        ({"note": "signed beside what the record says"}, "another kind of document"),
        ({"kind": "release_decision"}, "another kind of document"),
    ],
)  # fmt: skip
def test_what_another_program_than_ours_proposed_holds_what_the_record_can_prove_or_is_none(
    office: Office, changes: dict[str, Any], words: str
) -> None:
    proposal = office.proposed(office.li)
    body = canonical(orjson.loads(proposal.body) | changes)
    file = office.world.folder / "crafted.json"
    sealed = {"decision": base64.b64encode(body).decode(), "signature": office.li.document(body)}
    file.write_bytes(orjson.dumps(sealed))
    with pytest.raises(Refused, match=words):
        read_proposal(file)


def test_a_typed_name_alone_is_refused_where_officers_are_named(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.tending.unknowns.read_settings", lambda _: office.settings)
    with pytest.raises(Refused, match="unknowns propose"):
        resolve(KEY, attrs.evolve(FOUND, by="王强"), office.world.folder, office.world.dsn)

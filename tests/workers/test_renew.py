"""Signed books at the line: one to start with, one that follows under way, those that are refused,
what the bureau's log says of it, and a policy that trips."""

import asyncio
import datetime as dt
import gc
import re
import shutil
import weakref
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
import structlog

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key
from certs.signatories import signatories
from certs.signing.signer import Signer, signer
from certs.trust import Trust
from gateway.domain.codes import AccountClass, Relation
from gateway.domain.decision import Action
from gateway.domain.facts import Facts
from gateway.domain.faults import LedgerUnavailable
from gateway.pipeline.line import Line
from gateway.pipeline.tell import microseconds
from gateway.policy_books.in_force import Books, NoBook, open_books
from gateway.policy_books.reload import RETRY
from gateway.policy_books.store import BookStore
from gateway.settings import Settings
from gateway.workers.office import Office
from gateway.workers.renew import Renewing
from policies.book.bundle import compose, seal
from policies.book.cases import CASES
from policies.book.load import LIBRARY, load_codes, load_texts
from tests.memory.recordlog import MemoryRecordLog
from tests.pipeline.fakes import DIVISION, NOW, FormatOfOne, instruction, received
from tests.pipeline.test_line import Street

LI, WANG, ZHAO = (f"spiffe://treasury.test/operator/{name}" for name in ("li", "wang", "zhao"))
CODES = load_codes()
TEXTS = {
    place: text
    for place, text in load_texts(LIBRARY / "jilin").items()
    if place[:6]
    in (
        "JL-004",
        "JL-007",
        "JL-010",
        "JL-011",
        "JL-012",
        "JL-014",
        "JL-020",
        "JL-021",
        "JL-022",
        "JL-040",
        "JL-041",
        "JL-042",
        "JL-050",
        "JL-093",
    )
}


class Bureau:
    """The officers, their folder of books, and a line that is judged by it."""

    def __init__(self, folder: Path) -> None:
        at = dt.datetime.now(dt.UTC)
        authority = create_subordinate(create_root("Root", at), Purpose.EVIDENCE, "Evidence", at)
        self.signers: dict[str, Signer] = {}
        for uri in (LI, WANG, ZHAO):
            key = generate_key()
            self.signers[uri] = signer(issue(authority, request(key, uri), at), key)
        known = [(uri, own.certificate) for uri, own in self.signers.items()]
        self.trust = Trust(signatories([authority.certificate], known), self.signers[LI])
        self.store = BookStore(folder / "books")
        self.chosen = Settings.Policies(books=folder / "books", officers=(LI, WANG))

    def sealed(self, revision: int, not_before: dt.datetime = NOW, **changes: Any) -> bytes:
        texts = changes.get("texts", TEXTS)
        body = compose(
            texts, CODES, revision=revision, previous="" if revision == 1 else "0" * 64,
            not_before=not_before, author=LI,
        )  # fmt: skip
        signers = changes.get("signers", (LI, WANG))
        return seal(body, [self.signers[uri].document(body) for uri in signers])

    async def time_there(self) -> dt.datetime:
        return NOW

    async def open(self, ahead: dt.timedelta = dt.timedelta()) -> "Bureau":
        """`ahead`: the gateway's clock, of its database's."""
        self.street = await Street(instruction()).open()
        self.clock = self.street.clock
        self.clock.wall += ahead
        self.books: Books = await open_books(self.chosen, self.trust, self.clock, self)
        self.line = Line(attrs.evolve(self.street.line._rooms, book=self.books.shelf))
        self.office = Office(MemoryRecordLog(self.street.state))
        await self.office.take_or_keep()
        self.worker = Renewing(
            self.office, self.books, self.street.ledger, self.clock,
            self.street.line._rooms.origin, (DIVISION, "220100000"),
        )  # fmt: skip
        return self

    def told(self, division: str = DIVISION) -> list[dict[str, Any]]:
        found = [orjson.loads(draft.body) for draft in self.street.state.pending.get(division, [])]
        return [record for record in found if record["kind"] == "policy_activated"]


@pytest.fixture
def bureau(tmp_path: Path) -> Bureau:
    return Bureau(tmp_path)


def newer(policy: str) -> dict[str, str]:
    """The same policies, with another revision of this one."""
    place = f"{policy}.toml"
    changed = re.sub(r"(?m)^revision = [0-9]+", "revision = 99", TEXTS[place])
    return TEXTS | {place: changed}


async def test_a_gateway_starts_with_the_last_good_book_and_says_so(bureau: Bureau) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    bureau.store.keep(bureau.sealed(2, NOW + dt.timedelta(hours=1)), 2)
    await bureau.open()
    assert bureau.books.bundle and bureau.books.bundle.revision == 1
    assert not await bureau.worker.look()
    for division in (DIVISION, "220100000"):
        (record,) = bureau.told(division)
        assert record["division"] == division and record["what"] == "activated"
        assert (record["revision"], record["digest"]) == (1, bureau.books.bundle.digest)
        assert (record["author"], record["approver"]) == (LI, WANG)
        assert record["book"] == bureau.books.shelf.revision
    assert not await bureau.worker.look() and len(bureau.told()) == 1


@pytest.mark.slow
async def test_a_division_whose_ledger_takes_nothing_keeps_no_other_from_being_told(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    ledger, ill, recovering = bureau.street.ledger, {DIVISION}, set[str]()
    record = ledger.record

    async def recorded(division: str, draft: Any) -> None:
        if division in ill:
            ill.difference_update(recovering)
            raise LedgerUnavailable("canceled on account of a lock")
        await record(division, draft)

    monkeypatch.setattr(ledger, "record", recorded)
    await bureau.worker.look()
    assert [len(bureau.told(division)) for division in (DIVISION, "220100000")] == [0, 1]
    bureau.store.keep(bureau.sealed(2), 2)
    assert await bureau.worker.look()
    assert len(bureau.told("220100000")) == 2
    recovering.add(DIVISION)
    await bureau.worker.look()
    assert bureau.told() == [], "nothing overtakes the one that was not taken"
    await bureau.worker.look()
    assert [told["revision"] for told in bureau.told()] == [1, 2], "what waited, in its order"
    assert len(bureau.told("220100000")) == 2


async def test_books_that_cannot_be_read_change_nothing_and_each_reason_is_told_at_once(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    await bureau.worker.look()
    reason = ["Input/output error"]

    async def away(now: dt.datetime) -> bool:
        raise OSError(5, reason[0])

    monkeypatch.setattr(bureau.books, "look", away)
    gc.disable()
    try:
        with structlog.testing.capture_logs() as lines:
            for words in ("Input/output error", "Input/output error", "Permission denied"):
                reason[0] = words
                assert not await bureau.worker.look()
                assert words in bureau.worker.troubles["book"]
        assert not gc.isenabled(), "whoever had switched it off has it off"
    finally:
        gc.enable()
    assert [line["event"] for line in lines] == ["policies.refused"] * 2
    assert len(bureau.told()) == 1


@pytest.mark.slow
async def test_a_host_that_starts_with_a_clock_far_ahead_takes_no_book_before_its_day(
    bureau: Bureau,
) -> None:
    """As one does that keeps local time in its hardware: eight hours, until a time server is heard.
    No clock that is set right puts a book back."""
    bureau.store.keep(bureau.sealed(1), 1)
    bureau.store.keep(bureau.sealed(2, NOW + dt.timedelta(hours=1)), 2)
    await bureau.open(ahead=dt.timedelta(hours=8))
    bureau.clock.wall = NOW
    assert not await bureau.worker.look()
    assert bureau.books.bundle and bureau.books.bundle.revision == 1
    (record,) = bureau.told()
    assert record["recorded_at"] == microseconds(NOW), "not the false hour of the start"
    bureau.clock.wall = NOW + dt.timedelta(hours=8)
    bureau.office.unfit = lambda: True
    assert not await bureau.worker.look(), "a clock that is not believed"
    bureau.office.unfit = lambda: False
    assert await bureau.worker.look()


async def test_a_gateway_without_a_good_book_does_not_start(bureau: Bureau) -> None:
    with pytest.raises(NoBook, match="none is kept"):
        await bureau.open()
    bureau.store.keep(bureau.sealed(1, NOW + dt.timedelta(seconds=1)), 1)
    with pytest.raises(NoBook, match="none is kept whose moment"):
        await bureau.open()
    bureau.store.keep(bureau.sealed(2, signers=(LI, ZHAO)), 2)
    with pytest.raises(NoBook, match="zhao may not sign"):
        await bureau.open()


async def test_who_was_revoked_since_is_told_of_while_payments_go_on_and_starts_nothing(
    bureau: Bureau,
) -> None:
    """Whoever starts it anew must not be the first to learn that its book counts no more."""
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    assert not await bureau.worker.look() and bureau.worker.troubles == {}
    revision = bureau.books.revision
    gone = frozenset({bureau.signers[WANG].thumbprint})
    bureau.trust.replace(attrs.evolve(bureau.trust.table, revoked=gone))
    assert not await bureau.worker.look() and bureau.worker.troubles == {}, "once a minute"
    bureau.clock.wall += RETRY
    assert not await bureau.worker.look()
    words = bureau.worker.troubles["book"]
    assert "signed anew by two officers" in words and "revoked" in words and "revision 1" in words
    assert bureau.books.revision == revision, "what was proven in its time goes on"
    with pytest.raises(NoBook, match="revoked"):
        await bureau.open()


@pytest.mark.slow
async def test_a_due_book_takes_over_while_instructions_are_answered(bureau: Bureau) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    old, later = bureau.books.revision, NOW + dt.timedelta(hours=1)
    bureau.store.keep(bureau.sealed(2, later, texts=newer("JL-050")), 2)
    assert not await bureau.worker.look()
    bureau.clock.wall = later
    looking = asyncio.create_task(bureau.worker.look())
    seen: list[str] = []
    while not looking.done():
        number = str(len(seen))
        line = Line(attrs.evolve(bureau.line._rooms, formats={"json": FormatOfOne(
            instruction(number, 1))}))  # fmt: skip
        answer = await line.carry(received(number.encode()))
        seen.append(answer.decision.book_revision)
    assert await looking and gc.isenabled()
    new = bureau.books.revision
    assert new != old and len(seen) > 20 and set(seen) <= {old, new} and seen[0] == old
    assert sorted(seen, key=[old, new].index) == seen
    assert [record["revision"] for record in bureau.told()] == [1, 2]


@pytest.mark.slow
async def test_nothing_of_a_replaced_book_stays_in_memory(bureau: Bureau) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    old = bureau.books.shelf.current
    old.decide(Facts(**CASES["authorized_transfer"]))
    left = [weakref.ref(unit.predicate) for unit in old.units]
    left += [weakref.ref(group.run) for group in old.groups]
    bureau.store.keep(bureau.sealed(2, texts=newer("JL-050")), 2)
    gc.disable()  # by counting references alone: the collector passes over what was frozen
    try:
        assert await bureau.worker.look()
        del old
        assert [ref() for ref in left if ref() is not None] == []
    finally:
        gc.enable()


@pytest.mark.slow
async def test_a_tampered_book_is_refused_told_and_the_old_one_stays(bureau: Bureau) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    old = bureau.books.revision
    bureau.store.keep(bureau.sealed(2).replace(b"1000.00", b"9000.00"), 2)
    assert not await bureau.worker.look()
    assert "proves nothing" in bureau.worker.troubles["book"]
    assert bureau.books.revision == old and [r["revision"] for r in bureau.told()] == [1]
    assert not await bureau.worker.look() and bureau.worker.troubles, "it is told until it is gone"
    bureau.store.keep(bureau.sealed(3, texts=newer("JL-050")), 3)
    assert await bureau.worker.look() and not bureau.worker.troubles
    again = await Bureau.open(bureau)
    assert again.books.bundle and again.books.bundle.revision == 3


@pytest.mark.slow
async def test_a_book_that_fails_its_own_tests_is_not_compiled_at_every_look(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    broken = TEXTS | {"JL-042.toml": TEXTS["JL-042.toml"].replace('"1000.00"', '"900.00"', 1)}
    bureau.store.keep(bureau.sealed(2, texts=broken), 2)
    assert not await bureau.worker.look() and "JL-042" in bureau.worker.troubles["book"]

    def never(*_: object) -> Any:
        raise AssertionError("it was compiled again")

    monkeypatch.setattr("gateway.policy_books.reload.building", never)
    assert not await bureau.worker.look() and "JL-042" in bureau.worker.troubles["book"]
    bureau.clock.wall += RETRY
    with pytest.raises(AssertionError, match="compiled again"):
        await bureau.worker.look()


async def test_a_signed_book_put_there_without_activation_still_stops_every_golden_case(
    bureau: Bureau,
) -> None:
    fewer = {place: text for place, text in TEXTS.items() if place != "JL-042.toml"}
    bureau.store.keep(bureau.sealed(1, texts=fewer), 1)
    with pytest.raises(NoBook, match="no longer stops"):
        await bureau.open()


async def test_a_renamed_older_book_does_not_come_back(bureau: Bureau, tmp_path: Path) -> None:
    bureau.store.keep(bureau.sealed(2), 2)
    await bureau.open()
    bureau.store.keep(bureau.sealed(1, texts=newer("JL-050")), 9)
    assert not await bureau.worker.look() and "another revision" in bureau.worker.troubles["book"]
    shutil.rmtree(tmp_path / "books")
    assert not await bureau.worker.look()
    assert bureau.books.bundle and bureau.books.bundle.revision == 2


async def test_only_the_offices_holder_records_a_book_and_a_lost_ledger_is_asked_again(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    bureau.office.held = False
    await bureau.worker.look()
    assert bureau.told() == []
    bureau.office.held, record = True, bureau.street.ledger.record

    async def lost(*_: object) -> None:
        raise LedgerUnavailable("gone")

    monkeypatch.setattr(bureau.street.ledger, "record", lost)
    await bureau.worker.look()
    monkeypatch.setattr(bureau.street.ledger, "record", record)
    await bureau.worker.look()
    assert [r["revision"] for r in bureau.told()] == [1]


def own_account() -> Facts:
    changes = {"payee_account_class": AccountClass.REAL_FUND, "payee_relation": Relation.OWN}
    return Facts(**(CASES["authorized_transfer"] | changes))


@pytest.mark.slow
async def test_a_policy_that_blocks_all_trips_holds_is_recorded_and_a_new_revision_resets_it(
    bureau: Bureau,
) -> None:
    bureau.store.keep(bureau.sealed(1), 1)
    await bureau.open()
    shelf = bureau.books.shelf
    actions = [shelf.decide(own_account())[0].action for _ in range(201)]
    assert (actions[198], actions[-1]) == (Action.BLOCK, Action.HOLD)
    await bureau.worker.look()
    tripped = bureau.told()[0]
    assert (tripped["what"], tripped["policy"], tripped["blocked"]) == ("tripped", "JL-020", 200)
    assert tripped["book"].endswith("~JL-020") and "JL-020" in bureau.books.tripped

    bureau.store.keep(bureau.sealed(2, texts=newer("JL-050")), 2)
    assert await bureau.worker.look() and bureau.books.tripped, "the same policy stays tripped"
    bureau.store.keep(bureau.sealed(3, texts=newer("JL-020")), 3)
    assert await bureau.worker.look() and not bureau.books.tripped
    assert shelf.decide(own_account())[0].action is Action.BLOCK


async def test_an_unsigned_folder_is_served_and_never_renewed(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    for place, text in TEXTS.items():
        (tmp_path / "policies" / place).write_text(text, "utf-8")
    bureau = Bureau(tmp_path)
    bureau.chosen = Settings.Policies(folder=tmp_path / "policies")
    await bureau.open()
    bureau.store.keep(bureau.sealed(1), 1)
    assert not await bureau.worker.look() and bureau.books.bundle is None and bureau.told() == []

"""Letters in memory and on PostgreSQL: each once, its answer kept, each word on a recall once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import attrs
import pytest
from msgspec.structs import replace

from adapters.postgres.ledger.correspondence import CONFLICT_RECORDS_MAX, PostgresCorrespondence
from adapters.postgres.ledger.holds import PostgresHolds
from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.backlog import PostgresBacklog
from gateway.domain.correspondence import KeptLetter, RecallWord
from gateway.domain.decision import Outcome
from gateway.domain.enquiries import RecallStatus
from gateway.domain.holds import Ending, HoldEnding
from gateway.domain.ledger import RecordDraft
from gateway.domain.records import digest_mark, unnumbered
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import DIVISION, NOW, admission, draft, key
from tests.memory.correspondence import MemoryCorrespondence
from tests.memory.holds import MemoryHolds
from tests.memory.ledger import MemoryLedger
from tests.memory.recordlog import MemoryRecordLog
from tests.memory.state import MemoryState

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"
LETTER = KeptLetter(
    division=DIVISION, party="spiffe://t.test/agency/220000000/101001", id="A-1",
    name="camt.056.001.08", digest=b"d" * 32, signature="h..s", raw=b"<Document/>", at=NOW,
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Desk:
    letters: MemoryCorrespondence | PostgresCorrespondence
    ledger: MemoryLedger | PostgresLedger
    holds: MemoryHolds | PostgresHolds
    records: MemoryRecordLog | PostgresRecordLog


@contextlib.asynccontextmanager
async def opened(dsn: str | None) -> AsyncIterator[Desk]:
    if dsn is None:
        state = MemoryState()
        ledger = MemoryLedger(state, instance="gw")
        yield Desk(
            letters=MemoryCorrespondence(state, ledger), ledger=ledger,
            holds=MemoryHolds(state, ledger), records=MemoryRecordLog(state),
        )  # fmt: skip
        return
    dsn = as_runtime(dsn)
    async with PostgresLedger(dsn, instance="gw") as ledger:
        letters, holds = PostgresCorrespondence(dsn), PostgresHolds(dsn, instance="gw")
        records = PostgresRecordLog(dsn)
        yield Desk(letters=letters, ledger=ledger, holds=holds, records=records)
        for room in (letters, holds, records):
            await room.close()


@pytest.fixture
async def desk(storage_dsn: str | None) -> AsyncIterator[Desk]:
    async with opened(storage_dsn) as rooms:
        yield rooms


def conflict(digest: bytes) -> RecordDraft:
    body = unnumbered({"digest": digest.hex(), "kind": "conflict"})
    assert digest_mark(digest) in body
    return RecordDraft(kind="conflict", subject="letter/101001/A-1", body=body)


def word(status: RecallStatus, *, told: bool = False) -> RecallWord:
    return RecallWord(
        recall="ab" * 16, key=key(1), agency_code="101001", asker=LETTER.party, status=status,
        code="", words="", by="core", at=NOW, record=draft(str(key(1)), "recall"),
        notification=b"{}" if told else None,
    )  # fmt: skip


async def test_a_letter_is_kept_once_under_its_partys_number(desk: Desk) -> None:
    assert await desk.letters.keep(LETTER) is None
    other = attrs.evolve(LETTER, digest=b"e" * 32)
    assert await desk.letters.keep(other) == (LETTER.digest, None)
    await desk.letters.answered(LETTER, b"first", NOW, [draft("a"), draft("b")])
    await desk.letters.answered(LETTER, b"second", NOW, [draft("c")])
    assert await desk.letters.keep(LETTER) == (LETTER.digest, b"first")
    assert await desk.letters.keep(attrs.evolve(LETTER, party="spiffe://t.test/bank/1")) is None
    assert await desk.letters.keep(attrs.evolve(LETTER, id="A-2")) is None
    assert await desk.records.pending_divisions() == [DIVISION]


async def test_a_conflict_is_recorded_once_for_each_content_and_not_without_end(desk: Desk) -> None:
    digests = [bytes([number]) * 32 for number in range(CONFLICT_RECORDS_MAX + 1)]
    written = [await desk.letters.conflict(DIVISION, conflict(d), d) for d in digests]
    assert written == [True] * CONFLICT_RECORDS_MAX + [False]
    assert not await desk.letters.conflict(DIVISION, conflict(digests[0]), digests[0])


@pytest.mark.postgres
async def test_a_content_that_comes_twice_at_once_is_recorded_once(migrated: str) -> None:
    """Both of them, held up until both ask, would see that it is not on record yet."""
    one, other = (PostgresCorrespondence(as_runtime(migrated)) for _ in range(2))
    admin = await asyncpg.connect(migrated)
    written = []
    for number in range(20):
        about = replace(conflict(bytes([number]) * 32), subject=f"letter/101001/A-{number}")
        async with admin.transaction():
            await admin.execute("LOCK TABLE pending_record IN SHARE MODE")
            both = [
                asyncio.create_task(each.conflict(DIVISION, about, bytes([number]) * 32))
                for each in (one, other)
            ]
            while await admin.fetchval(WAITING) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        written += await asyncio.gather(*both)
    assert sum(written) == 20
    for room in (one, other, admin):
        await room.close()


async def test_each_status_of_a_recall_is_said_once_with_its_record(desk: Desk) -> None:
    assert await desk.letters.say(word(RecallStatus.PENDING))
    assert not await desk.letters.say(word(RecallStatus.PENDING))
    assert await desk.letters.say(word(RecallStatus.ACCEPTED, told=True))
    found = await desk.letters.recalls(DIVISION, "ab" * 16, key(1).voucher_no)
    assert [each.status for each in found] == [RecallStatus.PENDING, RecallStatus.ACCEPTED]
    assert {(each.key, each.agency_code, each.asker) for each in found} == {
        (key(1), "101001", LETTER.party)
    }
    assert await desk.letters.recalls(DIVISION, "cd" * 16, key(1).voucher_no) == []
    assert await desk.letters.recalls("220100000", "ab" * 16, key(1).voucher_no) == []
    assert len(await desk.holds.notifications(DIVISION, "101001", 9)) == 1


@pytest.mark.postgres
async def test_a_recall_waits_until_the_bank_has_said_yes_or_no(migrated: str) -> None:
    letters = PostgresCorrespondence(as_runtime(migrated))
    watch = PostgresBacklog(as_runtime(migrated))
    waiting = []
    for status in (RecallStatus.PENDING, RecallStatus.PENDING, RecallStatus.REFUSED):
        await letters.say(word(status))
        waiting.append((await watch.backlog()).recalls_waiting)
    assert waiting == [1, 1, 0]
    await letters.close()
    await watch.close()


async def test_standings_are_given_of_what_is_held(desk: Desk) -> None:
    await desk.ledger.admit(admission(1, outcome=Outcome.HOLD))
    found = await desk.letters.standings([key(1), key(2)])
    assert set(found) == {key(1)} and found[key(1)].held
    assert await desk.letters.cleared(DIVISION, ["2301-1"]) == {}


async def test_a_hold_is_withdrawn_once_and_its_payment_stands_as_blocked(desk: Desk) -> None:
    await desk.ledger.admit(admission(1, outcome=Outcome.HOLD))
    ending = Ending(
        key=key(1), how=HoldEnding.WITHDRAWN, at=NOW, order=None, decision=b"{}",
        record=draft(str(key(1)), "release"), notice=b"{}", notification=b"{}",
    )  # fmt: skip
    assert await desk.holds.end(ending)
    assert not await desk.holds.end(attrs.evolve(ending, how=HoldEnding.EXPIRED))
    standing = (await desk.letters.standings([key(1)]))[key(1)]
    assert standing.ended_how == "withdrawn" and not standing.held and not standing.forwarded

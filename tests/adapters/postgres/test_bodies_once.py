"""A record's body is written once (decision 0067), and everybody reads it whole."""

import asyncio
import hashlib
import random
import shutil
from pathlib import Path

import asyncpg
import orjson
import pytest
from msgspec.structs import replace

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.export import PostgresExport
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.migrate import MIGRATIONS, migrate
from adapters.postgres.oversight.backlog import PostgresBacklog
from adapters.postgres.oversight.day_close import PostgresDayBook
from gateway.domain.decision import Outcome
from gateway.domain.faults import LedgerUnavailable
from gateway.domain.ledger import RecordDraft
from gateway.domain.log import SealedRecord
from gateway.domain.records import numbered, unnumbered
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
    settlement,
)

pytestmark = pytest.mark.postgres

OTHER = "229900000"
ONCE = "0068_bodies_once.sql"


async def pay(dsn: str, numbers: range, division: str = DIVISION) -> None:
    """Admitted at once, then settled at once: two commits, with a single record between."""
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        admitted = [ledger.admit(admission(n, lines=(), division=division)) for n in numbers]
        await asyncio.gather(*admitted)
        await ledger.record(division, draft(f"single {numbers.start}"))
        await asyncio.gather(*(ledger.settle(settlement(n, division=division)) for n in numbers))


async def read_back(dsn: str, division: str = DIVISION) -> list[SealedRecord]:
    """As the bureau is told it; the export and the evidence must say the same."""
    log, export = PostgresRecordLog(dsn), PostgresExport(dsn)
    delivery = await log.next_delivery(division, 10_000, 0)
    assert delivery
    pages = [page async for page in export.bodies(division, 0, len(delivery.records))]
    assert [body for page in pages for body in page] == [r.body for r in delivery.records]
    for record in delivery.records:
        assert hashlib.sha256(b"\x00" + record.body).digest() == record.leaf_hash
        found = [e.record for e in await log.evidence(division, record.subject)]
        assert record in found
        assert record in [e.record for e in await export.about(division, record.subject)]
    await log.close()
    await export.close()
    return list(delivery.records)


async def test_bodies_of_the_line_are_written_once_and_read_whole(migrated: str) -> None:
    dsn = as_runtime(migrated)
    await pay(dsn, range(1, 6))
    log, watch, book = PostgresRecordLog(dsn), PostgresBacklog(dsn), PostgresDayBook(dsn)
    assert (await watch.backlog()).records_waiting == 11 == await book.waiting(DIVISION)
    sealed = await log.seal(DIVISION, 100, NOW, PlainSealer().seal)
    assert sealed and await read_back(dsn) == list(sealed.records)
    assert [r.kind for r in sealed.records] == ["verdict"] * 6 + ["bank_outcome"] * 5
    assert (await watch.backlog()).records_waiting == 0 == await book.waiting(DIVISION)
    assert await log.pending_divisions() == []
    owner = await asyncpg.connect(migrated)
    whole = await owner.fetch("SELECT seq FROM log_record WHERE body IS NOT NULL")
    assert [row["seq"] for row in whole] == [5], "the single record has its own"
    await owner.close()
    for each in (log, watch, book):
        await each.close()


async def test_what_one_commit_told_is_sealed_as_a_whole_and_in_its_order(migrated: str) -> None:
    dsn = as_runtime(migrated)
    await pay(dsn, range(1, 8))
    log, sealer, sizes = PostgresRecordLog(dsn), PlainSealer(), []
    while sealed := await log.seal(DIVISION, 3, NOW, sealer.seal):
        sizes.append(len(sealed.records))
    records = await read_back(dsn)
    assert sum(sizes) == len(records) == 15
    seen = [record.subject for record in records if record.kind == "verdict"]
    assert seen[-1] == "single 1" and len(set(seen)) == 8
    assert [r.seq for r in records] == list(range(15))
    await log.close()


@pytest.mark.parametrize("lost", ["place = 1", "place = n.records", "true"])
async def test_a_batch_of_which_a_record_is_gone_is_not_sealed_without_it(
    migrated: str, lost: str
) -> None:
    """Its place in the queue would be given up, and nobody would miss the decision."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        await asyncio.gather(*(ledger.admit(admission(n, lines=())) for n in (1, 2, 3)))
    owner, log = await asyncpg.connect(migrated), PostgresRecordLog(dsn)
    await owner.execute(
        f"DELETE FROM told_record AS r USING told_batch AS n WHERE r.batch = n.batch AND {lost}"
    )
    with pytest.raises(LedgerUnavailable, match="told are gone"):
        await log.seal(DIVISION, 100, NOW, PlainSealer().seal)
    assert await owner.fetchval("SELECT count(*) FROM log_record") == 0
    assert await owner.fetchval("SELECT sum(records) FROM told_batch") == 3
    await owner.close()
    await log.close()


async def test_a_sealed_record_whose_body_is_gone_is_told_as_a_hole(migrated: str) -> None:
    """And ends no worker: other divisions are delivered."""
    dsn = as_runtime(migrated)
    await pay(dsn, range(1, 3))
    log, export = PostgresRecordLog(dsn), PostgresExport(dsn)
    assert await log.seal(DIVISION, 100, NOW, PlainSealer().seal)
    owner = await asyncpg.connect(migrated)
    subject = await owner.fetchval("DELETE FROM told_record WHERE place = 1 RETURNING subject")
    await owner.close()
    after = PostgresRecordLog(dsn)
    for asked in (
        after.next_delivery(DIVISION, 100, 0), after.evidence(DIVISION, subject),
        export.about(DIVISION, subject), anext(export.bodies(DIVISION, 0, 5)),
    ):  # fmt: skip
        with pytest.raises(LedgerUnavailable, match=r"missing|hole"):
            await asked
    for each in (log, export, after):
        await each.close()


async def test_records_of_two_divisions_and_of_what_took_no_effect(migrated: str) -> None:
    """Of one commit: each division has a batch of its own, and what was decided before is not told
    again."""
    dsn = as_runtime(migrated)
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        await ledger.admit(admission(1, lines=()))
        again = [
            admission(n, lines=(), division=division, outcome=Outcome.BLOCK)
            for n in (1, 2, 3)
            for division in (DIVISION, OTHER)
        ]
        poor = admission(9, 100, ("NOWHERE",))
        await asyncio.gather(*(ledger.admit(each) for each in [*again, poor]))
        await asyncio.gather(ledger.settle(settlement(1)), ledger.settle(settlement(2)))
    log = PostgresRecordLog(dsn)
    assert await log.pending_divisions() == [DIVISION, OTHER] == await log.untold_divisions()
    for division, told in ((DIVISION, [1, 2, 3, 1]), (OTHER, [1, 2, 3])):
        assert await log.seal(division, 100, NOW, PlainSealer().seal)
        records = await read_back(dsn, division)
        assert sorted(r.subject.rpartition("/")[2] for r in records) == sorted(map(str, told))
    await log.close()


async def test_a_log_from_before_goes_on_and_all_of_it_is_read(
    database: str, tmp_path: Path
) -> None:
    """Sealed before, waiting before, told by a program from before, and told since."""
    before = shutil.copytree(MIGRATIONS, tmp_path / "before")
    for path in before.glob("*.sql"):
        if path.name >= ONCE:
            path.unlink()
    await migrate(database, before)
    owner = await asyncpg.connect(database)
    fields = {"about": "old", "k": "verdict"}
    old = numbered(unnumbered(fields), 0)
    leaf = hashlib.sha256(b"\x00" + old).digest()
    await owner.execute(
        "INSERT INTO log_head (division, origin, size, frontier) VALUES ($1, 'test/log', 1, $2)",
        DIVISION, [b"f" * 32],
    )  # fmt: skip
    await owner.execute(
        "INSERT INTO log_record (division, seq, kind, subject, leaf_hash, body, disclosures)"
        " VALUES ($1, 0, 'verdict', 'old', $2, $3, 'open')",
        DIVISION, leaf, old,
    )  # fmt: skip
    waiting = (
        "INSERT INTO pending_record (division, kind, subject, body) VALUES ($1, 'verdict', $2, $3)"
    )
    await owner.execute(waiting, DIVISION, "waited", draft("waited").body)
    await migrate(database)
    await owner.execute(waiting, DIVISION, "late program", draft("late program").body)
    await owner.close()
    dsn = as_runtime(database)
    await pay(dsn, range(1, 3))
    log, sealer = PostgresRecordLog(dsn), PlainSealer()
    sealer.leaves[DIVISION] = [leaf]
    assert await log.seal(DIVISION, 100, NOW, sealer.seal)
    await log.close()
    records = await read_back(dsn)
    assert [r.subject for r in records[:3]] == ["old", "waited", "late program"]
    assert records[0].body == old and records[0].disclosures == b"open" and len(records) == 8


async def test_the_server_fills_numbers_in_as_the_program_does(migrated: str) -> None:
    owner, chance = await asyncpg.connect(migrated), random.Random(67)
    for _ in range(200):
        said = "".join(chance.choices('"\\:nul,seq中\x00{}agency_', k=chance.randrange(60)))
        fields = {"agency": {"code": "1"}, "what": {"seq": 5, said: said}, "zz": said}
        counted = chance.random() < 0.5
        if counted:
            fields["agency_no"] = None
        body, seq = unnumbered(fields), chance.randrange(2 ** chance.randrange(1, 50))
        agency_no = chance.randrange(1, 10**9) if counted else None
        told = await owner.fetchval("SELECT numbered($1, $2, $3)", body, seq, agency_no)
        assert told == numbered(body, seq, agency_no)
        assert orjson.loads(told)["seq"] == seq
    await owner.close()


async def test_agencies_are_counted_through_whoever_seals(migrated: str) -> None:
    """What a sequencer remembers holds only while nobody else has sealed."""
    dsn = as_runtime(migrated)
    first, second, sealer = PostgresRecordLog(dsn), PostgresRecordLog(dsn), PlainSealer()
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        for turn, log in enumerate((first, first, second, first, second, second, first)):
            for agency in ("A", "B", "A")[: 1 + turn % 3]:
                fields = {"agency": {"code": agency}, "agency_no": None}
                await ledger.record(
                    DIVISION, RecordDraft(kind="verdict", subject=agency, body=unnumbered(fields))
                )
            if turn == 4:
                await ledger.record(DIVISION, draft("of no agency"))
            assert await log.seal(DIVISION, 100, NOW, sealer.seal)
            if turn == 4:
                await ledger.record(DIVISION, draft("of no agency"))
                assert await first.seal(DIVISION, 100, NOW, sealer.seal)
    counts: dict[str, list[int]] = {"A": [], "B": []}
    for record in await read_back(dsn):
        if record.subject in counts:
            counts[record.subject].append(orjson.loads(record.body)["agency_no"])
    assert counts == {agency: list(range(1, len(n) + 1)) for agency, n in counts.items()}
    assert all(counts.values())
    for each in (first, second):
        await each.close()


async def test_records_of_one_commit_each_keep_their_own_agencys_number(migrated: str) -> None:
    dsn = as_runtime(migrated)
    agencies = ("A", "B", "", "A", "B", "B", "", "A")
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        told = []
        for number, agency in enumerate(agencies):
            fields = {"agency": {"code": agency}, "agency_no": None} if agency else {}
            record = RecordDraft(
                kind="verdict", subject=f"{number} {agency}", body=unnumbered(fields)
            )
            blocked = admission(number, outcome=Outcome.BLOCK)
            told.append(ledger.admit(replace(blocked, record=record)))
        await asyncio.gather(*told)
    log = PostgresRecordLog(dsn)
    assert await log.seal(DIVISION, 100, NOW, PlainSealer().seal)
    counts: dict[str, list[int | None]] = {"A": [], "B": [], "": []}
    for read in await read_back(dsn):
        counts[read.subject.split(" ")[1]].append(orjson.loads(read.body).get("agency_no"))
    assert counts == {"A": [1, 2, 3], "B": [1, 2, 3], "": [None, None]}
    await log.close()

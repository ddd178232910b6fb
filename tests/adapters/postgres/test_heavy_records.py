"""A thousand payrolls are more than a delivery may be: what is sealed, delivered and read at a time
is bounded in bytes too, and whatever is heavier than that goes by itself."""

import pytest
from msgspec.structs import replace

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log import fresh, recordlog
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.decision import Outcome
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
    registers,
)

pytestmark = pytest.mark.postgres
LIGHT, HEAVY = "s" * 100, "h" * 5_000
BOUND = 1_000
"""Between the two; some four of the light ones."""


@pytest.fixture(autouse=True)
def _bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SEAL_BYTES_MAX", "DELIVERY_BYTES_MAX", "NOTICES_BYTES_MAX"):
        monkeypatch.setattr(recordlog, name, BOUND)


async def _sealed(room: PostgresRecordLog) -> list[int]:
    """How many records each sealing took, until none waits."""
    sealer, took = PlainSealer(), []
    while sealed := await room.seal(DIVISION, 1024, NOW, sealer.seal):
        took.append(len(sealed.records))
    return took


async def _written(dsn: str, subjects: list[str]) -> None:
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        for subject in subjects:
            await ledger.record(DIVISION, draft(subject))


async def test_one_checkpoint_takes_in_so_many_bytes_and_never_nothing(migrated: str) -> None:
    dsn = as_runtime(migrated)
    await _written(dsn, [LIGHT, LIGHT, HEAVY, LIGHT, HEAVY, HEAVY, *[LIGHT] * 12])
    room = PostgresRecordLog(dsn)
    took = await _sealed(room)
    assert took[:5] == [2, 1, 1, 1, 1] and sum(took) == 18
    assert max(took) < 10
    await room.close()


@pytest.mark.parametrize("remembers", [True, False])
async def test_a_delivery_ends_at_the_last_checkpoint_within_so_many_bytes(
    migrated: str, monkeypatch: pytest.MonkeyPatch, remembers: bool
) -> None:
    """Whether this process sealed it a moment ago, or has just been started."""
    dsn = as_runtime(migrated)
    await _written(dsn, [*[LIGHT] * 6, HEAVY, HEAVY, LIGHT, LIGHT])
    room = PostgresRecordLog(dsn)
    sealer = PlainSealer()
    while await room.seal(DIVISION, 1, NOW, sealer.seal):
        pass
    if not remembers:
        await room.close()
        room = PostgresRecordLog(dsn)
    starts, at = [], 0
    while delivery := await room.next_delivery(DIVISION, 2048, at):
        assert delivery.start == at and delivery.records
        assert [each.seq for each in delivery.records] == [
            *range(at, at + len(delivery.records))
        ]  # fmt: skip
        weights = [fresh.weight(each) for each in delivery.records]
        assert sum(weights) <= BOUND or len(weights) == 1
        starts.append(at)
        at += len(weights)
    assert at == 10 and starts[-3:] == [6, 7, 8], "each of the heavy ones by itself"
    await room.close()


async def test_what_was_sealed_a_moment_ago_is_kept_up_to_so_many_bytes(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "BYTES_MAX", 2 * BOUND)
    dsn = as_runtime(migrated)
    await _written(dsn, [LIGHT] * 40)
    room = PostgresRecordLog(dsn)
    await _sealed(room)
    kept = room._fresh[DIVISION]
    assert 0 < kept._bytes <= 2 * BOUND
    assert kept._bytes == sum(fresh.weight(r) for b in kept._batches for r in b.records)
    await room.close()


async def test_notices_are_read_up_to_so_many_bytes_and_at_least_one(migrated: str) -> None:
    dsn = as_runtime(migrated)
    rooms = PostgresRegisters(dsn)
    await rooms.load(b"registers", registers(1, {"IND-1": 1_000_000}))
    await rooms.close()
    async with PostgresLedger(dsn, instance="gw-1") as ledger:
        for number, size in enumerate([5_000, 400, 400, 400, 5_000]):
            told = admission(number, outcome=Outcome.BLOCK)
            await ledger.admit(replace(told, notice=b"n" * size))
    room = PostgresRecordLog(dsn)
    read = []
    while notices := await room.notices(DIVISION, 128):
        read.append([len(notice.body) for notice in notices])
        await room.notices_told(DIVISION, {notice.id: "receipt" for notice in notices}, NOW)
    assert read == [[5_000], [400, 400], [400], [5_000]]
    await room.close()

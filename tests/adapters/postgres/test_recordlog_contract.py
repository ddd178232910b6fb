"""What every record log promises, in memory and on PostgreSQL alike."""

import datetime as dt

import pytest

from gateway.domain.faults import LedgerUnavailable
from gateway.domain.log import Cosigned
from tests.adapters.postgres.conftest import Storage
from tests.adapters.postgres.storage_builders import (
    DIVISION,
    NOW,
    PlainSealer,
    admission,
    draft,
    proves,
)
from tests.patience import until


async def write(storage: Storage, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        await storage.ledger.record(DIVISION, draft(f"subject {number}"))


async def test_records_are_numbered_in_order_without_gaps(storage: Storage) -> None:
    sealer = PlainSealer()
    await write(storage, 5)
    first = await storage.records.seal(DIVISION, 3, NOW, sealer.seal)
    second = await storage.records.seal(DIVISION, 3, NOW, sealer.seal)
    assert first and second and (first.head.size, second.head.size) == (3, 5)
    assert await storage.records.seal(DIVISION, 3, NOW, sealer.seal) is None
    assert await storage.records.pending_divisions() == []
    delivery = await storage.records.next_delivery(DIVISION, 100)
    assert delivery and delivery.start == 0
    assert [(r.seq, r.subject) for r in delivery.records] == [(n, f"subject {n}") for n in range(5)]
    assert [b'"seq":%d' % r.seq in r.body for r in delivery.records] == [True] * 5


async def test_a_sealer_that_fails_leaves_no_gap(storage: Storage) -> None:
    sealer = PlainSealer()
    await write(storage, 2)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await storage.records.seal(DIVISION, 2, NOW, broken)  # type: ignore[arg-type]
    sealed = await storage.records.seal(DIVISION, 2, NOW, sealer.seal)
    assert sealed and [record.seq for record in sealed.records] == [0, 1]


async def test_delivery_goes_from_the_acknowledged_size_to_a_checkpoint(storage: Storage) -> None:
    sealer = PlainSealer()
    for count in (4, 2, 6):
        await write(storage, count)
        await storage.records.seal(DIVISION, 100, NOW, sealer.seal)
    spans = []
    for limit in (1, 100):
        delivery = await storage.records.next_delivery(DIVISION, limit)
        assert delivery
        end = delivery.start + len(delivery.records)
        spans.append((delivery.start, end))
        assert delivery.checkpoint.split("\n")[1] == str(end)
        cosigned = Cosigned(size=end, checkpoint=delivery.checkpoint + "cosigned")
        await storage.records.acknowledge(DIVISION, cosigned, NOW)
    assert spans == [(0, 4), (4, 12)]
    assert await storage.records.next_delivery(DIVISION, 100) is None


async def test_the_acknowledged_size_only_rises_and_never_past_the_log(storage: Storage) -> None:
    sealer = PlainSealer()
    await write(storage, 4)
    await storage.records.seal(DIVISION, 100, NOW, sealer.seal)
    await storage.records.acknowledge(DIVISION, Cosigned(size=3, checkpoint="three"), NOW)
    await storage.records.acknowledge(DIVISION, Cosigned(size=1, checkpoint="one"), NOW)
    delivery = await storage.records.next_delivery(DIVISION, 100)
    assert delivery and (delivery.start, len(delivery.records)) == (3, 1)
    with pytest.raises(LedgerUnavailable, match="more than we do"):
        await storage.records.acknowledge(DIVISION, Cosigned(size=5, checkpoint="five"), NOW)
    for text in (delivery.checkpoint + "first\n", delivery.checkpoint + "second\n"):
        await storage.records.acknowledge(DIVISION, Cosigned(size=4, checkpoint=text), NOW)
    (evidence,) = await storage.records.evidence(DIVISION, "subject 3")
    assert evidence.checkpoint.endswith("first\n"), "evidence that was handed out stays as it was"


async def test_evidence_proves_every_record_and_prefers_what_the_bureau_signed(
    storage: Storage,
) -> None:
    sealer = PlainSealer()
    for count in (3, 270, 30):
        await write(storage, count)
        assert await storage.records.seal(DIVISION, 300, NOW, sealer.seal)
    cosigned = await storage.records.next_delivery(DIVISION, 300)
    assert cosigned
    size = len(cosigned.records)
    text = cosigned.checkpoint + "cosigned\n"
    await storage.records.acknowledge(DIVISION, Cosigned(size=size, checkpoint=text), NOW)
    seen = set()
    for number in (0, 2, 29, 255, 256, 269):
        for evidence in await storage.records.evidence(DIVISION, f"subject {number}"):
            record, lines = evidence.record, evidence.checkpoint.split("\n")
            seen.add(record.seq)
            assert lines[1] == str(evidence.tree_size)
            assert ("cosigned" in evidence.checkpoint) == (record.seq < size)
            assert proves(record.leaf_hash, record.seq, evidence.tree_size, evidence.path, lines[2])
    assert {0, 255 + 3, 256 + 3, 302} <= seen and len(seen) == 11
    assert await storage.records.evidence(DIVISION, "unheard of") == []


async def test_the_root_of_each_size_can_be_told_and_of_no_other(storage: Storage) -> None:
    sealer, told = PlainSealer(), {}
    for count in (3, 270, 30):
        await write(storage, count)
        sealed = await storage.records.seal(DIVISION, 300, NOW, sealer.seal)
        assert sealed
        told[sealed.head.size] = sealed.checkpoint.split("\n")[2]
    for size, root in told.items():
        found = await storage.records.root_at(DIVISION, size)
        assert found and found.hex() == root
    for size in (-1, 0, 304, 2**53 - 1):
        assert await storage.records.root_at(DIVISION, size) is None
    assert await storage.records.root_at("229900000", 1) is None


async def test_divisions_with_something_untold_are_named(storage: Storage) -> None:
    assert await storage.records.untold_divisions() == []
    await storage.ledger.admit(admission(1, lines=(), division="220100000"))
    assert await storage.records.untold_divisions() == ["220100000"], "told with a commit"
    await storage.records.seal("220100000", 100, NOW, PlainSealer().seal)
    await storage.records.acknowledge("220100000", Cosigned(size=1, checkpoint="one"), NOW)
    await write(storage, 2)
    assert await storage.records.untold_divisions() == [DIVISION]
    await storage.records.seal(DIVISION, 100, NOW, PlainSealer().seal)
    assert await storage.records.untold_divisions() == [DIVISION]
    await storage.records.acknowledge(DIVISION, Cosigned(size=2, checkpoint="two"), NOW)
    assert await storage.records.untold_divisions() == []


async def test_one_process_leads_until_it_leaves(storage: Storage) -> None:
    assert await storage.records.lead() and await storage.records.lead()
    assert not await storage.second_records.lead()
    await storage.records.close()
    await until(storage.second_records.lead)


async def test_the_sizes_and_the_newest_checkpoint_are_told(storage: Storage) -> None:
    sealer = PlainSealer()
    assert await storage.records.sizes() == {}
    assert await storage.records.newest_checkpoint(DIVISION, 0) is None
    for count in (4, 2):
        await write(storage, count)
        await storage.records.seal(DIVISION, 100, NOW, sealer.seal)
    assert await storage.second_records.sizes() == {DIVISION: 6}
    for above in (0, 4, 5):
        newest = await storage.second_records.newest_checkpoint(DIVISION, above)
        assert newest and newest[0] == 6 and newest[1].split("\n")[1] == "6"
    assert await storage.records.newest_checkpoint(DIVISION, 6) is None


async def test_how_long_sealing_went_on_beyond_a_size(storage: Storage) -> None:
    sealer = PlainSealer()
    assert await storage.records.sealed_for_s(DIVISION, 0) == 0.0
    for after_s in (0, 40, 100):
        await write(storage, 2)
        at = NOW + dt.timedelta(seconds=after_s)
        await storage.records.seal(DIVISION, 100, at, sealer.seal)
    for beyond, seconds in ((0, 100.0), (1, 100.0), (2, 60.0), (4, 0.0), (6, 0.0)):
        assert await storage.records.sealed_for_s(DIVISION, beyond) == seconds
    await write(storage, 2)
    await storage.records.seal(DIVISION, 100, NOW + dt.timedelta(seconds=30), sealer.seal)
    for beyond, seconds in ((0, 100.0), (2, 70.0), (4, 70.0), (6, 0.0), (8, 0.0)):
        assert await storage.records.sealed_for_s(DIVISION, beyond) == seconds, "a clock set back"

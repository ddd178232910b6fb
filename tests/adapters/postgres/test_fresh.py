"""What was sealed a moment ago is told from memory only where it is what the database holds."""

import pytest

from adapters.postgres.log.fresh import Fresh
from gateway.domain.log import LogHead, Sealed, SealedRecord
from tests.adapters.postgres.storage_builders import DIVISION, NOW


def sealed(start: int, size: int, checkpoint: str) -> Sealed:
    records = tuple(
        SealedRecord(
            seq=seq, kind="k", subject="s", body=b"%d" % seq, leaf_hash=b"", disclosures=None
        )
        for seq in range(start, size)
    )
    head = LogHead(division=DIVISION, origin="o", size=size, frontier=())
    return Sealed(head=head, records=records, subtrees=(), checkpoint=checkpoint, sealed_at=NOW)


def numbers(fresh: Fresh, start: int, size: int, checkpoint: str) -> list[int] | None:
    found = fresh.between(start, size, checkpoint)
    return None if found is None else [record.seq for record in found]


def test_only_the_whole_stretch_under_that_very_checkpoint_is_told_from_memory() -> None:
    fresh = Fresh()
    for batch in ((0, 2, "two"), (2, 3, "three"), (5, 6, "six")):
        fresh.keep(sealed(*batch))
    assert numbers(fresh, 0, 3, "three") == [0, 1, 2]
    assert numbers(fresh, 0, 2, "two") == [0, 1]
    assert numbers(fresh, 1, 3, "three") is None, "a batch is told whole"
    assert numbers(fresh, 0, 3, "another three") is None, "sealed anew by somebody else"
    assert numbers(fresh, 0, 6, "six") is None, "records between were sealed elsewhere"
    assert numbers(fresh, 0, 4, "four") is None
    assert numbers(fresh, 5, 6, "six") == [5]
    assert numbers(fresh, 0, 2, "two") is None, "the bureau holds them: forgotten"


def test_no_more_is_remembered_than_has_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.postgres.log.fresh.RECORDS_MAX", 4)
    fresh = Fresh()
    for size in (2, 4, 6):
        fresh.keep(sealed(size - 2, size, str(size)))
    assert numbers(fresh, 2, 6, "6") == [2, 3, 4, 5] and numbers(fresh, 0, 2, "2") is None
    fresh.keep(sealed(6, 20, "20"))
    assert numbers(fresh, 6, 20, "20") is None, "not even one batch, if it is too large"

"""What a party may read of a number that two agencies of a division have used."""

import orjson
import pytest
from msgspec.structs import replace

from gateway.domain.faults import Conflicting
from gateway.domain.log import SealedRecord
from gateway.domain.parties import sender_of
from gateway.web.evidence import evidence_of, may_see
from tests.pipeline.fakes import DIVISION, SENDER, instruction, received
from tests.pipeline.test_line import Street
from tests.pipeline.test_partial import Picky, batch, street_of

OTHER = f"spiffe://treasury.test/agency/{DIVISION}/101002"


async def used_by_two() -> list[SealedRecord]:
    """The first agency's verdict and outcome, its own conflict, and the other agency's."""
    street = await Street(instruction()).open()
    await street.line.carry(received(b"one"))
    with pytest.raises(Conflicting):
        await street.line.carry(received(b"two"))
    street.format.instruction = instruction(agency_code="101002")
    with pytest.raises(Conflicting):
        await street.line.carry(replace(received(b"three"), party=OTHER))
    return [
        SealedRecord(
            seq=seq, kind=record.kind, subject=record.subject, body=record.body,
            leaf_hash=b"", disclosures=None,
        )
        for seq, record in enumerate(street.state.pending[DIVISION])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("uri", "kinds"),
    [
        (SENDER, ["verdict", "bank_outcome", "conflict"]),
        (f"spiffe://treasury.test/channel/{DIVISION}/counter", None),
        (f"spiffe://treasury.test/bureau/{DIVISION}", None),
        ("spiffe://treasury.test/gateway/103", None),
    ],
)
async def test_an_agency_reads_nothing_of_anothers_attempt_and_all_others_read_all(
    uri: str, kinds: list[str] | None
) -> None:
    reader, records = sender_of(uri), await used_by_two()
    assert reader and len(records) == 4
    shown = [record.kind for record in records if may_see(reader, record)]
    assert shown == (kinds or [record.kind for record in records])


@pytest.mark.parametrize("bad", [frozenset(), frozenset({"ACCOUNT2"})])
async def test_what_is_shown_of_a_batch_that_was_paid_in_part_says_what_was_not(
    bad: frozenset[str],
) -> None:
    """`passed` and `accepted` alone would say that all of it was paid."""
    order = batch(1_000, 2_000)
    street = await street_of(order, Picky(bad=bad))
    answer = await street.line.carry(received())
    standing = await street.ledger.standing(order.key)
    assert standing
    shown = orjson.loads(orjson.dumps(evidence_of(standing, [])))
    assert (shown["outcome"], shown["bank"]) == ("passed", "accepted")
    assert shown.get("withheld", []) == list(answer.decision.withheld) == ["D-2"] * len(bad)

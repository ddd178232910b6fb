"""What a party may read of a number that two agencies of a division have used."""

import pytest
from msgspec.structs import replace

from gateway.domain.faults import Conflicting
from gateway.domain.log import SealedRecord
from gateway.domain.parties import sender_of
from gateway.web.evidence import may_see
from tests.pipeline.fakes import DIVISION, SENDER, instruction, received
from tests.pipeline.test_line import Street

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

"""Which payment a letter means: by its number, its message, or all of its name; never a guess."""

from collections.abc import Mapping, Sequence
from typing import cast

import attrs
import pytest
from msgspec.structs import replace

from adapters.formats.iso20022.letters import message_id
from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.iso20022.write import written_message
from gateway.domain.decision import Outcome
from gateway.domain.enquiries import Original
from gateway.domain.faults import Fault
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Standing
from gateway.hold_ports import LetterBook
from gateway.pipeline.letters import Seeker, one_of
from tests.adapters.formats.iso_samples import AT, many, written_one
from tests.pipeline.fakes import DIVISION, NOW, FixedClock, instruction

MESSAGE = written_message(many(2), "pain.001.001.09", "M-MANY", AT)
PART = next(iter(IsoBulk().parts(MESSAGE, IsoBulk().open(MESSAGE)))).raw
KEY = replace(instruction().key, voucher_no="7")


class Shelf:
    """Only what is asked for, and remembers how much that was."""

    def __init__(self, *held: Standing) -> None:
        self.held = {each.key: each for each in held}
        self.asked: list[InstructionKey] = []

    async def standings(self, keys: Sequence[InstructionKey]) -> Mapping[InstructionKey, Standing]:
        self.asked += keys
        return {key: self.held[key] for key in keys if key in self.held}


def standing(key: InstructionKey = KEY, format: str = "json", raw: bytes = b"{}") -> Standing:
    return Standing(
        key=key, digest=bytes(32), party="", format=format, raw=raw, signature="",
        agency_code="101001", outcome=Outcome.PASS, decided_at=NOW, decision=b"{}", bank=None,
        bank_reference=None, bank_reason=None, settled_at=None,
    )  # fmt: skip


async def found(shelf: Shelf, **named: str) -> InstructionKey | str:
    original = attrs.evolve(Original(message_id="", end_to_end_id="7"), **named)
    seeker = Seeker(book=cast("LetterBook", shelf), clock=FixedClock(), message_id=message_id)
    got = await seeker.find(DIVISION, original)
    return got.detail if isinstance(got, Fault) else got.key


@pytest.mark.parametrize("year", [2025, 2026, 2027])
async def test_a_number_alone_is_looked_for_in_this_year_and_its_neighbours(year: int) -> None:
    key = replace(KEY, fiscal_year=year)
    assert await found(Shelf(standing(key))) == key
    assert "no instruction" in await found(Shelf(standing(replace(KEY, fiscal_year=2023))))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("format", "raw", "name"),
    [("iso20022.part", PART, "M-MANY"), ("iso20022", written_one(many(1)[0]), "M-1")],
)
async def test_of_what_came_in_a_message_that_message_must_be_named(
    format: str, raw: bytes, name: str
) -> None:
    shelf = Shelf(standing(format=format, raw=raw))
    assert await found(shelf, message_id=name) == KEY
    assert await found(shelf) == KEY
    assert "no instruction" in await found(shelf, message_id="M-OTHER")  # type: ignore[operator]
    assert await found(Shelf(standing()), message_id="M-OTHER") == KEY, "JSON has no message"


async def test_of_several_that_fit_none_is_guessed_and_a_whole_name_finds_one() -> None:
    direct = replace(KEY, voucher_type="5201")
    shelf = Shelf(standing(), standing(direct))
    words = await found(shelf)
    assert str(KEY) in words and str(direct) in words  # type: ignore[operator]
    assert await found(shelf, transaction_id="2026/5201/7") == direct
    assert await found(shelf, instruction_id="2026/8202/7") == KEY
    other = await found(shelf, transaction_id="2026/5201/8")
    assert "no instruction" in other, "its own number says another"  # type: ignore[operator]


@pytest.mark.parametrize("number", ["", "NOTPROVIDED/1", "7 OR 1=1", "7" * 43, "七"])
async def test_what_is_no_number_is_not_even_looked_for(number: str) -> None:
    shelf = Shelf(standing())
    assert "no instruction" in await found(shelf, end_to_end_id=number)  # type: ignore[operator]
    assert not shelf.asked


def test_a_word_on_one_of_two_of_a_number_says_which_or_is_about_neither() -> None:
    direct = replace(KEY, voucher_type="5201")
    named = Original(message_id="", end_to_end_id="7")
    assert one_of([KEY], named) == KEY
    assert one_of([KEY, direct], named) is None
    assert one_of([KEY, direct], attrs.evolve(named, transaction_id="2026/5201/7")) == direct
    assert one_of([KEY], attrs.evolve(named, transaction_id="2026/5201/7")) is None

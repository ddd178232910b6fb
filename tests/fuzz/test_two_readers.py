"""A naive reader of another parser reads, in the bytes that a core is handed, what was judged."""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from xml.etree import ElementTree

import pytest

from adapters.formats.iso20022.cut import part_of
from adapters.formats.iso20022.payments import IsoBulk, IsoFormat
from adapters.formats.iso20022.write import written_message
from gateway.domain.faults import Unreadable
from gateway.domain.instruction import Instruction
from tests.adapters.formats.iso_samples import AT, an_instruction, many

Core = tuple[str, ...]
KINDS = ("pain.001.001.09", "pacs.008.001.08")
STRAYS = (
    "<IntrBkSttlmDt>2031-01-01</IntrBkSttlmDt>", "<Nm>X</Nm>", "&#57;", "<!-- 9 -->",
    "<CdtrAcct><Id><Othr><Id>9</Id></Othr></Id></CdtrAcct>", "<Othr><Id>9</Id></Othr>",
    '<InstdAmt Ccy="CNY">9.00</InstdAmt>', "<Ustrd>X</Ustrd>",
)  # fmt: skip


def judged(paid: Instruction) -> Core:
    return (
        str(paid.amount_fen), paid.payer.account, paid.payer.name, paid.payee.account,
        paid.payee.name, paid.purpose, paid.key.voucher_no, str(paid.voucher_date),
    )  # fmt: skip


def first_or_last(raw: bytes, which: int) -> Core:
    """Whatever the namespace: the first or the last element of each name counts."""
    root = ElementTree.fromstring(raw)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]

    def text(path: str) -> str:
        found = root.findall(f".//{path}")
        return found[which].text or "" if found else ""

    amount = text("InstdAmt") or text("IntrBkSttlmAmt")
    return (
        str(round(float(amount) * 100)), text("DbtrAcct/Id/Othr/Id"), text("Dbtr/Nm"),
        text("CdtrAcct/Id/Othr/Id"), text("Cdtr/Nm"),
        "".join(each.text or "" for each in root.findall(".//Ustrd")), text("EndToEndId"),
        text("ReqdExctnDt/Dt") or text("ReqdExctnDt") or text("IntrBkSttlmDt"),
    )  # fmt: skip


def spoiled(raw: bytes) -> Iterator[bytes]:
    """With each stray behind each tag, and within each number."""
    for match in re.finditer(rb">|(?<=[0-9])(?=[0-9.])", raw[: raw.index(b"<Fiscal")]):
        for stray in STRAYS:
            yield raw[: match.end()] + stray.encode() + raw[match.end() :]


def forwarded(raw: bytes) -> Iterator[tuple[bytes, Instruction | None]]:
    """What a core would be handed, and what was judged. Raises Unreadable."""
    bulk = IsoBulk()
    if not bulk.takes(raw):
        yield raw, IsoFormat().parse(raw)
        return
    for part in bulk.parts(raw, bulk.open(raw)):
        yield part_of(part.raw).rest, part.instruction


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2])
def test_a_core_reads_in_an_iso_payment_what_was_judged(kind: str, count: int) -> None:
    payments = [an_instruction()] if count == 1 else many(count)
    raw, taken = written_message(payments, kind, "M", AT), 0
    for sent in islice(spoiled(raw), 0, None, 1 if count == 1 else 7):
        with suppress(Unreadable):
            for handed, instruction in forwarded(sent):
                if instruction is not None:
                    taken += 1
                    for which in (0, -1):
                        assert first_or_last(handed, which) == judged(instruction), sent
    assert taken > 0

"""What the tests of ISO 20022 share: instructions that a message can carry, and the XSDs' home."""

import datetime as dt
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from lxml import etree
from msgspec.structs import replace

from adapters.formats.iso20022.write import written_message
from adapters.formats.json.instruction import JsonFormat
from gateway.domain.instruction import Instruction
from tests.adapters.formats.formats_strategies import sample

AT = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.UTC)
_BESIDE = Path(__file__).resolve().parents[3].parent / "shared" / "xsd"
XSD_FOLDER = Path(os.environ.get("GATEWAY_XSD", str(_BESIDE)))
KINDS = (
    "pain.001.001.03", "pain.001.001.09", "pacs.008.001.02", "pacs.008.001.04", "pacs.008.001.08",
)  # fmt: skip


def an_instruction(**changes: Any) -> Instruction:
    return JsonFormat().parse(orjson.dumps(sample() | changes))


def many(count: int) -> list[Instruction]:
    first = an_instruction()
    return [
        replace(first, key=replace(first.key, voucher_no=f"V{number}"))
        for number in range(1, count + 1)
    ]


def outside_schema(name: str) -> etree.XMLSchema:
    """A schema that nobody here wrote, for what we send; skips where the folder is not there."""
    if not XSD_FOLDER.is_dir():
        pytest.skip("no folder with the published schemas beside the checkout (set GATEWAY_XSD)")
    return etree.XMLSchema(etree.parse(str(XSD_FOLDER / f"{name}.xsd")))


def carriable(instruction: Instruction) -> bool:
    """Whether a message of one payment has a place for all of it."""
    payee, person = instruction.payee, instruction.payee.person
    told = person is None or any((person.id_number, person.employer, person.position, person.title))
    return (
        not instruction.details
        and bool(instruction.payer.account)
        and told
        and len(instruction.payer.bank_code) <= 35
        and len(payee.bank_code) <= 35
        and (person is None or len(person.id_number) <= 35)
    )


def written_one(instruction: Instruction, kind: str = "pain.001.001.09") -> bytes:
    return written_message([instruction], kind, "M-1", AT)


def under_prefix(raw: bytes, prefix: str) -> bytes:
    """The same message, its payments and bundles named with a prefix."""
    space = raw[raw.index(b"xmlns=") + 6 :].split(b">", 1)[0]
    for name in (b"CdtTrfTxInf", b"PmtInf"):
        for before in (b"<", b"</"):
            raw = raw.replace(before + name + b">", before + prefix.encode() + b":" + name + b">")
    return raw.replace(b"<Document ", b"<Document xmlns:" + prefix.encode() + b"=" + space + b" ")


def behind_decoys(raw: bytes) -> bytes:
    """A message of three whose payments a search for plain names does not find. It finds as many
    decoys: one within the first payment, two within the third."""
    first, second, third, rest = under_prefix(raw, "支付").split(b"</Fiscal>")
    decoy = b'<CdtTrfTxInf xmlns="urn:x">1</CdtTrfTxInf>'
    return b"</Fiscal>".join((first + decoy, second, third + decoy * 2, rest))

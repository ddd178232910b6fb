"""A message of many payments in the watched folder: paid in parts, and a held part that the bureau
releases reaches the bank core once, as the very bytes that were cut from the message."""

import datetime as dt
import hashlib
from pathlib import Path

import pytest
from lxml import etree

from adapters.formats.accepted import accepted_formats
from adapters.formats.iso20022.payments import IsoBulk
from adapters.formats.iso20022.write import written_message
from certs.keys import load_signer
from deploy.demo.day import DayItem
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Instruction
from tests.adapters.formats.iso_samples import carriable
from tests.crash.chancery import Chancery
from tests.crash.test_crash_moments import FAITHFUL
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled, truth_of
from tests.files.test_day_files import put
from tests.patience import until
from tests.pipeline.letters_iso import enquiry

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(240)]

KIND = "pain.001.001.09"
AT = dt.datetime.now(dt.UTC)


async def test_a_held_part_of_a_message_in_the_folder_is_released_and_paid_once() -> None:
    async with theatre(33, 150, habits=FAITHFUL, files=True) as stage:
        files, chancery = stage.stage.folder / "files", Chancery(stage)
        await until((files / "incoming").is_dir)
        raw = written_message(_ordered(stage.plan.items), KIND, "M-FOLDER", AT)
        sign = load_signer(*stage.stage.channel_key, stage.stage.identities.passphrase)
        put(files / "incoming", "day.xml", raw, sign.document(raw))
        put(files / "incoming", "ask.xml", ask := enquiry("1", id="F-Q"), sign.document(ask))
        told = await _answer(files / "done" / "day.xml.answer")
        assert "ACSC" in told.values() and "PDNG" in told.values(), told
        assert await _answer(files / "done" / "ask.xml.answer") == {"1": "RJCT"}, "none such: NOOR"

        parts = {part.names[2]: part for part in IsoBulk().parts(raw, IsoBulk().open(raw))}
        number = next(number for number, status in told.items() if status == "PDNG")
        instruction = parts[number].instruction
        assert instruction
        key = str(instruction.key)
        assert key in await chancery.told_of(sum(s == "PDNG" for s in told.values()))
        await chancery.decide(key)
        await until(lambda: _released(stage, key))
        await settled(stage)
        journal = {row["key"]: row for row in (await stage.journal())["effects"]}
        assert journal[key]["submitted"] == journal[key]["count"] == 1
        assert journal[key]["sha256"] == [hashlib.sha256(parts[number].raw).hexdigest()]
        for other, status in told.items():
            row = journal.get(str(_key(parts[other].instruction)))
            assert (row is not None) == (status == "ACSC" or other == number)

        put(files / "incoming", "again.xml", raw, sign.document(raw))
        again = await _answer(files / "done" / "again.xml.answer")
        assert again == told | {number: "ACSC"}, "as it stands now, and nothing is paid again"
        assert {row["submitted"] for row in (await stage.journal())["effects"]} == {1}


def _key(instruction: Instruction | None) -> object:
    assert instruction
    return instruction.key


def _ordered(items: tuple[DayItem, ...] | list[DayItem]) -> list[Instruction]:
    """Some that are held and some that pass, as far as a message can carry them."""
    readers = accepted_formats()
    found: dict[Outcome, list[Instruction]] = {Outcome.HOLD: [], Outcome.PASS: []}
    for item in items:
        if item.outcome in found and item.after is None and not item.replay and not item.forged:
            read = readers[item.format].parse(item.raw)
            if carriable(read) and read.key.voucher_type == "8202":
                found[item.outcome].append(read)
    assert found[Outcome.HOLD], "the day holds none that a message can carry; another seed"
    return found[Outcome.HOLD][:4] + found[Outcome.PASS][:8]


async def _answer(file: Path) -> dict[str, str]:
    await until(file.exists)
    return _statuses(file)


def _statuses(file: Path) -> dict[str, str]:
    rows = etree.fromstring(file.read_bytes()).iter("{*}TxInfAndSts")
    return {str(row.findtext("{*}OrgnlEndToEndId")): str(row.findtext("{*}TxSts")) for row in rows}


async def _released(stage: Theatre, key: str) -> bool:
    return (await truth_of(stage)).ledger[key]["how"] == "released"

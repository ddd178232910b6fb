"""Letters and vouchers beside payments in the watched folder: the door's ways, words and faults."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from adapters.folder.tray import Tray
from adapters.formats.accepted import accepted_formats
from adapters.formats.sniff import sniff
from adapters.formats.voucher.paper_write import vouchers_envelope
from gateway.domain.bank import RecallReply
from gateway.domain.enquiries import RecallStatus
from gateway.domain.instruction import Received
from gateway.domain.money import Fen
from gateway.workers.files import Files, Ways
from tests.files.test_day_files import put
from tests.patience import until
from tests.pipeline.desks import BANK, Desk, texts
from tests.pipeline.fakes import SENDER
from tests.pipeline.letters_iso import enquiry, recall
from tests.pipeline.test_voucher_letters import attached, clearing, refund


class _Held:
    held = True


class _Registers:
    """Takes base data, as `RegisterPapers` does at the door."""

    def takes(self, received: Received) -> bool:
        return b'VtCode="5901"' in received.raw

    async def take(self, received: Received) -> bytes:
        return b"a version"


@asynccontextmanager
async def watched(
    desk: Desk, root: Path, carrier: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Path]:
    monkeypatch.setattr("gateway.workers.files.LOOK_S", 0.01)
    monkeypatch.setattr("gateway.workers.files.PAUSE_S", 0.01)
    ways = Ways(
        line=desk.street.line, wordings=accepted_formats(), sniff=sniff,
        many=desk.correspondence(), papers=(_Registers(),),
    )  # fmt: skip
    tray = Tray(root)
    tray.prepare()
    running = asyncio.create_task(Files(cast("Any", _Held()), tray, ways, carrier).run())
    try:
        yield root
    finally:
        running.cancel()
        await asyncio.wait({running})


async def answered(root: Path, name: str, raw: bytes) -> bytes:
    put(root / "incoming", name, raw, "x..y")
    answer = root / "done" / f"{name}.answer"
    await until(answer.exists)
    return answer.read_bytes()


async def refused(root: Path, name: str, raw: bytes) -> bytes:
    put(root / "incoming", name, raw, "x..y")
    problem = root / "failed" / f"{name}.problem.json"
    await until(problem.exists)
    return problem.read_bytes()


async def test_letters_are_answered_as_at_the_door_and_the_same_again_acts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk.forwarded()
    async with watched(desk, tmp_path, SENDER, monkeypatch) as root:
        assert texts(await answered(root, "ask.xml", enquiry("1")), "TxSts") == ["ACSC"]
        told = await answered(root, "recall.xml", recall("1"))
        assert texts(told, "TxCxlSts") == ["ACCR"]
        assert (
            await answered(root, "again.xml", recall("1")) == told == await desk.post(recall("1"))
        )
        conflict = await refused(root, "other.xml", recall("1", reason="FRAD"))
        assert b"DU04" in conflict or b"instruction_conflict" in conflict
        claimed = vouchers_envelope([refund()])
        assert b"sender_not_entitled" in await refused(root, "claimed.xml", claimed)
    assert len(desk.core.asked) == 1 and len(desk.records("conflict")) == 1
    assert desk.noted[:2] == ["pacs.028.001.03 1", "camt.056.001.08 1"]


async def test_the_banks_own_folder_takes_its_refunds_and_clearing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk.forwarded()
    async with watched(desk, tmp_path, BANK, monkeypatch) as root:
        raw = vouchers_envelope([refund()])
        assert attached(await answered(root, "refund.xml", raw)) == ["SUCCESS"]
        await answered(root, "refund-again.xml", raw)
        sums = vouchers_envelope([clearing("2301", 30_000)])
        assert attached(await answered(root, "clearing.xml", sums)) == ["SUCCESS"]
        base = b'<MOF><VoucherBody VtCode="5901"/></MOF>'
        assert await answered(root, "base.xml", base) == b"a version"
        nothing = await refused(root, "no.json", orjson.dumps({"id": "1"}))
        assert orjson.loads(nothing)["code"]
    assert await desk.street.available() == Fen(980_050) and len(desk.records("refund")) == 1


async def test_a_letter_that_has_to_wait_or_was_left_in_the_middle_is_carried_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await Desk.forwarded()
    desk.core.silent()
    async with watched(desk, tmp_path, SENDER, monkeypatch) as root:
        put(root / "incoming", "recall.xml", recall("1"), "x..y")
        await until(lambda: len(desk.core.asked) > 2)
        assert (root / "working" / "recall.xml").exists(), "and no other one waits for it"
        assert texts(await answered(root, "ask.xml", enquiry("1")), "TxSts") == ["ACSC"]
    desk.core.reply = RecallReply(status=RecallStatus.ACCEPTED)
    async with watched(desk, tmp_path, SENDER, monkeypatch) as root:
        await until((root / "done" / "recall.xml.answer").exists)
    answer = (tmp_path / "done" / "recall.xml.answer").read_bytes()
    assert texts(answer, "TxCxlSts") == ["ACCR"]
    assert len({order.id for order in desk.core.asked}) == 1
    assert [record["status"] for record in desk.records("recall")] == ["PDCR", "ACCR"]

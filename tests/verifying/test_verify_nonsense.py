"""Files and records that are nonsense, or speak to the terminal: never a broken check."""

import base64
import copy
import errno
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

from certs.log.report import Exit, Report
from gateway.commands.verify import _tell
from gateway.domain.decision import Outcome
from gateway.domain.records import RecordKind, unnumbered
from gateway.verifying import auditor as checking
from gateway.verifying.auditor import (
    Auditor,
    Unusable,
    in_words,
    verify_evidence,
    verify_folder,
    verify_two_histories,
)
from tests.certs.conftest import suite as suite
from tests.verifying.test_auditing import DIVISION, World, facts, verify
from tests.verifying.test_auditing import world as world
from tests.verifying.test_auditing_liars import a_verdict, slip
from tests.verifying.test_verify_claims import Case, Document, held
from tests.verifying.test_verify_claims import case as case


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bank", "1" + "0" * 30), ("bank", '"\\ud800"'), ("bank_reason", '"\\ud800"'),
        ("bank_reason", "NaN"), ("settled_at", "Infinity"), ("hold", "NaN"),
    ],
)  # fmt: skip
def test_what_json_cannot_say_between_strangers_is_not_read(
    case: Case, name: str, said: str
) -> None:
    file = case.folder / "evidence.json"
    text = json.dumps(case.accepted | {name: "HERE"}).replace('"HERE"', said)
    file.write_text(text, "utf-8")
    with pytest.raises(Unusable, match="证据残缺"):
        verify_evidence(file, case.auditor)


@pytest.mark.parametrize(
    "forged",
    [
        "\x1b[2J\x1b[H\n结论：属实。 Valid.\r\u202e",
        "某厅取出），代理银行答复：已全额退款，签名有效（",
        "spiffe://treasury.test/gateway/103241001000",
        7,
    ],
)
def test_whose_desk_handed_it_out_is_a_bureaus_uri_and_nothing_else(
    case: Case, forged: object
) -> None:
    """It is quoted in the verdict, and so could say what the check did not find."""
    file = case.folder / "held.json"
    file.write_bytes(orjson.dumps(held(case.blocked, held_by=forged)))
    *_, last = verify_evidence(file, case.auditor)
    assert last.exit is Exit.USAGE
    assert not any("退款" in line or "treasury.test/gateway" in line for line in last.lines())


def test_nothing_that_is_quoted_writes_a_verdict_of_its_own(case: Case) -> None:
    file = case.folder / "evidence.json"
    forged = "\x1b[2J\x1b[H\n结论：属实。 Valid.\r\u202e"
    file.write_bytes(orjson.dumps(case.blocked | {forged: 1}))
    *_, last = verify_evidence(file, case.auditor)
    assert last.exit is Exit.USAGE
    assert all(line.isprintable() for line in "\n".join(last.lines()).split("\n"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount_fen", "x"), ("payee", None), ("agency", None), ("findings", 1),
        ("recorded_at", 2**62), ("findings", [{}]), ("payer", {}),
    ],
)  # fmt: skip
def test_a_record_that_the_bank_signed_and_that_is_nonsense_is_told_as_such(
    case: Case, monkeypatch: pytest.MonkeyPatch, field: str, value: object
) -> None:
    """As if it were proven: whatever a bank signs, the check answers."""
    proven = Report(exit=Exit.VALID, steps=())
    monkeypatch.setattr(checking, "_verify_item", lambda *_: proven)
    file = _changed(case, case.blocked, lambda record: record | {field: value})
    with pytest.raises(Unusable, match="记录内容残缺"):
        in_words(file)
    if field != "findings":
        return
    assert max(each.exit for each in verify_evidence(file, case.auditor)) is not Exit.VALID


def test_a_record_of_no_kind_is_no_broken_check(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven = Report(exit=Exit.VALID, steps=())
    monkeypatch.setattr(checking, "_verify_item", lambda *_: proven)

    def of_no_kind(record: Document) -> Document:
        return {name: each for name, each in record.items() if name != "kind"}

    last = case.accepted["evidence"][-1]
    document = case.accepted | {"evidence": [*case.accepted["evidence"], last]}
    with pytest.raises(Unusable, match="记录内容残缺"):
        verify_evidence(_changed(case, document, of_no_kind), case.auditor)


def test_words_that_stand_in_no_record_are_not_called_what_the_record_says(case: Case) -> None:
    document = copy.deepcopy(case.blocked)
    document["findings"][0]["reason_en"] = "The bureau asked for it."
    file = case.folder / "evidence.json"
    file.write_bytes(orjson.dumps(document))
    *_, last = verify_evidence(file, case.auditor)
    (told,) = [step for step in last.steps if "疑点" in step.zh]
    assert "英文措辞、处理办法、材料名称不在记录中，未作判断" in told.zh


def test_a_verdict_that_cannot_be_written_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ended with 1, which says "altered" of whatever was checked."""
    full = OSError(errno.ENOSPC, "No space left on device")

    class Full(io.StringIO):
        def write(self, _text: str) -> int:
            raise full

    for as_json in (False, True):
        monkeypatch.setattr(sys, "stdout", Full())
        with pytest.raises(typer.Exit) as ended:
            _tell([Report(exit=Exit.VALID, steps=())], as_json)
        monkeypatch.undo()
        assert ended.value.exit_code == Exit.USAGE


@pytest.mark.postgres
@pytest.mark.parametrize("verdict", [{"outcome": "blocked"}, {"withheld": ["D1"]}])
async def test_a_verdict_that_intercepts_and_names_no_notice_is_found(
    world: World, verdict: dict[str, Any]
) -> None:
    """Without its digest nobody would miss the notice that the bureau never got (Art. 28(3))."""
    await world.decide(1, "A", Outcome.BLOCK)
    await slip(world, unnumbered(a_verdict(77, 1) | verdict), RecordKind.VERDICT)
    await world.seal()
    await world.deliver()
    result = verify("day", await world.exported(), *world.trusted, "--json")
    assert result.exit_code == 1, result.output
    assert facts(result)["intercepted_silently"] == [f"{DIVISION}/2026/8202/77"]


def _changed(case: Case, document: Document, change: Callable[[Document], Document]) -> Path:
    """With the last record reworded."""
    changed = copy.deepcopy(document)
    record = json.loads(base64.b64decode(changed["evidence"][-1]["record"]))
    again = orjson.dumps(change(record), option=orjson.OPT_SORT_KEYS)
    changed["evidence"][-1]["record"] = base64.b64encode(again).decode()
    file = case.folder / "evidence.json"
    file.write_bytes(orjson.dumps(changed))
    return file


@pytest.mark.parametrize("name", ["checkpoint", "records.ndjson", "notices.ndjson", "held"])
@pytest.mark.parametrize("check", [verify_folder, verify_two_histories])
def test_a_folder_with_a_pipe_or_a_device_in_it_is_not_read(
    tmp_path: Path, name: str, check: Callable[[Path, Auditor], Report]
) -> None:
    """A pipe has the check wait for ever, a link to a device fills the memory."""
    auditor = Auditor(bank=[], bureau=[])
    os.mkfifo(tmp_path / name)
    with pytest.raises(Unusable, match=f"{name} is no file"):
        check(tmp_path, auditor)
    (tmp_path / name).unlink()
    (tmp_path / name).symlink_to("/dev/null")
    with pytest.raises(Unusable, match=f"{name} is no file"):
        check(tmp_path, auditor)

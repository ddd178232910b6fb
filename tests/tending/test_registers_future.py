"""`registers load` takes no snapshot from the future: it would never grow old."""

import datetime as dt
import json
from pathlib import Path

import pytest

from deploy.demo.day import day
from gateway.domain.faults import FaultCode, Unreadable
from gateway.tending.registers import load_registers, refuse_future
from tests.pipeline.fakes import NOW, registers

NOWHERE = "postgresql://127.0.0.1:1/nowhere"


def test_a_snapshot_from_the_future_is_refused_before_the_database_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_COMMITMENT_SECRET", "x" * 32)
    fields = json.loads(day(1, 60, NOW.date()).registers)
    file = tmp_path / "registers.json"
    file.write_text(json.dumps(fields | {"as_of": "2099-01-01T00:00:00Z"}), encoding="utf-8")
    with pytest.raises(Unreadable) as caught:
        load_registers(file, NOWHERE, NOW, lambda *_: None)
    (error,) = caught.value.errors
    assert caught.value.code is FaultCode.INSTRUCTION_INVALID
    assert (error.field, error.code) == ("as_of", "date_in_future")


def test_clocks_may_differ_by_five_minutes() -> None:
    refuse_future(registers().as_of, NOW - dt.timedelta(minutes=5))
    with pytest.raises(Unreadable):
        refuse_future(registers().as_of, NOW - dt.timedelta(minutes=5, seconds=1))

"""docs/examples/warehouse.mjs: an exported day is proven, then loaded; anything altered is not."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.manuals.conftest import DIVISION, Manual
from tests.web.besieged import until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@pytest.fixture
async def exported(manual: Manual, tmp_path: Path) -> Path:
    """The whole log, with a payment that was paid and one that was refused."""
    folder = tmp_path / "day"
    await _witnessed(manual)
    _export(manual, folder)
    return folder


async def _witnessed(manual: Manual) -> None:
    paid = manual.instruction("WH-PAID", amount="201.01", purpose="=1+1 打印纸采购")
    manual.agency("send", str(paid))
    manual.agency("send", str(manual.instruction("WH-NOT", manual.model("blocked"))))

    def witnessed() -> bool:
        told = manual.agency("ask", manual.key(paid))
        return "bank_outcome 已核验" in told and "尚未" not in told

    await until(witnessed)


def _export(manual: Manual, folder: Path) -> None:
    stage = manual.stage
    _run(manual, "gateway", "export", "day", str(folder), "--settings",
         str(stage.folder / "gateway-0.toml"), "--division", DIVISION)  # fmt: skip


def _run(manual: Manual, *words: str) -> None:
    stage = manual.stage
    environment = stage.gateway_environment | stage.bureau_environment
    subprocess.run(
        [sys.executable, "-m", *words], env=stage.environment(environment), check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


async def test_a_proven_day_becomes_tables(manual: Manual, exported: Path) -> None:
    out = exported.parent / "out"
    assert "proven" in manual.node("warehouse.mjs", str(exported), str(out))
    lines = (exported / "records.ndjson").read_bytes().count(b"\n")
    with sqlite3.connect(":memory:") as base:
        for _again in range(2):
            base.executescript((out / "load.sql").read_text("utf-8"))
        (records,) = base.execute("SELECT count(*) FROM records").fetchone()
        paid = base.execute(
            "SELECT v.outcome, v.amount_fen, b.bank_outcome FROM verdicts v LEFT JOIN bank_outcomes"
            " b USING (instruction) WHERE v.instruction LIKE '%/WH-PAID'"
        ).fetchall()
        (why,) = base.execute(
            "SELECT count(*) FROM findings WHERE instruction LIKE '%/WH-NOT' AND action = 'block'"
        ).fetchone()
    assert records == lines
    assert paid == [("passed", 20101, "accepted")]
    assert why
    assert "\"'=1+1 " in (out / "verdicts.csv").read_text("utf-8-sig")


async def test_what_the_bureau_exports_of_its_own_copy_is_loaded_too(
    manual: Manual, exported: Path
) -> None:
    stage, folder = manual.stage, exported.parent / "bureau"
    _run(manual, "bureau", "--settings", str(stage.folder / "bureau.toml"), "--export", str(folder))
    (stretch,) = folder.glob("[!.]*")
    out = exported.parent / "out"
    assert "proven" in manual.node("warehouse.mjs", str(stretch), str(out))
    ours = (exported / "records.ndjson").read_bytes()
    assert (stretch / "records.ndjson").read_bytes().startswith(ours)


async def test_an_altered_record_and_one_left_out_are_not_loaded(
    manual: Manual, exported: Path
) -> None:
    file, out = exported / "records.ndjson", exported.parent / "none"
    lines = file.read_bytes().splitlines(keepends=True)
    altered = [line.replace(b'"amount_fen":', b'"amount_fen":1') for line in lines]
    for wrong in (altered, lines[:-1], lines[:1] + lines[2:]):
        file.write_bytes(b"".join(wrong))
        with pytest.raises(subprocess.CalledProcessError):
            manual.node("warehouse.mjs", str(exported), str(out))
        assert not out.exists()

"""docs/examples: a day is proven (day.py), then loaded (warehouse.mjs); no altered one is."""

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from deploy.demo.stage import HOST
from tests.manuals.conftest import DIVISION, EXAMPLES, Manual
from tests.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


@pytest.fixture
async def exported(manual: Manual, tmp_path: Path) -> Path:
    """The whole log, with a payment that was paid and one that was refused."""
    folder = tmp_path / "day"
    await _witnessed(manual)
    _export(manual, folder)
    return folder


async def _witnessed(manual: Manual, name: str = "WH") -> None:
    paid = manual.instruction(f"{name}-PAID", amount="201.01", purpose="=1+1 打印纸采购")
    manual.agency("send", str(paid))
    manual.agency("send", str(manual.instruction(f"{name}-NOT", manual.model("blocked"))))

    def witnessed() -> bool:
        told = manual.agency("ask", manual.key(paid))
        with urlopen(f"http://{HOST}:{manual.stage.ports.ops}/backlog") as backlog:
            waiting = json.load(backlog)["notices_waiting"]
        return "bank_outcome 已核验" in told and "尚未" not in told and not waiting

    await until(witnessed)


def _export(manual: Manual, folder: Path, *more: str) -> None:
    stage = manual.stage
    _run(manual, "gateway", "export", "day", str(folder), "--settings",
         str(stage.folder / "gateway-0.toml"), "--division", DIVISION, *more)  # fmt: skip


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


@pytest.fixture
async def today(manual: Manual, tmp_path: Path) -> Path:
    """A day by its date has the notices too."""
    await _witnessed(manual)
    _export(manual, tmp_path / "today", "--on", str(manual.day.on))
    return tmp_path / "today"


def _checked(manual: Manual, folder: Path) -> subprocess.CompletedProcess[str]:
    """docs/examples/day.py, as an auditor types it: without this program on its path."""
    stage = manual.stage
    argv = [
        sys.executable,
        "-I",
        EXAMPLES / "day.py",
        folder,
        stage.record_key[0],
        stage.witness[0],
    ]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder)


async def test_an_auditor_proves_a_day_with_a_program_that_knows_only_the_docs(
    manual: Manual, today: Path
) -> None:
    said = _checked(manual, today)
    assert said.returncode == 0, said.stderr
    promised, signed_for = re.findall(r"notices promised: (\d+); .* for (\d+)", said.stdout)[0]
    assert promised == signed_for != "0"
    stage, folder = manual.stage, today.parent / "bureau"
    for _again in range(2):  # the second begins where the first ended
        _run(
            manual, "bureau", "--settings", str(stage.folder / "bureau.toml"),
            "--export", str(folder),
        )  # fmt: skip
        await _witnessed(manual, f"WH-{_again}")
    stretches = sorted(folder.glob("[!.]*"))
    assert [(each / "previous").exists() for each in stretches] == [False, True]
    for each in stretches:
        assert _checked(manual, each).returncode == 0


async def test_whatever_is_changed_in_a_day_is_found_without_our_program(
    manual: Manual, today: Path
) -> None:
    for name in ("records.ndjson", "checkpoint", "notices.ndjson", "manifest.jws"):
        file = today / name
        whole = file.read_bytes()
        for wrong in (whole.replace(b"1", b"2", 1), whole[: len(whole) // 2], b""):
            file.write_bytes(wrong)
            said = _checked(manual, today)
            assert said.returncode == 1 and "NOT PROVEN" in said.stderr, (name, said)
        file.write_bytes(whole)
    stage = manual.stage
    stage.record_key, kept = stage.bank_record, stage.record_key
    assert "not signed by the bank" in _checked(manual, today).stderr
    stage.record_key = kept
    assert _checked(manual, today).returncode == 0

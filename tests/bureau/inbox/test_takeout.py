"""What the bureau exports proves itself, follows without a gap, and is never of another log."""

import fcntl
import json
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

from adapters.folder.lock import hold, release
from bureau.desk import takeout
from bureau.desk.takeout import TakeOut
from bureau.handing_over import LOCK, take_out
from bureau.settings import Settings
from certs.keys import save_certificates
from gateway.commands.command_line import app
from tests.bureau.words import DIVISION, Bureau, Chain, House, told, verdict

pytestmark = pytest.mark.postgres


async def _receive(bureau: Bureau, chain: Chain, numbers: range) -> None:
    await told(bureau, chain, *(verdict(n) for n in numbers))


def _takeout(bureau: Bureau, folder: Path) -> TakeOut:
    return TakeOut(folder, bureau.log, [bureau.place])


def _verify(folder: Path, house: House, bureau: Bureau) -> tuple[int, int]:
    """The exit code, and how many records it is about."""
    bank, witness = folder.parent / "bank.pem", folder.parent / "bureau.pem"
    save_certificates(bank, [house.gateway.certificate])
    save_certificates(witness, [bureau.trust.own.certificate])
    argv = ["verify", "day", str(folder), "--bank", str(bank), "--bureau", str(witness),
            "--no-manifest", "--json"]  # fmt: skip
    done = CliRunner().invoke(app, argv)
    return done.exit_code, (folder / "records.ndjson").read_bytes().count(b"\n")


async def test_each_run_writes_what_came_since_and_every_folder_proves_itself(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    assert await _takeout(bureau, folder).write() == []
    await _receive(bureau, chain, range(300))
    (first,) = await _takeout(bureau, folder).write()
    await _receive(bureau, chain, range(300, 305))
    await _receive(bureau, chain, range(305, 310))
    (second,) = await _takeout(bureau, folder).write()
    assert await _takeout(bureau, folder).write() == []
    assert first.name == f"{DIVISION}-{bureau.place.bank}-000000000000-000000000300"
    assert second.name.endswith("-000000000300-000000000310")
    assert _verify(first, house, bureau) == (0, 300)
    assert _verify(second, house, bureau) == (0, 10)


async def test_a_long_log_is_written_in_stretches_that_end_where_it_was_cosigned(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeout, "STRETCH_MAX", 10)
    for start, end in ((0, 4), (4, 9), (9, 30), (30, 31)):
        await _receive(bureau, chain, range(start, end))
    written = await _takeout(bureau, tmp_path / "out").write()
    assert [int(each.name.rpartition("-")[2]) for each in written] == [9, 30, 31]
    assert [_verify(each, house, bureau) for each in written] == [(0, 9), (0, 21), (0, 1)]
    numbers = [
        json.loads(line)["seq"]
        for each in written
        for line in (each / "records.ndjson").read_bytes().splitlines()
    ]
    assert numbers == list(range(31))


async def test_a_folder_of_another_history_is_not_continued(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    await _receive(bureau, chain, range(3))
    (first,) = await _takeout(bureau, folder).write()
    other = Chain(house.gateway)
    other.seal([verdict(n) for n in range(7, 10)])
    (first / "checkpoint").write_text(other.delivery().checkpoint, encoding="utf-8")
    with pytest.raises(ValueError, match="another log"):
        await _takeout(bureau, folder).write()


async def test_a_bank_whose_name_goes_on_with_a_number_is_another_bank(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    """`ccb` and `ccb-2` in one division: the one took the other's folders for its own, for good."""
    folder = tmp_path / "out"
    await _receive(bureau, chain, range(3))
    (first,) = await _takeout(bureau, folder).write()
    first.rename(folder / first.name.replace(bureau.place.bank, f"{bureau.place.bank}-2"))
    (own,) = await _takeout(bureau, folder).write()
    assert _verify(own, house, bureau) == (0, 3)


async def test_a_second_export_into_one_folder_waits_for_another_day(tmp_path: Path) -> None:
    """A timer's and a person's at once: the one took away what the other was writing."""
    held = hold(tmp_path / LOCK, fcntl.LOCK_EX)
    try:
        with pytest.raises(BlockingIOError, match="held by"):
            await take_out(tmp_path, cast(Settings, None))
    finally:
        release(held)


async def test_what_was_left_half_written_is_written_anew(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    await _receive(bureau, chain, range(3))
    half = folder / f".{DIVISION}-{bureau.place.bank}-000000000000-000000000003"
    half.mkdir(parents=True)
    (half / "records.ndjson").write_bytes(b"half")
    (first,) = await _takeout(bureau, folder).write()
    assert _verify(first, house, bureau) == (0, 3)
    assert not half.exists()

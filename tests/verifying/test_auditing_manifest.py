"""The signed list of an exported day's files: nothing is taken away unseen, by whomever."""

import base64
import json
import shutil
import stat

import pytest

from certs.bundled import receipts_for
from certs.log.manifest import MANIFEST, write_manifest
from tests.certs.conftest import suite as suite
from tests.verifying.test_auditing import DAY, DIVISION, NEXT, World, a_day, facts, verify
from tests.verifying.test_auditing import world as world

pytestmark = pytest.mark.postgres


async def test_a_file_that_was_taken_away_is_told_by_name_and_never_valid(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "the records name payees and accounts"
    for file in sorted(folder.iterdir()):
        kept = file.read_bytes()
        file.unlink()
        result = verify("day", folder, *world.trusted)
        assert result.exit_code == 2, (file.name, result.output)
        assert file.name in result.output, result.output
        file.write_bytes(kept)
    assert verify("day", folder, *world.trusted).exit_code == 0
    (folder / MANIFEST).unlink()
    assert verify("day", folder, *world.trusted, "--no-manifest").exit_code == 0


async def test_a_list_of_files_that_another_signed_or_that_names_other_files_is_found(
    world: World,
) -> None:
    await a_day(world)
    folder = await world.exported()
    origin = (folder / "checkpoint").read_text().partition("\n")[0]
    good = (folder / MANIFEST).read_bytes()
    write_manifest(folder, origin, DAY.isoformat(), world.bureau)
    assert verify("day", folder, *world.trusted).exit_code == 1, "not the bank's key"
    write_manifest(folder, f"{origin}0", DAY.isoformat(), world.gateway)
    assert verify("day", folder, *world.trusted).exit_code == 1, "another log's"
    (folder / MANIFEST).write_bytes(good)
    (folder / "leaves").write_bytes(b"")
    result = verify("day", folder, *world.trusted, "--json")
    assert result.exit_code == 1 and facts(result)["altered_files"] == ["leaves"]


async def test_a_bank_that_signs_a_list_without_the_notices_is_found_by_its_verdicts(
    world: World,
) -> None:
    await a_day(world)
    folder = await world.exported()
    origin = (folder / "checkpoint").read_text().partition("\n")[0]
    (folder / "notices.ndjson").unlink()
    write_manifest(folder, origin, DAY.isoformat(), world.gateway)
    result = verify("day", folder, *world.trusted, "--json")
    assert result.exit_code == 3, result.output
    assert facts(result)["notices_missing"] == [f"{DIVISION}/2026/8202/3"]


async def test_a_close_that_stands_behind_the_folders_end_is_not_held_against_it(
    world: World,
) -> None:
    """The folder may lack what was judged between its end and the close: nobody can count."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    early = await world.exported("early")
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    whole = await world.exported("whole")
    shutil.copy(whole / "day_close.json", early)
    origin = (early / "checkpoint").read_text().partition("\n")[0]
    write_manifest(early, origin, DAY.isoformat(), world.gateway)
    result = verify("day", early, *world.trusted)
    assert result.exit_code == 2 and "本夹至日终汇总为止" in result.output, result.output


async def test_a_receipt_that_the_bank_wrote_itself_is_no_bureaus(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    file = folder / "notices.ndjson"
    (line,) = [json.loads(each) for each in file.read_bytes().splitlines()]
    (own,) = receipts_for(DIVISION, [base64.b64decode(line["notice"])], world.gateway.receipt)
    assert line["receipt"] is not None
    file.write_text(json.dumps(line | {"receipt": own}) + "\n")
    origin = (folder / "checkpoint").read_text().partition("\n")[0]
    write_manifest(folder, origin, DAY.isoformat(), world.gateway)
    result = verify("day", folder, *world.trusted)
    assert result.exit_code == 1 and "不是财政部门对该通知的签名" in result.output, result.output


@pytest.mark.parametrize(
    ("name", "before", "after", "words"),
    [
        ("checkpoint", b"spiffe", b"spigfe", "检查点首行写的日志为“spigfe:"),
        ("checkpoint", b"\n", b"\r\n", "检查点首行写的是“"),
        (MANIFEST, b".", b".A", "清单被改动"),
        ("records.ndjson", b"agency", b"agenby", "条被改动"),
    ],
)
async def test_what_was_spoiled_is_what_is_named(
    name: str, before: bytes, after: bytes, words: str, world: World
) -> None:
    """Of a checkpoint whose first line is altered neither a good certificate nor the list."""
    await a_day(world)
    file = await world.exported() / name
    file.write_bytes(file.read_bytes().replace(before, after))
    result = verify("day", file.parent, *world.trusted)
    assert result.exit_code in (1, 2)
    assert words in result.output.replace("\n", ""), result.output

"""Day files in a watched folder, and files sent by hand: the same line, the same answers."""

import json
from pathlib import Path

import pytest

from adapters.agency.heard import heard_in
from adapters.folder.tray import Tray, Unusable
from deploy.demo.day import DayItem
from gateway.domain.decision import Outcome
from tests.commands.staged import run
from tests.crash.theatre import Theatre, theatre
from tests.crash.truth import settled
from tests.patience import until


def put(folder: Path, name: str, raw: bytes, signature: str) -> None:
    """As docs/files.md asks: hidden first, the signature before the document."""
    for path, body in ((f"{name}.jws", signature.encode()), (name, raw)):
        (folder / f".{path}").write_bytes(body)
        (folder / f".{path}").rename(folder / path)


def name_of(number: int, item: DayItem) -> str:
    return f"{number:04d}.{'xml' if item.format == 'voucher' else 'json'}"


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(240)
async def test_a_folder_of_a_day_is_carried_once_although_the_gateway_dies_over_it() -> None:
    async with theatre(41, 160, habits=("--delay-ms", "2"), files=True) as stage:
        incoming, done, failed = (
            stage.stage.folder / "files" / place for place in ("incoming", "done", "failed")
        )
        await until(incoming.is_dir)
        items = [item for item in stage.plan.items if not item.forged]
        for number, item in enumerate(items):
            signature = stage.sign[item.sender](item.raw)
            put(incoming, name_of(number, item), item.raw, signature)
        put(incoming, "forged.json", items[0].raw + b" ", stage.sign[items[0].sender](items[0].raw))
        put(incoming, "picture.png", b"\x89PNG", "x..y")
        await until(lambda: len(list(done.glob("*.answer"))) > 20)
        for name in stage.stage.gateway_names:
            stage.kill(name)
        await stage.heal()
        await until(lambda: _ended(done, failed) == len(items) + 2, within_s=120)
        await settled(stage)
        journal = await stage.journal()
        assert all(row["count"] <= 1 for row in journal["effects"]), "paid twice"
        assert {p.name for p in failed.iterdir()} >= {
            "forged.json", "forged.json.problem.json", "picture.png", "picture.png.problem.json",
        }  # fmt: skip
        picture = json.loads((failed / "picture.png.problem.json").read_bytes())
        assert "监视文件夹中的文件：请重新导出" in picture["remedy_zh"], "it has no Content-Type"
        problem = json.loads((failed / "forged.json.problem.json").read_bytes())
        assert problem["code"] == "signature_invalid"
        await _answers_are_the_door_s(stage, items, done)
        assert not list((stage.stage.folder / "files" / "working").iterdir())


def _ended(done: Path, failed: Path) -> int:
    endings = [*done.glob("*.answer"), *failed.glob("*.problem.json")]
    return len(endings)


async def _answers_are_the_door_s(stage: Theatre, items: list[DayItem], done: Path) -> None:
    client = stage.client()
    passed = 0
    for number, item in enumerate(items):
        file = done / f"{name_of(number, item)}.answer"
        if not file.exists():
            continue
        answer = await client.send(item)
        again = heard_in(answer.status, answer.body, item.format)
        heard = heard_in(200, file.read_bytes(), item.format)
        assert (heard.outcome, heard.policies) == (again.outcome, again.policies)
        passed += heard.outcome == "passed"
    await client.aclose()
    assert passed > 20


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(240)
async def test_files_are_signed_and_sent_by_hand_and_each_outcome_is_told(tmp_path: Path) -> None:
    async with theatre(42, 80, habits=("--delay-ms", "2")) as stage:
        made = stage.stage
        first = next(item for item in stage.plan.items if _passes(item, "json"))
        voucher = next(item for item in stage.plan.items if _passes(item, "voucher"))
        for name, raw in (("one.json", first.raw), ("two.xml", voucher.raw), ("three", b"\x00")):
            (tmp_path / name).write_bytes(raw)
        ran = run(
            made, "submit", *(tmp_path / name for name in ("one.json", "two.xml", "three")),
            "--gateway", f"https://127.0.0.1:{made.ports.door}",
            "--tls-certificate", made.client.certificate, "--tls-key", made.client.key,
            "--authority", made.client.authorities,
            "--sign-certificate", made.channel_key[0], "--sign-key", made.channel_key[1],
            "--answers", tmp_path / "answers", "--json",
            more={"SUBMIT_KEY_PASSPHRASE": made.identities.passphrase.decode()},
        )  # fmt: skip
        told = [json.loads(line) for line in ran.out.splitlines()]
        assert [one["outcome"] for one in told] == ["passed", "passed", None], ran.said
        assert ran.code == 1
        kept = sorted(path.name for path in (tmp_path / "answers").iterdir())
        assert kept == ["one.json.answer", "two.xml.answer"]
        unlocked = run(
            made, "submit", tmp_path / "one.json", "--gateway", "https://127.0.0.1:1",
            "--tls-certificate", made.client.certificate, "--tls-key", made.client.key,
            "--authority", made.client.authorities,
            "--sign-certificate", made.channel_key[0], "--sign-key", made.channel_key[1],
        )  # fmt: skip
        assert unlocked.code == 2
        assert "SUBMIT_KEY_PASSPHRASE" in unlocked.err


def _passes(item: DayItem, format: str) -> bool:
    return item.format == format and item.outcome is Outcome.PASS and not item.replay


def test_a_document_waits_for_its_signature_and_loses_neither(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.prepare()
    incoming, working = tmp_path / "incoming", tmp_path / "working"
    (incoming / "a.json").write_bytes(b"{}")
    assert tray.take(10) == []
    (incoming / "a.json.jws").write_bytes(b"x..y")
    assert tray.take(10) == ["a.json"]
    assert tray.read("a.json").signature == "x..y"
    (working / "a.json.jws").unlink()
    with pytest.raises(Unusable, match="缺少签名"):
        tray.read("a.json")


def test_a_crash_between_two_renames_leaves_nothing_alone(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.prepare()
    incoming, working, done = (tmp_path / p for p in ("incoming", "working", "done"))
    (working / "taken.json.jws").write_bytes(b"x..y")  # the document was not moved any more
    (incoming / "taken.json").write_bytes(b"{}")
    (working / "ended.json.jws").write_bytes(b"x..y")  # the document was moved already
    (done / "ended.json").write_bytes(b"{}")
    assert tray.taken_before() == []
    assert (done / "ended.json.jws").exists()
    assert tray.take(10) == ["taken.json"]


def test_a_name_that_was_used_before_overwrites_no_evidence(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.prepare()
    for day in (b"1", b"2"):
        put(tmp_path / "incoming", "day.json", day, "x..y")
        (name,) = tray.take(1)
        tray.answered(name, b"answer " + day)
    kept = {path.read_bytes() for path in (tmp_path / "done").iterdir() if path.suffix != ".jws"}
    assert kept == {b"1", b"2", b"answer 1", b"answer 2"}


def test_links_and_hidden_files_are_no_documents(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.prepare()
    incoming = tmp_path / "incoming"
    secret = tmp_path / "secret"
    secret.write_bytes(b"key")
    (incoming / "link.json").symlink_to(secret)
    (incoming / "link.json.jws").write_bytes(b"x..y")
    (incoming / ".half.json").write_bytes(b"{")
    assert tray.take(10) == []

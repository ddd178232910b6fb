"""An auditor's commands on what bank and bureau really wrote, in both suites, with files alone."""

import asyncio
import datetime as dt
import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import attrs
import orjson
import pytest
from msgspec.structs import asdict, replace
from typer.testing import CliRunner, Result

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.log.export import PostgresExport
from adapters.postgres.log.recordlog import PostgresRecordLog
from adapters.postgres.oversight.day_close import PostgresDayBook
from certs.bundled import receipts_for
from certs.keys import pem_of, save_certificates
from certs.log.manifest import write_manifest
from certs.log.sealer import Sealer
from certs.log.witness import Witness
from certs.signing.signer import Signer
from gateway.commands.command_line import app
from gateway.domain.decision import Outcome
from gateway.domain.ledger import Admitted, RecordDraft
from gateway.domain.log import LogHead
from gateway.domain.records import canonical, unnumbered
from gateway.pipeline.close import day_close
from gateway.pipeline.tell import Origin, microseconds
from gateway.tending.export import _beside, export_day, export_growth
from tests.adapters.postgres.storage_builders import DIVISION, admission
from tests.certs.conftest import Pki, make_pki
from tests.certs.conftest import suite as suite
from tests.certs.oracles import log_keys

pytestmark = pytest.mark.postgres
AT = dt.datetime(2026, 3, 2, 3, 0, tzinfo=dt.UTC)
DAY = AT.date()
NEXT = AT + dt.timedelta(days=1)


@attrs.define
class World:
    """One bank's log and its bureau's cosignatures, over a real database."""

    dsn: str
    folder: Path
    gateway: Signer
    bureau: Signer
    pki: Pki
    ledger: PostgresLedger
    records: PostgresRecordLog
    held: LogHead | None = None

    async def decide(self, number: int, account: str, outcome: Outcome = Outcome.PASS) -> bytes:
        """The verdict is recorded as the line would; returns the instruction's bytes."""
        made = admission(number, 100 + number, (), outcome=outcome)
        notice = None if outcome is Outcome.PASS else canonical({"kind": "interception"})
        fields = asdict(made.key) | {
            "agency": {"code": "101001", "name": "单位"},
            "agency_no": None,
            "amount_fen": made.amount_fen,
            "digest": made.digest.hex(),
            "kind": "verdict",
            "notice_sha256": hashlib.sha256(notice).hexdigest() if notice else None,
            "outcome": outcome,
            "payer": {"account": account},
            "recorded_at": microseconds(AT),
        }
        record = RecordDraft(kind="verdict", subject=str(made.key), body=unnumbered(fields))
        full = replace(made, agency_code="101001", record=record, notice=notice, decided_at=AT)
        assert isinstance(await self.ledger.admit(full), Admitted)
        return made.raw

    async def seal(self, at: dt.datetime = AT) -> None:
        assert await self.records.seal(DIVISION, 1000, at, Sealer(self.gateway).seal)

    async def deliver(self, at: dt.datetime = AT) -> None:
        while delivery := await self.records.next_delivery(DIVISION, 1000):
            keys = log_keys(self.gateway, delivery.checkpoint.partition("\n")[0])
            taken = Witness(self.bureau, {DIVISION: keys}).verify(self.held, delivery, at)
            self.held = taken.head
            await self.records.acknowledge(DIVISION, taken.cosigned, at)
        notices = await self.records.notices(DIVISION, 10)
        receipts = receipts_for(DIVISION, [each.body for each in notices], self.bureau.receipt)
        told = dict(zip([each.id for each in notices], receipts, strict=True))
        await self.records.notices_told(DIVISION, told, at)

    async def close(self) -> None:
        book = PostgresDayBook(self.dsn)
        origin = Origin(bank="103", uri=self.gateway.uri)
        assert await book.close_day(DIVISION, DAY, NEXT, partial(day_close, origin=origin, at=NEXT))
        await book.close()

    async def exported(self, name: str = "day", on: dt.date | None = DAY) -> Path:
        target = self.folder / name
        await asyncio.to_thread(
            export_day, self.dsn, DIVISION, on, target, lambda *_: None, self.gateway
        )
        return target

    @property
    def trusted(self) -> list[str]:
        return [
            "--bank",
            str(self.folder / "bank.pem"),
            "--bureau",
            str(self.folder / "bureau.pem"),
        ]

    def receipt(self, raw: bytes, outcome: str = "passed", at: dt.datetime = AT) -> str:
        fields = {
            "decided_at": microseconds(at),
            "digest": hashlib.sha256(raw).hexdigest(),
            "instruction": f"{DIVISION}/2026/8202/1",
            "kind": "intake_receipt",
            "outcome": outcome,
        }
        return self.gateway.receipt(canonical(fields))


def verify(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["verify", *map(str, arguments)])


def facts(result: Result) -> dict[str, Any]:
    return json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
async def world(migrated: str, tmp_path: Path, suite: str) -> AsyncIterator[World]:
    pki = make_pki(AT)
    gateway = pki.party("gateway/103", AT, suite)
    bureau = pki.party(f"bureau/{DIVISION}", AT, suite)
    save_certificates(tmp_path / "bank.pem", [each.certificate for each in gateway.each])
    save_certificates(tmp_path / "bureau.pem", [each.certificate for each in bureau.each])
    records = PostgresRecordLog(migrated)
    async with PostgresLedger(migrated, instance="gw") as ledger:
        yield World(migrated, tmp_path, gateway, bureau, pki, ledger, records)
    await records.close()


async def a_day(world: World) -> None:
    await world.decide(1, "A")
    await world.decide(2, "B")
    await world.decide(3, "A", Outcome.BLOCK)
    await world.seal()
    await world.deliver()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)


async def test_a_day_is_verified_with_its_close_and_the_bureaus_receipts(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    assert {"day_close.json", "notices.ndjson"} < {each.name for each in folder.iterdir()}
    result = verify("day", folder, *world.trusted, "--json")
    found = facts(result)
    assert result.exit_code == 0, result.stdout
    assert (found["day_close"], found["day_close_differs"], found["unrecorded"]) == (
        "2026-03-02", [], [],
    )  # fmt: skip
    assert (found["notices_received"], found["notices_untold"]) == (1, 0)
    words = verify("day", folder, *world.trusted).stdout
    first = verify("day", folder, *world.trusted, "--kept", world.folder / "not-yet-kept")
    assert first.exit_code == 2 and "not-yet-kept 不可读" in first.output
    assert "附件残缺" not in first.output, "nothing is amiss with the folder"
    assert "日终汇总与判定记录逐户相符：3 笔" in words and "财政部门签收 1 份" in words


async def test_a_close_or_receipt_that_is_altered_or_another_days_is_found(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    close, notices = folder / "day_close.json", folder / "notices.ndjson"
    good = close.read_bytes(), notices.read_bytes()
    item = orjson.loads(good[0])["evidence"][0]
    for name, change in {
        "another seq": {"seq": item["seq"] - 1},
        "another size": {"tree_size": item["tree_size"] + 1},
        "no path": {"path": item["path"][1:]},
        "a verdict in its place": {"record": item["record"][:-8] + "AAAAAAA="},
    }.items():
        close.write_bytes(orjson.dumps({"evidence": [item | change]}))
        assert verify("day", folder, *world.trusted).exit_code in (1, 2), name
    close.write_bytes(b'{"evidence": []}')
    assert verify("day", folder, *world.trusted).exit_code == 1
    close.write_bytes(good[0])
    line = orjson.loads(good[1])
    for receipt in ("", "a.b.c", world.gateway.receipt(b"x"), world.bureau.receipt(b"x")):
        notices.write_bytes(orjson.dumps(line | {"receipt": receipt}) + b"\n")
        assert verify("day", folder, *world.trusted).exit_code == 1
    notices.write_bytes(good[1])
    assert verify("day", folder, *world.trusted).exit_code == 0


async def test_a_verdict_that_the_close_counts_and_the_log_lacks_is_a_gap(world: World) -> None:
    """The ledger's owner takes a record out before it is numbered: the close names it."""
    await world.decide(1, "A")
    await world.seal()
    await world.decide(2, "A")

    owner = await asyncpg.connect(world.dsn)
    await owner.execute("DELETE FROM told_batch")
    await owner.close()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    await world.decide(9, "Z")  # sealed on the same day for a stretch to export
    folder = await _whole(world)
    result = verify("day", folder, *world.trusted, "--json")
    assert result.exit_code == 3, result.stdout
    assert facts(result)["unrecorded"] == [f"{DIVISION}/2026/8202/2"]


async def _whole(world: World) -> Path:
    """The whole log with the close beside it, as two exports give it."""

    target = world.folder / "whole"
    await asyncio.to_thread(
        export_day, world.dsn, DIVISION, None, target, lambda *_: None, world.gateway
    )
    log = PostgresExport(world.dsn)
    for name, data in (await _beside(log, DIVISION, DAY, world.held.size)).items():
        (target / name).write_bytes(data)
    await log.close()
    origin = (target / "checkpoint").read_text().partition("\n")[0]
    write_manifest(target, origin, None, world.gateway)
    return target


async def test_growth_since_a_kept_checkpoint_is_proven_and_nothing_else(world: World) -> None:
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    kept = world.folder / "kept"
    kept.write_text(
        (await world.records.evidence(DIVISION, f"{DIVISION}/2026/8202/1"))[0].checkpoint
    )
    await _a_day_more(world)
    proof = world.folder / "growth"
    size = await asyncio.to_thread(export_growth, world.dsn, DIVISION, kept, proof)
    result = verify("consistency", kept, proof, *world.trusted)
    assert result.exit_code == 0 and "原样未动" in result.stdout and size == 4, result.stdout
    other = world.folder / "other"
    text = proof.read_text()
    first = text.split("\n")[1]
    for spoiled, codes in (
        (text.replace(first, first[::-1]), (2, 4)),
        (text.replace("old 1", "old 2"), (2,)),
        (text.replace("\n4\n", "\n5\n"), (1,)),
        ("nonsense", (2,)),
        (text.replace("old 1\n", "old 01\n"), (2,)),
    ):
        other.write_text(spoiled)
        assert verify("consistency", kept, other, *world.trusted).exit_code in codes, spoiled
    assert verify("consistency", kept, world.folder / "absent", *world.trusted).exit_code == 2


async def _a_day_more(world: World) -> None:
    for number in (2, 3, 4):
        await world.decide(number, "A")
    await world.seal()
    await world.deliver()


async def test_a_senders_receipt_shows_what_was_promised_and_what_the_log_lacks(
    world: World,
) -> None:
    raw = await world.decide(1, "A")
    await world.seal()
    await world.deliver(AT + dt.timedelta(seconds=2))
    folder = await world.exported()
    file, sent = world.folder / "receipt.jws", world.folder / "instruction.json"
    file.write_text(world.receipt(raw))
    sent.write_bytes(raw)
    bank = world.trusted[:2]
    good = verify("receipt", file, *bank, "--instruction", sent, "--json")
    assert good.exit_code == 0 and facts(good)["outcome"] == "passed", good.stdout
    with_day = ["--day", folder, *world.trusted, "--instruction", sent]
    assert verify("receipt", file, *with_day).exit_code == 0
    answer = world.folder / "answer.json"
    answer.write_bytes(orjson.dumps({"outcome": "passed", "receipt": world.receipt(raw)}))
    assert verify("receipt", answer, *bank).exit_code == 0
    for lie in ({"outcome": "blocked"}, {"instruction": "another"}):
        answer.write_bytes(orjson.dumps({"receipt": world.receipt(raw)} | lie))
        assert verify("receipt", answer, *bank).exit_code == 1, "the answer around it is a lie"
    for words, code in (
        (world.receipt(b"never logged"), 3),
        (world.receipt(raw, "blocked"), 1),
        (world.bureau.receipt(b"{}"), 1),
        (world.gateway.receipt(b"{}"), 1),
        (world.receipt(raw)[:-1] + "_", 1),
        ("garbage", 1),
    ):
        file.write_text(words)
        result = verify("receipt", file, "--day", folder, *world.trusted)
        assert result.exit_code == code, (words, result.stdout)
    later = world.receipt(b"never logged", at=AT + dt.timedelta(seconds=3))
    file.write_text(later)
    result = verify("receipt", file, "--day", folder, *world.trusted)
    assert result.exit_code == 2, "a folder that ends before it accuses nobody"
    file.write_text(world.receipt(raw))
    sent.write_bytes(raw + b" ")
    assert verify("receipt", file, *bank, "--instruction", sent).exit_code == 1
    assert verify("receipt", file, *bank, "--day", folder).exit_code == 2, "--bureau is wanted"


async def test_a_certificate_is_judged_by_its_authority_time_and_purpose(world: World) -> None:
    authority, party = world.folder / "ca.pem", world.folder / "bank.pem"
    pems = [world.pki.evidence.certificate, world.pki.sm2.certificate]
    authority.write_bytes(b"".join(pem_of(each) for each in pems))
    at = ["--at", AT.strftime("%Y-%m-%dT%H:%M:%S"), "--authority", authority]
    good = verify("certificate", party, *at)
    assert good.exit_code == 0 and world.gateway.suite in good.stdout, good.stdout
    late = ["--at", "2028-01-01", "--authority", authority]
    assert verify("certificate", party, *late).exit_code == 1
    other = world.folder / "other.pem"
    save_certificates(other, [make_pki(AT).evidence.certificate])
    strange = verify("certificate", party, *at[:2], "--authority", other)
    assert strange.exit_code == 1 and "不成立：由所给的证据认证机构" in strange.output
    assert verify("certificate", authority, *at).exit_code in (1, 2), "an authority is no party"
    assert verify("certificate", world.folder / "absent", *at).exit_code == 2


_ONLY_CRYPTOGRAPHY = """
import builtins, sys
real = builtins.__import__
refused = {"asyncpg", "aiohttp", "socket_", "uvloop", "lxml", "prometheus_client"}
def only(name, *rest):
    if name.partition(".")[0] in refused:
        raise ImportError(f"an auditor has no {name}")
    return real(name, *rest)
builtins.__import__ = only
import socket
def no_network(*_):
    raise AssertionError("an auditor's check opens no connection")
socket.socket.connect = no_network
from gateway.commands.verify import verify_app
verify_app()
"""


async def test_the_check_needs_no_database_driver_no_server_and_no_network(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", _ONLY_CRYPTOGRAPHY, "day", str(folder), *world.trusted],
        env={}, capture_output=True, text=True, check=False, timeout=180,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Valid." in done.stdout

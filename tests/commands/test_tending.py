"""The operator's commands on a real stage: unknowns, doctor, export, verify, serve --check."""

import asyncio
import datetime as dt
import json
import shutil
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import asyncpg
import pytest

from certs.tls import client_context
from deploy.demo.stage import BANK_CODE, HOST, Stage
from gateway.domain.legal_day import legal_day
from gateway.examining.finding import State
from gateway.examining.keys import certificates as certificates_of
from gateway.settings import read_settings
from tests.commands.staged import Ran, exporting, run

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

DIVISION = "220000000"
REASON = "银行核心日终清单 2026-11-23 第3页无此笔，电话核实"
OPEN_AT_LEAST_S = 7.0


def settings_of(stage: Stage, tmp_path: Path, *changes: tuple[str, str]) -> Path:
    """The running gateway's settings with some text replaced."""
    text = (stage.folder / "gateway-0.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    file = tmp_path / "gateway.toml"
    file.write_text(text, "utf-8")
    return file


def without_horizon(stage: Stage, tmp_path: Path) -> Path:
    return settings_of(stage, tmp_path, ("horizon_s = 3600.0", "horizon_s = 1.0"))


def listed(stage: Stage) -> list[dict[str, Any]]:
    """Unknowns that the enquiries leave over: the bank does not know them."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = run(stage, "unknowns", "list", "--json").json
        if rows and min(row["age_s"] for row in rows) > OPEN_AT_LEAST_S:
            return list(rows)
        time.sleep(0.5)
    raise AssertionError("no payment stayed unknown: the bank was not silent")


def ask(stage: Stage, question: str, *values: object) -> Any:
    async def fetch() -> Any:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            return await connection.fetchval(question, *values)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def resolve(stage: Stage, key: str, settings: Path, outcome: str = "not_taken") -> Ran:
    return run(
        stage, "unknowns", "resolve", key, "--settings", settings, "--outcome", outcome,
        "--reason", REASON, "--by", "国库科 王强", "--json",
    )  # fmt: skip


def test_an_operator_settles_an_unknown_once_with_name_and_reason_in_the_record(
    stage: Stage, tmp_path: Path
) -> None:
    rows = listed(stage)
    key, amount = rows[0]["instruction"], rows[0]["amount"]
    early = resolve(stage, key, stage.folder / "gateway-0.toml")
    assert early.code == 1 and "may still take it until" in early.err
    settings = without_horizon(stage, tmp_path)
    reserved = ask(stage, "SELECT sum(reserved_fen) FROM limit_line WHERE kind = 'indicator'")
    done = resolve(stage, key, settings)
    assert done.code == 0, done.said
    assert done.json == {"instruction": key, "bank": "not_taken", "evidence": "operator"}
    left = ask(stage, "SELECT sum(reserved_fen) FROM limit_line WHERE kind = 'indicator'")
    assert reserved - left == round(float(amount) * 100)
    voucher = key.rpartition("/")[2]
    row = "SELECT evidence || ' ' || bank FROM settlement WHERE voucher_no = $1"
    assert ask(stage, row, voucher) == "operator not_taken"
    body = ask(
        stage,
        "SELECT body FROM told_record WHERE subject = $1 AND kind = 'bank_outcome'",
        key,
    )
    fields = json.loads(body)
    assert (fields["how"], fields["by"], fields["reason"]) == ("operator", "国库科 王强", REASON)
    again = resolve(stage, key, settings, "accepted")
    assert again.code == 1 and "settled already, not_taken" in again.err
    assert key not in [row["instruction"] for row in run(stage, "unknowns", "list", "--json").json]
    assert "王强" not in (stage.folder / "gateway-0.log").read_text("utf-8")


@pytest.mark.parametrize(
    ("key", "more", "code", "words"),
    [
        ("220000000/2026/8202/NONE", (), 1, "there is no such instruction"),
        ("not a key", (), 1, "a key is division/year"),
        ("220000000/2026/8202/NONE", ("--outcome", "unknown"), 2, "'unknown' is not one of"),
        ("220000000/2026/8202/NONE", ("--reason", "x"), 1, "--reason: 8 to 500"),
        ("220000000/2026/8202/NONE", ("--by", " "), 1, "--by: 2 to 64"),
        ("220000000/2026/8202/NONE", ("--settings", "absent.toml"), 2, "absent.toml"),
    ],
)
def test_a_decision_that_cannot_stand_is_refused_with_its_reason(
    stage: Stage, tmp_path: Path, key: str, more: tuple[str, ...], code: int, words: str
) -> None:
    settings = without_horizon(stage, tmp_path)
    said = run(
        stage, "unknowns", "resolve", key, "--settings", settings, "--outcome", "accepted",
        "--reason", REASON, "--by", "王强", *more,
    )  # fmt: skip
    assert said.code == code and words in said.err


def test_held_and_settled_payments_are_not_an_operators_to_decide(
    stage: Stage, tmp_path: Path
) -> None:
    settings = without_horizon(stage, tmp_path)
    for outcome, words in (("blocked", "never forwarded"), ("passed", "settled already")):
        voucher = ask(
            stage,
            "SELECT division || '/' || fiscal_year || '/' || voucher_type || '/' || voucher_no"
            " FROM instruction AS i WHERE outcome = $1 AND NOT EXISTS (SELECT FROM open_payment"
            " AS o WHERE o.voucher_no = i.voucher_no) LIMIT 1",
            outcome,
        )
        refused = resolve(stage, voucher, settings)
        assert refused.code == 1 and words in refused.err


def certificates(stage: Stage) -> tuple[object, ...]:
    return (
        "--bank", stage.record_key[0], "--bureau", stage.witness[0],
    )  # fmt: skip


def test_an_exported_day_verifies_and_an_altered_one_does_not(stage: Stage, tmp_path: Path) -> None:
    _all_told(stage)
    today = legal_day(dt.datetime.now(dt.UTC))
    folder, whole = _day_and_whole(stage, tmp_path, today)
    verified = run(stage, "verify", "day", folder, *certificates(stage), "--json")
    assert verified.code == 0, verified.said
    kept = ("--kept", whole / "checkpoint")
    held = run(stage, "verify", "day", folder, *certificates(stage), *kept)
    assert held.code == 0 and "later records are not judged" in held.out, held.said
    assert (whole / "records.ndjson").read_bytes() == (folder / "records.ndjson").read_bytes()

    again = run(stage, "export", "day", folder, *exporting(stage))
    assert again.code == 1 and "not empty" in again.err
    yesterday = today - dt.timedelta(days=1)
    none = run(stage, "export", "day", tmp_path / "n", *exporting(stage), "--on", yesterday)
    assert none.code == 1 and "cosigned nothing" in none.err

    records = folder / "records.ndjson"
    records.write_bytes(records.read_bytes().replace(b'"amount_fen":1', b'"amount_fen":2', 1))
    altered = run(stage, "verify", "day", folder, *certificates(stage))
    assert altered.code == 1 and "altered" in altered.out
    shutil.copy(whole / "records.ndjson", records)
    lines = records.read_bytes().splitlines(keepends=True)
    records.write_bytes(b"".join(lines[:5] + lines[6:]))
    assert run(stage, "verify", "day", folder, *certificates(stage)).code == 3, "a gap"


def _day_and_whole(stage: Stage, tmp_path: Path, today: dt.date) -> tuple[Path, Path]:
    """Today's records and all, of one size: a worker's record may be sealed between the two."""
    for turn in range(10):
        folder, whole = tmp_path / f"day-{turn}", tmp_path / f"whole-{turn}"
        day = run(stage, "export", "day", folder, *exporting(stage), "--on", today, "--json")
        every = run(stage, "export", "day", whole, *exporting(stage), "--json")
        assert day.code == every.code == 0 and day.json["records"] > 40, (day.said, every.said)
        if day.json["records"] == every.json["records"]:
            return folder, whole
    raise AssertionError("each time something was sealed between two exports")


def test_a_later_day_starts_where_the_former_ended(stage: Stage, tmp_path: Path) -> None:
    """Dated back by rows; but the bureau's own cosignature says when it was made."""
    _all_told(stage)
    moved = ", ".join(f"{at} = {at} - interval '1 day'" for at in ("sealed_at", "cosigned_at"))
    back = f"WITH back AS (UPDATE log_checkpoint SET {moved} RETURNING size, cosigned)"
    size = ask(stage, f"{back} SELECT max(size) FROM back WHERE cosigned IS NOT NULL")
    key = listed(stage)[0]["instruction"]
    assert resolve(stage, key, without_horizon(stage, tmp_path)).code == 0
    _all_told(stage)
    today, folder = legal_day(dt.datetime.now(dt.UTC)), tmp_path / "second"
    done = run(stage, "export", "day", folder, *exporting(stage), "--on", today, "--json")
    assert done.json["start"] == size and done.json["records"] >= 1
    said = run(stage, "verify", "day", folder, *certificates(stage))
    (failing,) = [line for line in said.out.splitlines() if "✗" in line]
    assert said.code == 2 and f"本夹自 {today} 之前起" in failing


def test_one_records_evidence_verifies_and_no_other_key_will_do(
    stage: Stage, tmp_path: Path
) -> None:
    _all_told(stage)
    key = ask(stage, "SELECT subject FROM log_record WHERE kind = 'verdict' ORDER BY seq LIMIT 1")
    evidence = tmp_path / "evidence.json"
    evidence.write_bytes(asyncio.run(_get(stage, f"/v1/instructions/{key}")))
    good = run(stage, "verify", "record", evidence, *certificates(stage), "--json")
    assert good.code == 0, good.said
    whole = json.loads(good.out.splitlines()[-1])
    assert whole["instruction"] == key and "verdict" in whole["kinds"]
    swapped = ("--bank", stage.witness[0], "--bureau", stage.record_key[0])
    assert run(stage, "verify", "record", evidence, *swapped).code != 0
    document = json.loads(evidence.read_bytes())
    item = document["evidence"][0]
    item["record"] = (
        item["record"][:40] + ("A" if item["record"][40] != "A" else "B") + item["record"][41:]
    )
    evidence.write_text(json.dumps(document))
    assert run(stage, "verify", "record", evidence, *certificates(stage)).code in (1, 2)
    evidence.write_text('{"evidence": []}')
    empty = run(stage, "verify", "record", evidence, *certificates(stage))
    assert empty.code == 2 and "no evidence" in empty.err


def test_the_doctor_tells_green_from_red(stage: Stage, tmp_path: Path) -> None:
    settings = stage.folder / "gateway-0.toml"
    seen = run(stage, "doctor", "--settings", settings, "--json")
    states = {finding["part"]: finding["state"] for finding in seen.json["findings"]}
    expected = {
        "settings", "tls", "record_key", "tls.certificate", "record_key.certificate", "policies",
        "database", "durability", "schema", f"registers {DIVISION}", "bank", f"bureau {DIVISION}",
        "payments", "records", f"log {DIVISION}",
    }  # fmt: skip
    assert expected <= set(states)
    assert {states[part] for part in expected} == {"good"} and seen.code == 0
    page = run(stage, "doctor", "--settings", settings)
    assert page.code == 0 and "✓ policies" in page.err and "✗" not in page.err
    ill = settings_of(stage, tmp_path, (f"port = {stage.ports.bank}\n", "port = 1\n"))
    red = run(stage, "doctor", "--settings", ill, "--json")
    assert red.code == 1
    broken = [finding for finding in red.json["findings"] if finding["state"] == "bad"]
    assert [finding["part"] for finding in broken] == ["bank"]


def test_an_operators_task_turns_the_doctor_red(stage: Stage) -> None:
    key = listed(stage)[0]["instruction"]
    voucher = key.rpartition("/")[2]
    ask(stage, "UPDATE open_payment SET operator_task = true WHERE voucher_no = $1", voucher)
    seen = run(stage, "doctor", "--settings", stage.folder / "gateway-0.toml", "--json")
    assert seen.code == 1
    assert [f["part"] for f in seen.json["findings"] if f["state"] == "bad"] == ["payments"]
    first = run(stage, "unknowns", "list", "--json").json[0]
    assert first["instruction"] == key and first["operator_task"] and first["asked_at"]
    ask(stage, "UPDATE open_payment SET operator_task = false")


Broken = tuple[str, str, int, tuple[str, ...]]


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("[policies]", "[policeis]", 2, ("policeis",)), ("[tls]", "[tls", 2, ("gateway.toml",)),
        ('bank_code = "', 'bank_cod = "', 2, ("bank_cod",)),
        ("listen_port = ", 'listen_port = "x" #', 2, ("listen_port",)),
        ("gateway-tls.pem", "absent.pem", 2, ("tls.certificate", "absent.pem")),
        ("gateway-record.key", "absent.key", 2, ("record_key.key", "absent.key")),
        ("gateway-tls.key", "bank-tls.key", 1, ("tls:", "not the certificate's")),
        ("gateway-tls", "bank-tls", 1, ("tls:", "names spiffe", "/bank/")),
        ("gateway-record", "bureau-record", 1, ("record_key:", "/bureau/")),
        ("evidence-ca.pem", "transport-ca.pem", 1, ("parties:",)),
        ("gateway-tls.pem", "garbage.pem", 1, ("garbage.pem", "no readable certificate")),
        (f"/gateway/{BANK_CODE}\"", "/gateway/999\"", 2, ("gateway.uri",)),
        ('divisions = ["220000000"]', 'divisions = ["220000000", "220100000"]', 2,
         ("bureaus.220100000",)),
        ("deadline_s = 2.0", "deadline_s = -1.0", 2, ("deadline_s",)),
        ("listen_port = ", "listen_port = 7", 2, ("listen_port",)),
        ('divisions = ["220000000"]', "divisions = []", 2, ("divisions",)),
        ('mark = "log.mark"', 'mark = "absent/log.mark"', 1, ("mark: cannot be written", "absent")),
        ('mark = "log.mark"', 'mark = "."', 1, ("mark: cannot be",)),
        ("ops_host", 'log_file = "absent/log"\nops_host', 1, ("log_file:", "absent/log")),
    ],
)  # fmt: skip
def test_check_names_each_broken_setting_and_file(
    stage: Stage, tmp_path: Path, old: str, new: str, code: int, words: tuple[str, ...]
) -> None:
    (stage.folder / "keys" / "garbage.pem").write_text("garbage")
    said = run(stage, "serve", "--settings", settings_of(stage, tmp_path, (old, new)), "--check")
    assert said.code == code, said.said
    assert all(word in said.err for word in words), said.err


@pytest.mark.parametrize(
    ("variable", "value", "code", "words"),
    [
        ("GATEWAY_KEY_PASSPHRASE", "another", 1, ("tls:", "record_key:", "another passphrase")),
        ("GATEWAY_KEY_PASSPHRASE", "", 2, ("GATEWAY_KEY_PASSPHRASE",)),
        ("GATEWAY_COMMITMENT_SECRET", "", 2, ("GATEWAY_COMMITMENT_SECRET",)),
        ("GATEWAY_COMMITMENT_SECRET", "short", 1, ("secrets:", "32 bytes")),
        ("GATEWAY_COMMITMENT_SECRET", "b" * 64, 1, ("not the one that this database",)),
        (
            "GATEWAY_DATABASE",
            "postgresql://127.0.0.1:1/x",
            1,
            ("database:", "nothing listens there"),
        ),
        ("GATEWAY_DATABASE", "nonsense", 1, ("database:",)),
    ],
)
def test_check_names_each_broken_secret_and_database(
    stage: Stage, variable: str, value: str, code: int, words: tuple[str, ...]
) -> None:
    settings = stage.folder / "gateway-0.toml"
    said = run(stage, "serve", "--settings", settings, "--check", more={variable: value})
    assert said.code == code, said.said
    assert all(word in said.err for word in words), said.err
    assert "another\n" not in said.err


def _joint(stage: Stage) -> str:
    return "&" if urlsplit(stage.gateway_database).query else "?"


def test_check_refuses_a_server_that_may_forget(stage: Stage) -> None:
    forgetful = f"{stage.gateway_database}{_joint(stage)}synchronous_commit=off"
    settings, more = stage.folder / "gateway-0.toml", {"GATEWAY_DATABASE": forgetful}
    said = run(stage, "serve", "--settings", settings, "--check", more=more)
    assert said.code == 1 and "durability: synchronous_commit = off" in said.err
    refused = run(stage, "serve", "--settings", settings, more=more)
    assert refused.code == 1 and "may lose decisions" in refused.err


def test_check_of_an_empty_database_says_to_migrate_and_to_load(stage: Stage) -> None:
    ask(stage, "CREATE DATABASE empty TEMPLATE template0")
    dsn = urlunsplit(urlsplit(stage.gateway_database)._replace(path="/empty"))
    settings = stage.folder / "gateway-0.toml"
    said = run(stage, "serve", "--settings", settings, "--check", more={"GATEWAY_DATABASE": dsn})
    assert said.code == 1 and "run treasury-gateway migrate" in said.err
    moved = run(stage, "migrate", more={"GATEWAY_DATABASE": dsn})
    assert moved.code == 0 and "applied 0001_ledger.sql" in moved.out
    said = run(stage, "serve", "--settings", settings, "--check", more={"GATEWAY_DATABASE": dsn})
    assert said.code == 1 and "run treasury-gateway registers load" in said.err
    assert run(stage, "migrate", more={"GATEWAY_DATABASE": dsn}).out == "nothing to apply\n"


def test_check_of_a_broken_policy_names_file_and_place(stage: Stage, tmp_path: Path) -> None:
    policies = tmp_path / "policies"
    policies.mkdir()
    (policies / "JL-X.toml").write_text("id = 1\n")
    library = stage.library
    said = run(
        stage, "serve", "--check", "--settings",
        settings_of(stage, tmp_path, (str(library), str(policies))),
    )  # fmt: skip
    assert said.code == 1 and "policies:" in said.err and "JL-X.toml" in said.err


def test_check_of_a_fit_house_is_green_and_an_ending_certificate_is_not(stage: Stage) -> None:
    settings = stage.folder / "gateway-0.toml"
    fit = run(stage, "serve", "--settings", settings, "--check")
    assert fit.code == 0 and "are fit" in fit.out
    chosen, now = read_settings(settings), dt.datetime.now(dt.UTC)
    for days, expected in ((0, State.GOOD), (70, State.WARN), (85, State.BAD), (95, State.BAD)):
        found = {each.part: each for each in certificates_of(chosen, now + dt.timedelta(days=days))}
        assert found["tls.certificate"].state is expected
        assert found["record_key.certificate"].state is State.GOOD, "it lives for 13 months"
    assert "expired on" in found["tls.certificate"].detail


async def _get(stage: Stage, path: str) -> bytes:
    connector = aiohttp.TCPConnector(ssl=client_context(stage.operator))
    url = f"https://{HOST}:{stage.ports.door}{path}"
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as answer:
        return await answer.read()


def _all_told(stage: Stage) -> None:
    """Until the bureau has cosigned every record."""
    question = (
        "SELECT (SELECT count(*) FROM pending_record) + (SELECT count(*) FROM told_batch)"
        " + (SELECT sum(size - acknowledged_size) FROM log_head)"
    )
    deadline = time.monotonic() + 120
    while ask(stage, question) != 0:
        assert time.monotonic() < deadline, "the bureau did not take all records"
        time.sleep(0.1)


def test_a_port_that_is_taken_is_told_with_its_setting(stage: Stage, tmp_path: Path) -> None:
    ports = read_settings(stage.folder / "gateway-0.toml").gateway
    free = settings_of(stage, tmp_path, (f"ops_port = {ports.ops_port}", "ops_port = 65431"))
    for settings, key in ((stage.folder / "gateway-0.toml", "ops_port"), (free, "listen_port")):
        said = run(stage, "serve", "--settings", settings)
        assert said.code == 1 and f"gateway.{key}: " in said.err, said.err
        assert "in use" in said.err.lower()

"""An operator's `not_taken` that the bank's books contradict, on a stage of real programs."""

import asyncio
import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from certs.keys import load_signer
from certs.tls import client_context
from deploy.demo.stage import HOST, Stage
from gateway.domain.legal_day import SHANGHAI
from tests.commands.conftest import DIVISION
from tests.commands.staged import recounted, run
from tests.commands.test_tending import ask, certificates, listed, resolve, without_horizon

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

COSIGNED_S = 120.0
LOOK_S = 0.2


def test_what_the_books_prove_is_told_to_whoever_asks_and_waits_for_the_agency(
    stage: Stage, tmp_path: Path
) -> None:
    rows = listed(stage)
    assert len(rows) > 1, "too few payments stayed unknown"
    key, settings = rows[0]["instruction"], without_horizon(stage, tmp_path)
    assert resolve(stage, key, settings).code == 0
    before = seen(stage, key)
    assert (before["bank"], before["settled_at"] is None) == ("not_taken", False)

    hand_over(stage, "DZ-1", key, rows[0]["amount"])
    assert recounted(stage) == [], "set aside, and found so"

    after = seen(stage, key)
    assert (after["bank"], after["settled_at"]) == ("unknown", None)
    day = dt.datetime.now(SHANGHAI).date()
    assert f"银行账上{day}已划款{rows[0]['amount']}元" in after["bank_reason"]
    assert "请勿换号重报" in after["bank_reason"]
    said = run(stage, "where", key, "--settings", settings).out
    assert after["bank_reason"] in said and "请勿重发" in said and "JL-101" in said
    alerts = run(stage, "conduct", "alerts", "--settings", settings, "--json")
    (denied,) = [each for each in alerts.json if each["subject"].endswith("/denied")]
    assert alerts.code == 1 and denied["evidence"]["instruction"] == key
    assert denied["evidence"]["given_back_fen"] > 0
    waiting = "SELECT convert_from(body, 'UTF8') FROM notification WHERE subject = $1"
    told = json.loads(ask(stage, waiting, key))
    assert (told["kind"], told["held"], told["said"]) == ("contradiction", "not_taken", "accepted")
    log = (stage.folder / "gateway-0.log").read_text("utf-8")
    assert '"event":"payment.contradicted"' in log

    verified = verify(stage, tmp_path, key)
    assert verified["bank"] == "unknown" and "correction" in verified["kinds"]
    evidence = tmp_path / "evidence.json"
    words = run(stage, "verify", "record", evidence, *certificates(stage), "--explain")
    assert "先后两说" in words.said and "来源 how：books" in words.said

    (first, *_) = run(stage, "unknowns", "list", "--json").json
    assert first["instruction"] == key and first["contradicted"]
    doctor = run(stage, "doctor", "--settings", settings, "--json")
    assert "1 contradicted by the bank's books or its word" in doctor.out
    refused = resolve(stage, key, settings)
    assert refused.code == 1 and "the bank's books have its debit" in refused.err
    assert resolve(stage, key, settings, "accepted").code == 0
    paid = seen(stage, key)
    assert (paid["bank"], paid["bank_reference"], paid["bank_reason"]) == ("accepted", "JH-1", None)
    verified = verify(stage, tmp_path, key, "accepted")
    assert verified["kinds"].count("correction") == 2
    words = run(stage, "verify", "record", evidence, *certificates(stage), "--explain")
    assert "查实 found out：accepted" in words.said
    said = run(stage, "where", key, "--settings", settings).out
    assert "银行已付款" in said and "JH-1" in said
    ended = "SELECT ended_as FROM set_aside WHERE voucher_no = $1"
    assert ask(stage, ended, key.rpartition("/")[2]) == "posted"
    assert recounted(stage) == []


def test_what_the_bank_takes_back_is_not_paid_again_for_whoever_asks(
    stage: Stage, tmp_path: Path
) -> None:
    row = listed(stage)[0]
    key, settings = row["instruction"], without_horizon(stage, tmp_path)
    assert resolve(stage, key, settings).code == 0
    hand_over(stage, "DZ-3", key, row["amount"])
    assert seen(stage, key)["bank"] == "unknown"
    hand_over(stage, "DZ-4", key, row["amount"], "credit")
    verify(stage, tmp_path, key, "not_taken")
    assert seen(stage, key)["settled_at"] is not None
    said = run(stage, "where", key, "--settings", settings).out
    assert "可换凭证号重报" in said and "JL-101" in said
    log = (stage.folder / "gateway-0.log").read_text("utf-8")
    assert '"event":"contradiction.ended"' in log
    assert recounted(stage) == []


def test_two_words_of_the_bank_are_shown_until_an_operator_has_found_out_and_no_longer(
    stage: Stage, tmp_path: Path
) -> None:
    row = listed(stage)[0]
    key, settings = row["instruction"], without_horizon(stage, tmp_path)
    assert resolve(stage, key, settings).code == 0
    before = seen(stage, key)
    assert tell(stage, "ZF-1", key) == "contradicted"
    assert seen(stage, key)["bank"] == "unknown"
    verify(stage, tmp_path, key)

    def shown(*more: str) -> list[dict[str, Any]]:
        rows = run(stage, "unknowns", "list", *more, "--json").json
        return [each for each in rows if each["instruction"] == key]

    (open_,) = shown()
    assert (open_["held"], open_["said"], open_["ended_as"]) == ("not_taken", "accepted", None)
    assert "not_taken ≠ accepted" in run(stage, "unknowns", "list").said
    doctor = run(stage, "doctor", "--settings", settings)
    assert "1 contradicted by the bank's books or its word" in doctor.said
    said = run(stage, "where", key, "--settings", settings).out
    assert "后称 later accepted（told）" in said and "nobody has found out yet" in said
    for outcome, words in (
        ("accepted", "[books_disagree]"),
        ("rejected", "it counts as not_taken"),
    ):
        refused = resolve(stage, key, settings, outcome)
        assert refused.code == 1 and words in refused.err, refused.said

    assert resolve(stage, key, settings).code == 0
    after = verify(stage, tmp_path, key, "not_taken")
    assert after["kinds"].count("correction") == 2
    assert seen(stage, key)["settled_at"] == before["settled_at"], "as it was settled"
    assert shown() == []
    (over,) = shown("--ended")
    assert over["ended_as"] == "not_taken"
    doctor = run(stage, "doctor", "--settings", settings)
    assert "contradicted" not in doctor.said
    said = run(stage, "where", key, "--settings", settings).out
    assert "已查实 found out: not_taken" in said and "可换凭证号重报" in said
    waiting = "SELECT convert_from(body, 'UTF8') FROM notification WHERE subject = $1"
    assert json.loads(ask(stage, waiting, key))["kind"] == "contradiction_ended"
    assert recounted(stage) == []
    assert tell(stage, "ZF-1", key) == "contradicted", "the same letter, answered as before"
    assert seen(stage, key)["bank"] == "not_taken"


def tell(stage: Stage, number: str, key: str) -> str:
    """What the door answers to the bank that says it was paid, after all."""
    told = {"id": number, "instruction": key, "outcome": "accepted", "reference": "JH-1"}
    said: str = json.loads(handed_over(stage, "outcomes", told))["result"]
    return said


def test_nobodys_word_that_it_was_not_paid_stands_against_the_books(
    stage: Stage, tmp_path: Path
) -> None:
    row = listed(stage)[0]
    key, settings = row["instruction"], without_horizon(stage, tmp_path)
    hand_over(stage, "DZ-2", key, row["amount"])
    for outcome in ("not_taken", "rejected"):
        refused = resolve(stage, key, settings, outcome)
        assert refused.code == 1 and "the bank's books have its debit" in refused.err, refused.said
    assert resolve(stage, key, settings, "accepted").code == 0
    assert seen(stage, key)["bank"] == "accepted"


def hand_over(stage: Stage, number: str, key: str, amount: str, direction: str = "debit") -> None:
    """A statement with a movement of this payment, over the bank's connection and signed by it."""
    payer = ask(
        stage,
        "SELECT convert_from(body, 'UTF8')::json -> 'payer' ->> 'account' FROM ("
        " SELECT body FROM sealed_record WHERE subject = $1 AND kind = 'verdict'"
        " UNION ALL SELECT body FROM told_record WHERE subject = $1 AND kind = 'verdict') AS r"
        " LIMIT 1",
        key,
    )
    movement = {
        "id": f"L-{number}", "booked_at": dt.datetime.now(SHANGHAI).isoformat(),
        "account": payer, "direction": direction, "amount": amount, "instruction": key,
        "reference": "JH-1", "counter_account": "1", "counter_name": "甲",
    }  # fmt: skip
    handed_over(
        stage, "statements",
        {"division": DIVISION, "statement_id": number, "entries": [movement]},
    )  # fmt: skip


def handed_over(stage: Stage, what: str, body: dict[str, Any]) -> bytes:
    raw = json.dumps(body, ensure_ascii=False).encode()
    signer = load_signer(*stage.bank_record, stage.identities.passphrase)

    async def post() -> bytes:
        url = f"https://{HOST}:{stage.ports.door}/v1/bank/{what}"
        headers = {"Content-Type": "application/json", "Signature-JWS": signer.document(raw)}
        connector = aiohttp.TCPConnector(ssl=client_context(stage.bank_tls))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.post(url, data=raw, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.read()

    return asyncio.run(post())


def raw_of(stage: Stage, key: str) -> bytes:
    """What the door answers to `GET /v1/instructions/...`."""

    async def get() -> bytes:
        connector = aiohttp.TCPConnector(ssl=client_context(stage.operator))
        url = f"https://{HOST}:{stage.ports.door}/v1/instructions/{key}"
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(url) as answer,
        ):
            assert answer.status == 200
            return await answer.read()

    return asyncio.run(get())


def seen(stage: Stage, key: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(raw_of(stage, key))
    return found


def verify(stage: Stage, tmp_path: Path, key: str, bank: str = "unknown") -> dict[str, Any]:
    """What an auditor makes of it, once it is told so and the bureau has cosigned that."""
    evidence, deadline = tmp_path / "evidence.json", time.monotonic() + COSIGNED_S
    while True:
        evidence.write_bytes(raw_of(stage, key))
        ran = run(stage, "verify", "record", evidence, *certificates(stage), "--json")
        told = ran.code == 0 and json.loads(ran.out.splitlines()[-1])["bank"] == bank
        if told or time.monotonic() > deadline:
            assert told, ran.said
            facts: dict[str, Any] = json.loads(ran.out.splitlines()[-1])
            return facts
        time.sleep(LOOK_S)

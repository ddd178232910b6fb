"""Letters on the real stage while gateway and database are killed: each does what it asks, once,
and one return that is told as a pacs.004 and as an outcome at the same moment counts once."""

import asyncio
import json
from typing import Any

import asyncpg
import pytest
from lxml import etree

from certs.keys import load_signer
from certs.tls import client_context
from deploy.demo.agency import AgencyClient, signed_request
from deploy.demo.stage import HOST
from tests.crash.test_crash_moments import SLOW
from tests.crash.theatre import POSTGRES, Theatre, theatre
from tests.crash.truth import settled, truth_of
from tests.pipeline.letters_iso import recall, returned

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(600)]

RETURNS = 30
ISO = "/v1/iso20022", "application/xml"
OUTCOMES = "/v1/bank/outcomes", "application/json"


async def test_returns_and_recalls_are_done_once_whoever_is_killed_over_them() -> None:
    async with theatre(35, 120, habits=SLOW) as stage:
        client = stage.client()
        await client.send_all(stage.plan.items)
        await settled(stage)
        bank = _as_bank(stage)
        letters = await _letters(stage, client, bank)
        posting = asyncio.create_task(_post_all(letters))
        for name in ("gateway-0", POSTGRES, "gateway-0"):
            await asyncio.sleep(0.4)
            stage.kill(name)
            await stage.heal()
        first = await posting
        again = await _post_all(letters)
        assert first == again, "the same letter is answered as the first time"
        done = [status for answer in again for status in answer]
        assert set(done) == {"ACSC", "ACCR", "returned"}
        assert done.count("ACSC") == done.count("returned") == RETURNS
        assert await _one(stage, "SELECT count(*) FROM refund") == RETURNS
        assert await _one(stage, "SELECT sum(amount_fen)::bigint FROM refund") == RETURNS
        withdrawn = await _one(stage, "SELECT count(*) FROM hold_end WHERE how = 'withdrawn'")
        assert withdrawn == done.count("ACCR") > 0
        assert await _one(stage, "SELECT count(*) FROM letter") == len(letters)
        assert await _one(stage, "SELECT count(*) FROM letter_answer") == len(letters)
        await settled(stage)
        assert await _records(stage, "refund") == RETURNS
        assert await _records(stage, "release") == withdrawn
        truth = await truth_of(stage)
        assert sum(truth.back.values()) == RETURNS, "each fen came back to its one limit, once"
        assert truth.differing == []
        await client.aclose()
        await bank.aclose()


def _as_bank(stage: Theatre) -> AgencyClient:
    tls = client_context(stage.stage.bank_tls)
    return AgencyClient(HOST, stage.stage.ports.door, tls, {}, connections=8, patience_s=150.0)


async def _letters(
    stage: Theatre, client: AgencyClient, bank: AgencyClient
) -> list[tuple[AgencyClient, bytes]]:
    """A fen back of some that were paid, signed by the bank; and recalls of all that are held."""
    own = load_signer(*stage.stage.bank_record, stage.stage.identities.passphrase)
    paid = await _numbers(stage, "SELECT i.voucher_no FROM instruction AS i JOIN settlement AS s"
                          " USING (division, fiscal_year, voucher_type, voucher_no)"
                          " WHERE s.bank = 'accepted' AND i.amount_fen > 1"
                          " AND cardinality(i.limit_ids) = 1 ORDER BY 1")  # fmt: skip
    held = await _numbers(stage, "SELECT voucher_no FROM instruction WHERE outcome = 'held'")
    made: list[tuple[AgencyClient, bytes]] = []
    for place, number in enumerate(paid[:RETURNS]):
        raw = returned(number, "0.01", id=f"R-{place}", refund=f"TH-{place}")
        made.append((bank, signed_request(ISO, raw, own.document(raw))))
        (key,) = await _numbers(
            stage, "SELECT concat_ws('/', division, fiscal_year, voucher_type, voucher_no)"
            f" FROM instruction WHERE voucher_no = '{number}'",
        )  # fmt: skip
        told = {
            "amount": "0.01", "id": f"ZF-{place}", "instruction": key, "outcome": "returned",
            "reason": "账户已销户", "reference": f"TH-{place}",
        }  # fmt: skip
        raw = json.dumps(told).encode()
        made.append((bank, signed_request(OUTCOMES, raw, own.document(raw))))
    assert len(made) == 2 * RETURNS
    senders = {item.key.voucher_no: item.sender for item in stage.plan.items if item.key}
    for place, number in enumerate(held):
        raw = recall(number, id=f"A-{place}")
        made.append((client, signed_request(ISO, raw, stage.sign[senders[number]](raw))))
    return made


async def _post_all(letters: list[tuple[AgencyClient, bytes]]) -> list[list[str]]:
    return await asyncio.gather(*(_statuses(client, request) for client, request in letters))


async def _statuses(client: AgencyClient, request: bytes) -> list[str]:
    answer = await client.post(request)
    assert answer.status == 200, answer.body
    if answer.body.startswith(b"{"):
        return [json.loads(answer.body)["result"]]
    root = etree.fromstring(answer.body)
    return [str(e.text) for name in ("TxSts", "TxCxlSts") for e in root.iter(f"{{*}}{name}")]


async def _numbers(stage: Theatre, question: str) -> list[str]:
    return [row[0] for row in await _ask(stage, question)]


async def _one(stage: Theatre, question: str) -> Any:
    ((value,),) = await _ask(stage, question)
    return value


async def _records(stage: Theatre, kind: str) -> int:
    rows = await _ask(stage, "SELECT body FROM sealed_record")
    return sum(json.loads(row[0])["kind"] == kind for row in rows)


async def _ask(stage: Theatre, question: str) -> list[Any]:
    connection = await asyncpg.connect(stage.stage.gateway_database)
    try:
        return list(await connection.fetch(question))
    finally:
        await connection.close()

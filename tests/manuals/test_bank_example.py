"""docs/examples/bank.mjs as the gateway's bank core: frozen, killed, asked again, and its books."""

import asyncio
import json
import os
import signal
import ssl

import aiohttp
import asyncpg
import pytest

from certs.tls import client_context
from deploy.demo.stage import HOST
from tests.manuals.conftest import CLOSED_ACCOUNT, DIVISION, Manual
from tests.patience import until

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
UNKNOWN = "支付结果待查，请勿重发"


async def test_a_refusal_of_the_core_reaches_the_agency_in_its_words(manual: Manual) -> None:
    payee = json.loads(manual.model().raw)["payee"] | {"account": CLOSED_ACCOUNT}
    file = manual.instruction("BK-CLOSED", payee=payee, amount="101.01")
    assert "放行，银行拒付 收款账户已销户" in manual.agency("send", str(file))


async def test_a_frozen_core_leaves_a_payment_unknown_until_it_is_asked(manual: Manual) -> None:
    file = manual.instruction("BK-FROZEN", amount="102.02")
    core = manual.stage.crew.pid("bank")
    os.kill(core, signal.SIGSTOP)
    try:
        told = manual.agency("send", str(file))
    finally:
        os.kill(core, signal.SIGCONT)
    assert UNKNOWN in told or "银行未受理" in told
    await until(lambda: UNKNOWN not in manual.agency("ask", manual.key(file)))
    now = manual.agency("ask", manual.key(file))
    assert ("已支付 JH" in now) == (await _said(manual, manual.key(file))).startswith("accepted")


async def test_while_the_core_is_down_nothing_is_unknown_it_was_not_written_or_is_sent_again(
    manual: Manual,
) -> None:
    file = manual.instruction("BK-DOWN", amount="103.03")
    manual.stage.crew.kill("bank")
    sending = asyncio.create_task(asyncio.to_thread(manual.agency, "send", str(file)))
    try:
        await until(lambda: _is_refused(manual))
    finally:
        manual.stage.crew.restart("bank")
    told = await sending
    assert "已支付 JH" in told or "未发生支付，请换号重报" in told


def _is_refused(manual: Manual) -> bool:
    """The gateway has met the core's absence."""
    log = (manual.stage.folder / "gateway-0.log").read_text("utf-8")
    return "BK-DOWN" in log or '"fault":"overloaded"' in log


async def test_a_core_that_died_in_the_middle_of_a_line_goes_on_from_the_line_before(
    manual: Manual,
) -> None:
    before = manual.instruction("BK-BEFORE", amount="104.04")
    assert "已支付" in manual.agency("send", str(before))
    manual.stage.crew.kill("bank")
    with (manual.stage.folder / "bank.journal").open("ab") as journal:
        journal.write(b'{"key":"220000000/2026/8202/BK-TO')
    manual.stage.crew.restart("bank")
    after = manual.instruction("BK-AFTER", amount="105.05")

    async def paid() -> bool:
        return "已支付" in await asyncio.to_thread(manual.agency, "ask", manual.key(after))

    manual.agency("send", str(after))
    await until(paid)
    assert (await _said(manual, manual.key(before))).startswith("accepted")


async def test_a_key_takes_effect_once_and_what_was_not_found_never_does(manual: Manual) -> None:
    key = f"{DIVISION}/2026/8202/BK-TWICE"
    raw = manual.model().raw
    first = await _submit(manual, key, raw)
    assert first[0] == 200 and json.loads(first[1])["outcome"] == "accepted"
    assert await _submit(manual, key, raw) == first
    unheard = f"{DIVISION}/2026/8202/BK-NEVER"
    assert await _said(manual, unheard) == "not_found"
    status, said = await _submit(manual, unheard, raw)
    assert (status, json.loads(said)["outcome"]) == (200, "rejected")
    assert await _said(manual, unheard) == "not_found"


async def test_what_it_cannot_read_is_refused_in_words(manual: Manual) -> None:
    status, said = await _submit(manual, f"{DIVISION}/2026/8202/BK-NOISE", b"noise")
    assert (status, json.loads(said)["reason"]) == (200, "报文无法识别，未支付")


async def test_nobody_but_the_gateway_is_answered(manual: Manual) -> None:
    with pytest.raises(aiohttp.ClientError):
        await _said(manual, f"{DIVISION}/2026/8202/X", client_context(manual.stage.client))


async def test_its_books_are_read_and_show_what_nobody_told_it_to_pay(manual: Manual) -> None:
    file = manual.instruction("BK-BOOKED", amount="106.06")
    assert "已支付" in manual.agency("send", str(file))
    await _submit(manual, f"{DIVISION}/2026/8202/BK-STRAY", manual.model().raw)
    entries = "SELECT count(*) FROM bank_entry WHERE voucher_no = $1"
    alerts = (
        "SELECT count(*) FROM conduct_alert WHERE policy = 'JL-100'"
        " AND convert_from(body, 'UTF8') LIKE $1"
    )

    async def booked() -> bool:
        return bool(await _ledger(manual, entries, "BK-BOOKED"))

    async def caught() -> bool:
        return bool(await _ledger(manual, alerts, "%BK-STRAY%"))

    await until(booked)
    await until(caught)
    assert not await _ledger(manual, alerts, "%BK-BOOKED%")


async def _ledger(manual: Manual, question: str, value: str) -> int:
    connection = await asyncpg.connect(manual.stage.gateway_database)
    try:
        return int(await connection.fetchval(question, value))
    finally:
        await connection.close()


async def _submit(manual: Manual, key: str, raw: bytes) -> tuple[int, bytes]:
    """As the gateway would, with its own certificate."""
    async with _session(client_context(manual.stage.gateway_tls)) as session:
        headers = {"Instruction-Key": key, "Content-Type": "application/json"}
        url = f"https://{HOST}:{manual.stage.ports.bank}/v1/payments"
        async with session.post(url, data=raw, headers=headers) as answer:
            return answer.status, await answer.read()


async def _said(manual: Manual, key: str, tls: ssl.SSLContext | None = None) -> str:
    """The outcome that an enquiry hears."""
    async with _session(tls or client_context(manual.stage.gateway_tls)) as session:
        url = f"https://{HOST}:{manual.stage.ports.bank}/v1/payments/{key}"
        async with session.get(url) as answer:
            return str(json.loads(await answer.read())["outcome"])


def _session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls))

"""docs/examples/agency.mjs and voucher.mjs against the real gateway: what docs/agency.md shows."""

import json
import re
import shutil
import subprocess
from typing import Any

import aiohttp
import pytest

from certs.keys import load_signer
from certs.tls import client_context
from deploy.demo.stage import HOST
from tests.manuals.conftest import DIVISION, EXAMPLES, Manual
from tests.patience import until
from tests.web.json_schema import wrong

NAMES = json.loads((EXAMPLES.parent / "openapi.json").read_bytes())["components"]["schemas"]
pytestmark = [pytest.mark.slow, pytest.mark.postgres]


async def test_a_payment_is_sent_asked_after_and_its_records_proven(manual: Manual) -> None:
    file = manual.instruction("EX-PAID")
    first = manual.agency("send", str(file))
    assert "放行，已支付 JH" in first and "受理回执已核验" in first
    assert manual.agency("send", str(file)) == first, "the same bytes get the same answer"

    def proven() -> bool:
        told = manual.agency("ask", manual.key(file))
        return "bank_outcome 已核验" in told and "verdict 已核验" in told and "尚未" not in told

    await until(proven)


def test_why_not_is_read_in_chinese_with_the_remedy(manual: Manual) -> None:
    for outcome, word in (("held", "挂起待核实"), ("blocked", "拦截")):
        model = manual.model(outcome)
        file = manual.instruction(f"EX-{outcome}", model)
        told = manual.agency("send", str(file))
        assert f"{manual.key(file)} {word}" in told
        assert model.policy and f"  {model.policy} " in told and "处理办法：" in told


def test_mistakes_are_told_all_at_once_with_how_they_are_mended(manual: Manual) -> None:
    file = manual.instruction("EX-WRONG", amount=321.09, colour="red")
    told = manual.agency("send", str(file))
    assert "不予受理 instruction_invalid：支付指令不合规范" in told
    assert "  amount：" in told and "  colour：" in told and "处理办法：请按 errors" in told


@pytest.mark.parametrize("type", ["8202", "5201"])
def test_a_voucher_of_our_own_gbk_is_answered_by_its_return_copy(manual: Manual, type: str) -> None:
    file = manual.instruction(f"EX-V{type}", manual.model(type=type))
    envelope = file.with_suffix(".xml")
    manual.node("voucher.mjs", str(file), str(envelope))
    told = manual.agency("send", str(envelope))
    assert told.startswith("回单 SUCCESS") and "明细1 JH" in told


def test_an_envelope_that_is_none_is_told_why(manual: Manual) -> None:
    envelope = manual.folder / "none.xml"
    envelope.write_text('<?xml version="1.0" encoding="GBK"?><MOF/>', encoding="ascii")
    told = manual.agency("send", str(envelope))
    assert "回单 instruction_invalid" in told and "处理办法" in told


async def test_money_that_came_back_is_news_until_the_agency_itself_has_acknowledged_it(
    manual: Manual,
) -> None:
    file = manual.instruction("EX-BACK", amount="302.02")
    assert "已支付" in manual.agency_itself("send", str(file))
    refund = {
        "amount": "302.02", "payment": manual.key(file), "reason": "AC04 账户已销户",
        "reference": "TH-EX-1", "refund": f"{DIVISION}/2026/2204/TH-EX-1",
    }  # fmt: skip
    status, told = await _as_the_bank(manual, "/v1/bank/refunds", refund)
    assert (status, wrong(told, NAMES["RefundAnswer"], NAMES)) == (200, []), told
    assert "refund" in manual.agency("news"), "a channel reads it, and may not acknowledge it"
    heard = manual.agency_itself("news")
    assert f"{manual.key(file)} refund" in heard and "已签收 1 条" in heard
    assert manual.agency_itself("news") == ""


async def _as_the_bank(
    manual: Manual, path: str, document: dict[str, str]
) -> tuple[int, dict[str, Any]]:
    stage = manual.stage
    raw = json.dumps(document, ensure_ascii=False).encode()
    signer = load_signer(*stage.bank_record, stage.identities.passphrase)
    headers = {"Content-Type": "application/json", "Signature-JWS": signer.document(raw)}
    connector = aiohttp.TCPConnector(ssl=client_context(stage.bank_tls))
    url = f"https://{HOST}:{stage.ports.door}{path}"
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.post(url, data=raw, headers=headers) as answer,
    ):
        fields: dict[str, Any] = json.loads(await answer.read())
        return answer.status, fields


def test_the_shell_alone_signs_and_sends_as_the_page_says(manual: Manual) -> None:
    if not all(map(shutil.which, ("bash", "curl", "openssl", "xxd"))):
        pytest.skip("bash, curl, openssl or xxd is not on this machine")
    page = (EXAMPLES.parent / "agency.md").read_text("utf-8")
    (script,) = re.findall(r"```sh\n(u\(\) .*?)```", page, re.DOTALL)
    folder = manual.folder / "shell"
    folder.mkdir()
    manual.instruction("EX-SHELL", amount="301.01").rename(folder / "instruction.json")
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=manual.environment, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert json.loads(done.stdout)["outcome"] == "passed"

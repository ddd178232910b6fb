"""Letters about payments over the real door: real signatures, real ledger, the real core's word."""

import datetime as dt
import json

import pytest
from lxml import etree

from adapters.formats.voucher.paper_write import vouchers_envelope
from deploy.demo.agency import signed_request
from deploy.demo.identities import uri
from deploy.demo.stage import BANK_CODE
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import legal_day
from gateway.domain.vouchers import RefundLine, RefundVoucher
from tests.adapters.formats.iso_samples import outside_schema
from tests.patience import until
from tests.pipeline.letters_iso import enquiry, recall, returned
from tests.web.besieged import DIVISION, Reply, Siege

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

BANK = uri("bank", BANK_CODE)
TODAY = legal_day(dt.datetime.now(dt.UTC))


def texts(reply: Reply, name: str, schema: str) -> list[str]:
    assert reply.status == 200, reply.body
    root = etree.fromstring(reply.body)
    outside_schema(schema).assertValid(root)
    return [str(element.text) for element in root.iter(f"{{*}}{name}")]


async def letter(
    siege: Siege, raw: bytes, *, bank: bool = False, format: str = "iso20022"
) -> Reply:
    if not bank:
        return await siege.post(raw, format=format)
    return await siege.post(
        raw, siege.stage.bank_tls, format=format, signature=siege.signed(raw, by=BANK)
    )


async def test_a_payment_is_asked_after_recalled_and_returned_in_iso_20022(siege: Siege) -> None:
    assert (await siege.post(siege.instruction("LT-1"))).fields["outcome"] == "passed"
    asked = await letter(siege, enquiry("LT-1", id="LT-Q1"))
    assert texts(asked, "TxSts", "pacs.002.001.10") == ["ACSC"]
    before = await siege.forwarded()
    told = await letter(siege, recall("LT-1", id="LT-A1"))
    assert texts(told, "TxCxlSts", "camt.029.001.09") == ["RJCR"]
    assert "已入账，请办理退款" in told.body.decode(), "the core's own word"
    assert await siege.forwarded() == before
    back = await letter(siege, returned("LT-1", "1.50", id="LT-R1", refund="LT-T1"), bank=True)
    assert texts(back, "TxSts", "pacs.002.001.10") == ["ACSC"]
    kept = await siege.ask_ledger("SELECT amount_fen FROM refund WHERE voucher_no = 'LT-T1'")
    assert kept == 150
    refused = await letter(siege, returned("LT-1", "1.50", id="LT-R2", refund="LT-T2"))
    assert refused.status == 403
    other = await letter(siege, enquiry("LT-2", id="LT-Q1"))
    assert other.status == 409
    words = await siege.ask_ledger("SELECT count(*) FROM letter WHERE id LIKE 'LT-%'")
    assert words == 3


async def test_a_held_payment_is_withdrawn_and_the_bureau_waits_for_it_no_more(
    siege: Siege,
) -> None:
    payee = json.loads(siege.instruction("LT-H1"))["payee"] | {"kind": "person"}
    payee |= {"account": "6222021234567890128", "name": "赵不明", "person": None}
    held = await siege.post(siege.instruction("LT-H1", payee=payee))
    assert held.fields["outcome"] == "held", held.body
    told = await letter(siege, recall("LT-H1", id="LT-A2"))
    assert texts(told, "TxCxlSts", "camt.029.001.09") == ["ACCR"]
    again = await siege.post(siege.instruction("LT-H1", payee=payee))
    assert again.fields["outcome"] == "blocked"
    assert again.fields["findings"][0]["policy"] == "WITHDRAWN"
    ended = "SELECT count(*) FROM log_record WHERE kind = 'release' AND subject LIKE '%/LT-H1'"
    waiting = (
        "SELECT (SELECT count(*) FROM interception WHERE voucher_no = 'LT-H1')"
        " - (SELECT count(*) FROM open_hold WHERE voucher_no = 'LT-H1')"
    )

    async def heard() -> bool:
        return await siege.ask_bureau(ended) == 1 and await siege.ask_bureau(waiting) == 1

    await until(heard)


async def test_a_refund_voucher_and_a_later_outcome_give_back_over_the_same_door(
    siege: Siege,
) -> None:
    for number in ("LT-3", "LT-4"):
        assert (await siege.post(siege.instruction(number))).fields["outcome"] == "passed"
    account = json.loads(siege.model.raw)["payer"]["account"]
    refund = RefundVoucher(
        key=InstructionKey(
            division=DIVISION, fiscal_year=TODAY.year, voucher_type="2204", voucher_no="LT-T3"
        ),
        day=TODAY, payment_type="8202", payment_no="LT-3", payment_year=str(TODAY.year),
        account=account, amount_fen=200, reference="JH-3", reason="账户已销户",
        lines=(RefundLine(id="1", payment_no="LT-3", amount_fen=200),),
    )  # fmt: skip
    told = await letter(siege, vouchers_envelope([refund]), bank=True, format="voucher")
    assert told.status == 200 and b"SUCCESS" in told.body
    outcome = json.dumps(
        {"id": "LT-Z4", "instruction": f"{DIVISION}/{TODAY.year}/8202/LT-4", "outcome": "returned",
         "reason": "收款账户不存在", "amount": "3.00"}
    ).encode()  # fmt: skip
    route = "/v1/bank/outcomes", "application/json"
    request = signed_request(route, outcome, siege.signed(outcome, by=BANK))
    for _ in range(2):
        said = await siege.say(request, siege.stage.bank_tls)
        assert (said.status, said.fields["result"]) == (200, "returned")
    sums = await siege.ask_ledger(
        "SELECT sum(amount_fen)::bigint FROM refund WHERE of_no IN ('LT-3', 'LT-4')"
    )
    assert sums == 500


@pytest.mark.usefixtures("nothing_happens")
async def test_a_letter_signed_by_another_or_altered_is_refused(siege: Siege) -> None:
    raw = recall("LT-1", id="LT-A9")
    forged = await siege.post(raw, format="iso20022", signature=siege.signed(raw + b" "))
    assert forged.status == 403
    assert await siege.ask_ledger("SELECT count(*) FROM letter WHERE id = 'LT-A9'") == 0
    broken = raw.replace(b"</Undrlyg>", b"<Surprise/></Undrlyg>")
    refused = await siege.post(broken, format="iso20022")
    assert refused.status == 400
    root = etree.fromstring(refused.body)
    outside_schema("admi.002.001.01").assertValid(root)
    assert "Surprise" in refused.body.decode()

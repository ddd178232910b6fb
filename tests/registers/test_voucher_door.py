"""Vouchers about registers at a real gateway's voucher door, up to the payment that they bind."""

import datetime as dt
import json

import attrs
import pytest
from lxml import etree

from adapters.formats.voucher.paper_write import vouchers_envelope
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import legal_day
from gateway.domain.vouchers import QuotaLine, QuotaNotice
from tests.patience import until
from tests.registers.conftest import Office
from tests.registers.test_feed_door import in_force
from tests.web.besieged import Reply

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def notice(office: Office, number: str, amount_fen: int) -> QuotaNotice:
    """Of this month, for the indicator that the model payment spends."""
    today, fields = legal_day(dt.datetime.now(dt.UTC)), json.loads(office.siege.model.raw)
    line = QuotaLine(
        id="1", indicator=fields["indicator_id"], agency=fields["agency"]["code"], fund_code="",
        functional_code=fields["functional_code"], economic_code="", project_code="",
        amount_fen=amount_fen,
    )  # fmt: skip
    key = InstructionKey(
        division=fields["division"], fiscal_year=int(fields["fiscal_year"]), voucher_no=number,
        voucher_type="5106",
    )  # fmt: skip
    return QuotaNotice(
        key=key, day=today, treasury="0112410020", month=f"{today:%m}", pay_type="12",
        amount_fen=amount_fen, lines=(line,),
    )  # fmt: skip


async def hand_in(office: Office, raw: bytes, *, by: str | None = None) -> Reply:
    signature = office.siege.signed(raw, by=by or office.bureau)
    request = office.siege.request(raw, signature=signature, format="voucher")
    return await office.siege.say(request, office.connection)


async def pay(office: Office, number: str) -> tuple[str, list[str]]:
    answer = (await office.siege.post(office.siege.instruction(number))).fields
    return answer["outcome"], [finding["policy"] for finding in answer["findings"]]


def said(reply: Reply) -> etree._Element:
    return etree.fromstring(reply.body)


async def test_a_limit_notice_binds_the_next_payment_and_more_of_it_frees_it(
    office: Office,
) -> None:
    assert json.loads(office.siege.model.raw)["payment_method"] == "authorized"
    assert (await pay(office, "BEFORE"))[0] == "passed"
    raw = vouchers_envelope([notice(office, "101001-1", 100)])
    reply = await hand_in(office, raw)
    assert reply.status == 200, reply.body.decode("gbk")
    root = said(reply)
    assert root.findtext(".//VoucherFlag") == "1" and root.findtext(".//Attach") == "SUCCESS"
    assert root.findtext(".//Voucher") == etree.fromstring(raw).findtext(".//Voucher")
    await in_force(office)
    outcome, policies = await pay(office, "OVER")
    assert outcome == "blocked" and "JL-013" in policies
    version = await office.version()
    assert (await hand_in(office, raw)).body == reply.body
    assert await office.version() == version, "the same voucher again changes nothing"
    more = vouchers_envelope([notice(office, "101001-2", 10_000_000)])
    assert (await hand_in(office, more)).status == 200
    await in_force(office)
    assert await pay(office, "WITHIN") == ("passed", [])
    # The bureau's own feed goes on with its own numbers.
    stated = await office.siege.ask_ledger(
        "SELECT max(coalesce(feed_version, version)) FROM register_snapshot WHERE NOT by_voucher"
    )
    following = json.loads(await office.next_delta()) | {"version": stated + 1}
    assert (await office.send(json.dumps(following).encode())).status == 200

    async def recorded() -> bool:
        return bool(await office.siege.ask_ledger(
            "SELECT count(*) = 2 FROM log_record WHERE kind = 'register_applied'"
            " AND convert_from(body, 'UTF8')::json ->> 'vouchers' LIKE '%/5106/%'"
        ))  # fmt: skip

    await until(recorded)


async def test_what_is_not_the_bureau_s_or_not_right_is_refused_in_a_voucher_s_words(
    office: Office,
) -> None:
    version = await office.version()
    good = notice(office, "101001-8", 100)
    raw = vouchers_envelope([good])
    stranger = await office.siege.post(raw, format="voucher")
    assert stranger.status == 403
    assert said(stranger).findtext("Attach") == "sender_not_entitled"
    forged = await office.siege.say(
        office.siege.request(raw, signature=office.siege.signed(b"x", by=office.bureau),
                             format="voucher"), office.connection)  # fmt: skip
    assert said(forged).findtext("Attach") == "signature_invalid"
    lost = attrs.evolve(good.lines[0], indicator="NOWHERE")
    tomorrow = good.day + dt.timedelta(days=1)
    bad = [attrs.evolve(good, lines=(lost,)), attrs.evolve(good, day=tomorrow)]
    for voucher, place in zip(bad, ("Detail[1].Hold1", "VouDate"), strict=True):
        reply = await hand_in(office, vouchers_envelope([voucher]))
        assert reply.status == 400 and said(reply).findtext("Attach") == "feed_invalid"
        assert f"{place}:" in (said(reply).findtext("Return_Reason") or "")
    twice = await hand_in(office, vouchers_envelope([good, good]))
    assert "VoucherBody[2].VoucherNo" in (said(twice).findtext("Return_Reason") or "")
    assert await office.version() == version

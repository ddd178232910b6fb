"""Whose money and whose eyes: overspending, numbers used twice, and reading what is another's."""

import asyncio
import json

import pytest

from tests.patience import until
from tests.web.besieged import DIVISION, HOT_INDICATOR, OTHER_DIVISION, Siege

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


async def test_of_a_hundred_at_once_exactly_as_many_pass_as_the_indicator_bears(
    siege: Siege,
) -> None:
    supplier = json.loads(siege.model.raw)["payee"]
    forwarded = await siege.forwarded()
    answers = await asyncio.gather(
        *(
            siege.post(
                siege.instruction(
                    f"HOT{n:05}",
                    amount="300.00",
                    indicator_id=HOT_INDICATOR,
                    payee=supplier
                    | {"account": f"2200991{n:09}", "name": f"长春第{n}印刷有限公司"},
                    purpose=f"第{n}批资料印刷费",
                )
            )
            for n in range(100)
        )
    )
    assert {answer.status for answer in answers} == {200}
    outcomes = [answer.fields["outcome"] for answer in answers]
    assert (outcomes.count("passed"), outcomes.count("blocked")) == (33, 67)
    refused = [a.fields["findings"] for a in answers if a.fields["outcome"] == "blocked"]
    assert all("JL-011" in {finding["policy"] for finding in findings} for findings in refused)
    assert await siege.forwarded() == forwarded + 33
    spent = await siege.ask_ledger(
        "SELECT reserved_fen + posted_fen FROM limit_line WHERE division = $1 AND id = $2",
        DIVISION, HOT_INDICATOR,
    )  # fmt: skip
    assert spent == 33 * 30_000


async def test_the_same_number_for_another_payee_is_a_conflict_and_the_bureau_hears_of_it(
    siege: Siege,
) -> None:
    first = siege.instruction("TWICE1")
    payee = json.loads(first)["payee"]
    other = siege.instruction("TWICE1", payee=payee | {"account": "2200000000000000001"})
    assert (await siege.post(first)).status == 200
    forwarded = await siege.forwarded()
    refused = await siege.post(other)
    assert (refused.status, refused.code) == (409, "instruction_conflict")
    again = await siege.post(first)
    assert again.status == 200 and again.fields["outcome"] == "passed"
    assert await siege.forwarded() == forwarded
    url = f"https://127.0.0.1:{siege.stage.ports.bureau}/v1/summary?division={DIVISION}"

    async def heard() -> bool:
        return bool((await siege.ask(url))["kinds"].get("conflict"))

    await until(heard)


async def test_only_its_own_agency_channel_and_operators_may_read_an_instruction(
    siege: Siege,
) -> None:
    assert (await siege.post(siege.instruction("READ1"))).status == 200
    key = siege.model.key
    path = f"/v1/instructions/{DIVISION}/{key.fiscal_year}/{key.voucher_type}/READ1"
    own = siege.party("own", "agency", DIVISION, siege.model.agency)
    other = next(item.agency for item in siege.day.items if item.agency != siege.model.agency)
    for who in (own, siege.stage.client, siege.stage.operator):
        told = await siege.get(path, who)
        assert told.status == 200 and told.fields["outcome"] == "passed"
    strangers = (
        siege.party("other-agency", "agency", DIVISION, other),
        siege.party("same-code-elsewhere", "agency", OTHER_DIVISION, siege.model.agency),
        siege.party("other-channel", "channel", OTHER_DIVISION, "counter"),
        siege.party("other-gateway", "gateway", "999999999999"),
        siege.stage.bank_tls,
    )
    for who in strangers:
        hidden = await siege.get(path, who)
        absent = await siege.get(path.replace("READ1", "NONE1"), who)
        assert (hidden.status, hidden.code) == (404, "instruction_unknown")
        assert hidden.body.replace(b"READ1", b"NONE1") == absent.body, "tells that it exists"


async def test_a_channel_of_another_division_cannot_carry_what_an_agency_signed(
    siege: Siege, nothing_happens: None
) -> None:
    elsewhere = siege.party("channel-elsewhere", "channel", OTHER_DIVISION, "counter")
    refused = await siege.post(siege.instruction("CARRY1"), elsewhere)
    assert (refused.status, refused.code) == (403, "sender_unknown")

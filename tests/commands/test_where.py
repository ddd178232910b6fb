"""`where`: an agency is on the telephone and asks what became of its payment. And lists and the
doctor's page, as an operator reads them in a narrow window."""

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest

from deploy.demo.stage import Stage
from tests.commands.staged import Ran, run

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def where(stage: Stage, number: str, *more: str) -> Ran:
    settings = stage.folder / f"{stage.gateway_names[0]}.toml"
    return run(stage, "where", number, "--settings", settings, *more)


def one(stage: Stage, condition: str) -> dict[str, Any]:
    async def fetch() -> Any:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            return await connection.fetchrow(
                "SELECT i.division, i.fiscal_year, i.voucher_type, i.voucher_no, s.bank_reference"
                " FROM instruction i LEFT JOIN settlement s"
                " USING (division, fiscal_year, voucher_type, voucher_no)"
                " LEFT JOIN open_payment o USING (division, fiscal_year, voucher_type, voucher_no)"
                f" WHERE {condition} LIMIT 1"
            )
        finally:
            await connection.close()

    row = asyncio.run(fetch())
    assert row is not None, condition
    return dict(row)


def test_each_state_is_told_in_words_that_can_be_read_out(stage: Stage) -> None:
    for condition, words in (
        ("s.bank = 'accepted'", "银行已付款 paid by the bank"),
        ("i.outcome = 'blocked'", "已拦截，未付款 blocked; not paid"),
        ("i.outcome = 'held'", "挂起，等待财政部门核实 held"),
        ("o.opened_at IS NOT NULL", "支付结果待查，请勿重发"),
    ):
        row = one(stage, condition)
        said = where(stage, row["voucher_no"])
        assert said.code == 0 and words in said.out, condition
        assert f"/{row['voucher_type']}/{row['voucher_no']}" in said.out
        if row["bank_reference"]:
            assert row["bank_reference"] in said.out
        key = "{division}/{fiscal_year}/{voucher_type}/{voucher_no}".format(**row)
        [told] = where(stage, key, "--json").json
        assert told["instruction"] == key and told["held"] is ("held" in condition)


def test_what_the_banks_books_say_otherwise_is_told_with_it(stage: Stage) -> None:
    row = one(stage, "s.bank = 'accepted'")
    key = "{division}/{fiscal_year}/{voucher_type}/{voucher_no}".format(**row)
    body = {"policy": "JL-101", "article": "10(4)", "reason_zh": "账上不符", "reason_en": "differs",
            "subject": "entry/1/denied", "evidence": {"instruction": key}}  # fmt: skip

    async def raise_alert(body: dict[str, Any]) -> None:
        connection = await asyncpg.connect(stage.gateway_database)
        try:
            await connection.execute(
                "INSERT INTO conduct_alert (division, policy, subject, raised_at, raised_on, body)"
                " SELECT division, 'JL-101', $2, decided_at, decided_at::date + 1, $3"
                " FROM instruction WHERE voucher_no = $1 LIMIT 1",
                row["voucher_no"], body["subject"], orjson.dumps(body),
            )  # fmt: skip
        finally:
            await connection.close()

    asyncio.run(raise_alert(body))
    another = f"outcome/{key}0/contradicted"
    asyncio.run(raise_alert({**body, "subject": another, "reason_zh": "别的凭证", "evidence": {}}))
    said = where(stage, key)
    assert "JL-101" in said.out and "账上不符 differs (runbooks/bank-conduct)" in said.out
    assert "别的凭证" not in said.out
    assert where(stage, key, "--json").json[0]["alerts"] == [
        {"policy": "JL-101", "reason": "账上不符"}
    ]


def test_what_never_came_and_what_is_no_number_is_said_so(stage: Stage) -> None:
    never = where(stage, "NEVER-1")
    assert never.code == 1 and "It may be sent again unchanged" in never.err
    assert where(stage, "220000000/2026/8202").code == 1
    assert where(stage, "1", "--database", "postgresql://nobody@127.0.0.1:1/x").code == 1


@pytest.mark.parametrize(
    ("command", "columns"),
    [("holds", ("单位 agency", "至 expires", "规则 policies", "JL-")),
     ("unknowns", ("时长 age (s)", "查询 enquiries", "上次 asked", "下次 next", "人工 task"))],
)  # fmt: skip
def test_a_narrow_window_leaves_out_no_column(
    stage: Stage, command: str, columns: tuple[str, ...]
) -> None:
    settings = ("--settings", stage.folder / "gateway-0.toml") if command == "holds" else ()
    said = run(stage, command, "list", *settings, more={"COLUMNS": "60"}).err
    assert all(column in said for column in columns), said


def test_the_doctors_page_is_not_mixed_with_the_log(stage: Stage) -> None:
    said = run(stage, "doctor", "--settings", stage.folder / "gateway-0.toml").said
    assert "registers 220000000" in said and '"event"' not in said
    assert "agrees with the database's" in said

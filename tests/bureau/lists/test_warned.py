"""Payments that passed with a warning: listed apart, searched, exported, counted."""

import io
import re
from pathlib import Path
from urllib.parse import quote

import pytest
from python_calamine import CalamineWorkbook

from adapters.postgres import migrate
from bureau.desk.people import Office
from tests.bureau.desks import OTHER_AGENCY, Desk
from tests.bureau.lists.test_figures_and_states import MEASURES
from tests.bureau.lists.test_statistics import counts
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, finding, told, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
LISTED = f"{HOME}/interceptions"
WARN = finding(policy="JL-053", action="warn", light="yellow", reason_zh="收款人名称与登记不一致",
               title_zh="收款人名称不符")  # fmt: skip
LOGGED = finding(policy="JL-060", action="record", light="blue")
OTHER = {"code": OTHER_AGENCY, "name": "吉林省示例局"}
MIGRATION = Path(migrate.__file__).parent / "migrations_bureau"


def warned(number: int, *findings: object, **more: object) -> bytes:
    return verdict(number, "passed", findings=list(findings or (WARN,)), **more)


async def arrived(bureau: Bureau, chain: Chain) -> None:
    await told(
        bureau, chain, warned(1, LOGGED, WARN), warned(2, agency=OTHER, amount_fen=20_000_000),
        warned(3, finding(policy="JL-054", action="warn"), WARN, WARN, payee={}),
        warned(4, LOGGED), verdict(5, "passed"), verdict(6, "held", findings=[WARN, finding()]),
    )  # fmt: skip


async def test_a_warned_payment_is_found_by_every_condition_and_is_no_interception(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await arrived(bureau, chain)
    reviewer = await desk.seat(Office.REVIEWER)
    for asked, numbers in {
        "": {6}, "state:held": {6}, "policy:JL-053": set(),
        "结果:预警": {1, 2, 3}, "判定:预警": {1, 2, 3}, "verdict:warned": {1, 2, 3},
        "state:warned": {1, 2, 3}, "状态:预警": {1, 2, 3}, "outcome:passed": {1, 2, 3},
        "outcome:held state:warned": set(), "结果:预警 policy:JL-054": {3},
        "结果:预警 规则:JL-060": set(), f"结果:预警 agency:{OTHER_AGENCY}": {2},
        "结果:预警 金额:>10万": {2}, f"结果:预警 bank:{BANK}": {1, 2, 3},
        "结果:预警 date:2026-03": {1, 2, 3}, "结果:预警 date:2025": set(),
        f"结果:预警 凭证号:{1:013d}": {1}, "结果:预警 示例科技": {1, 2},
    }.items():  # fmt: skip
        _, text = await reviewer.get(f"{LISTED}/rows?q={quote(asked)}")
        found = set(re.findall(r'href="[^"]+/([0-9]{13})["?]', text))
        assert found == {f"{n:013d}" for n in numbers}, asked
    _, text = await reviewer.get(f"{LISTED}?q=verdict:warned")
    assert "预警放行" in text and "未通知" not in text and "收款人名称与登记不一致" in text
    assert "只列有预警的" in (await reviewer.get(f"{LISTED}?q=outcome:passed"))[1]


async def test_its_card_says_why_and_a_case_is_opened_from_it(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await arrived(bureau, chain)
    reviewer = await desk.seat(Office.REVIEWER)
    card = f"{HOME}/2026/8202/{1:013d}"
    _, text = await reviewer.get(card)
    assert "为何预警" in text and "收款人名称不符" in text and "未收到" not in text
    status, case = await reviewer.post(f"{card}/case", {"against": "agency"})
    assert status == 303
    assert f"{1:013d}" in (await reviewer.get(case))[1], "the payment stands in its case"
    assert (await reviewer.get(f"{HOME}/holds/2026/8202/{1:013d}"))[0] == 404
    assert (await reviewer.get(f"{HOME}/2026/8202/{5:013d}"))[0] == 404, "nothing was found of it"
    agency = await desk.seat(Office.AGENCY)
    _, text = await agency.get(f"{LISTED}?q=verdict:warned")
    assert f"{1:013d}" in text and f"{2:013d}" not in text, "its own alone"
    assert (await agency.get(f"{HOME}/2026/8202/{2:013d}"))[0] == 404


async def test_exports_and_figures_tell_warnings_apart_from_interceptions(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, verdict(6, "held", findings=[WARN, finding()]))
    before = {measure: await counts(bureau, measure) for measure in MEASURES}
    await arrived(bureau, chain)
    assert {measure: await counts(bureau, measure) for measure in MEASURES} == before
    assert await counts(bureau, "warned_policy") == {
        "JL-053": (3, 0, 22_560_000), "JL-054": (1, 0, 1_280_000),
    }  # fmt: skip
    while await desk.rooms.statistics._store.fold():
        pass
    assert (await counts(bureau, "warned"))[""] == (3, 0, 22_560_000)
    reviewer = await desk.seat(Office.REVIEWER)
    span = "from=2026-03&to=2026-03"
    for page in ("statistics", "report"):
        _, text = await reviewer.get(f"{HOME}/{page}?{span}")
        assert re.search(r"预警(后放行)? 3 笔，涉及金额 225,600.00 元", text), page
    _, body, _ = await reviewer.bytes(f"{LISTED}.csv?q=verdict:warned")
    assert body.decode("utf-8-sig").count("预警放行,预警放行") == 3
    _, book, _ = await reviewer.bytes(f"{HOME}/report.xlsx?{span}")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0).to_python()
    assert ["预警（按规则）", "JL-053"] in [row[:2] for row in rows]


async def test_a_policy_that_only_warns_shows_how_often_it_did(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    now = int(desk.hands.now.timestamp()) * 1_000_000
    await told(
        bureau, chain, warned(1, recorded_at=now), warned(2, recorded_at=now),
        verdict(3, "held", findings=[finding(policy="JL-042", action="hold")], recorded_at=now),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    _, page = await reviewer.get(f"{HOME}/policies")
    assert f'?q={quote("结果:预警 policy:JL-053")}">预警 2</a>' in page
    assert f'{LISTED}?q=policy:JL-042">1</a>' in page and "预警 1" not in page
    _, page = await reviewer.get(f"{HOME}/policies/JL-042")
    assert (
        "：须经 财政部门现金批准、开户银行现金批准" in page
        and "cash_finance &amp;" not in (page.partition("规则文件")[0])
    )


async def test_what_was_delivered_before_there_was_a_list_is_listed_too(
    bureau: Bureau, chain: Chain
) -> None:
    await arrived(bureau, chain)
    text = (MIGRATION / next(p.name for p in MIGRATION.glob("*_warned.sql"))).read_text("utf-8")
    columns = "voucher_no, agency_code, payee_name, amount_fen, policies, reason_zh, decided_at"
    ask = f"SELECT {columns}, record_seq FROM warned ORDER BY voucher_no"
    async with bureau.pool.acquire() as connection, connection.transaction():
        noted = [tuple(row) for row in await connection.fetch(ask)]
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute(
            "INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash)"
            " VALUES ($1, $2, 900, 'verdict', '', $3, sha256('1')), ($1, $2, 901, 'verdict', '',"
            " $4, sha256('2'))",
            DIVISION, BANK, b'{"action":"warn","a":"\\u0000"}', b'not json "action":"warn"',
        )  # fmt: skip
        await connection.execute("DROP TABLE warned CASCADE; DROP FUNCTION stat_warned()")
        await connection.execute("DROP VIEW IF EXISTS found_line")
        await connection.execute(text)
        again = [tuple(row) for row in await connection.fetch(ask)]
    assert again == noted and len(noted) == 3


async def test_a_batch_of_which_details_are_withheld_is_listed_with_why(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """It passed: neither its record nor its notice showed anywhere."""
    held = finding(policy="JL-050", action="hold", detail="D-2", reason_zh="明细收款人未备案")
    part = warned(1, WARN, held, LOGGED, withheld=["D-2"])
    await told(bureau, chain, part, warned(2, LOGGED))
    reviewer = await desk.seat(Office.REVIEWER)
    for asked, numbers in {"结果:预警": {1}, "结果:预警 policy:JL-050": {1}, "": set()}.items():
        _, text = await reviewer.get(f"{LISTED}/rows?q={quote(asked)}")
        found = set(re.findall(r'href="[^"]+/([0-9]{13})["?]', text))
        assert found == {f"{n:013d}" for n in numbers}, asked
    _, text = await reviewer.get(f"{LISTED}?q=verdict:warned")
    assert "明细收款人未备案" in text
    _, card = await reviewer.get(f"/desk/{DIVISION}/2026/8202/{1:013d}")
    assert "为何部分不付" in card and "其中不付的明细" in card and ">D-2<" in card
    assert "nothing was stopped" not in card and "none is sent of what passed" not in card
    _, card = await reviewer.get(f"/desk/{DIVISION}/2026/8202/{2:013d}")
    assert "为何部分不付" not in card

"""Cells and what became of an interception, against the rows themselves, whatever came when."""

import asyncio
import datetime as dt
import os
import re
from functools import partial
from random import Random
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.postgres.bureau import desk as bureau_desk
from adapters.postgres.bureau.recount import snapshot
from adapters.postgres.bureau.statistics import BureauStatistics
from bureau.desk.interceptions import searched
from bureau.desk.people import Office, Scope
from bureau.desk.recount import Recounter
from bureau.desk.search import parsed
from gateway.domain.records import unnumbered
from tests.bureau.desks import Desk
from tests.bureau.lists.test_statistics import at
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, finding, told, verdict

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}"
STEPS = int(os.environ.get("FIGURES_STEPS", "60"))
MEASURES = (
    "policy", "agency", "department", "bank", "amount", "state", "agency_policy", "stage", "origin",
    "agency_stage", "bank_stage",
)  # fmt: skip
ENDS = (
    ("release", {"what": "released"}, "released"), ("release", {"what": "refused"}, "refused"),
    ("release", {"what": "expired"}, "expired"),
    ("release", {"what": "withdrawn"}, "withdrawn"),
    ("bank_outcome", {"bank_outcome": "accepted"}, "paid"),
    ("bank_outcome", {"bank_outcome": "rejected"}, "returned"),
    ("bank_outcome", {"bank_outcome": "not_taken"}, "returned"),
    ("bank_outcome", {"bank_outcome": "unknown"}, "unknown"),
    ("correction", {"said": "accepted", "what": "contradiction", "how": "books"}, "paid"),
    ("correction", {"said": "not_taken", "what": "ended"}, "returned"),
    ("correction", {"said": "accepted", "what": "ended"}, "paid"),
    ("refund", {"amount": "1.00"}, "refunded"),
    ("correction", {"said": "rejected", "what": "contradiction", "how": "told"}, "unknown"),
)  # fmt: skip

# What each measure is, counted anew from the lines and cases.
RAW = """
SELECT measure, month, key, count(*) AS count, sum(fen) AS fen,
    count(*) FILTER (WHERE outcome = 'blocked') AS blocked,
    count(*) FILTER (WHERE outcome = 'held') AS held
FROM (
    SELECT m.measure, m.key, i.outcome, i.amount_fen AS fen,
        date_trunc('month', i.decided_at AT TIME ZONE 'Asia/Shanghai')::date AS month
    FROM interception AS i CROSS JOIN LATERAL (
        SELECT 'policy' AS measure, p AS key FROM unnest(i.policies) AS p
        UNION ALL SELECT 'agency_policy', i.agency_code || ' ' || p FROM unnest(i.policies) AS p
        UNION ALL VALUES ('agency', i.agency_code), ('department', substr(i.agency_code, 1, 3)),
            ('bank', i.bank), ('state', i.state), ('amount', CASE
                WHEN i.amount_fen < 1000000 THEN '1' WHEN i.amount_fen < 10000000 THEN '2'
                WHEN i.amount_fen < 100000000 THEN '3' WHEN i.amount_fen < 1000000000 THEN '4'
                ELSE '5' END)
    ) AS m (measure, key)
    UNION ALL
    SELECT m.measure, m.key, '', c.amount_fen,
        date_trunc('month', c.opened_at AT TIME ZONE 'Asia/Shanghai')::date
    FROM case_file AS c CROSS JOIN LATERAL (
        VALUES ('stage', c.stage), ('origin', c.origin),
            ('agency_stage', c.agency_code || ' ' || c.stage),
            ('bank_stage', CASE WHEN c.against = 'bank' THEN c.bank ELSE '' END || ' ' || c.stage)
    ) AS m (measure, key)
) AS s GROUP BY 1, 2, 3
"""


def about(number: int, kind: str, **more: Any) -> bytes:
    fields = {
        "bank": BANK, "division": DIVISION, "fiscal_year": 2026, "kind": kind,
        "recorded_at": at(dt.date(2026, 3, 3)), "voucher_type": "8202",
        "voucher_no": f"{number:013d}", **more,
    }  # fmt: skip
    return unnumbered(fields)


async def state_of(bureau: Bureau, number: int) -> str:
    state = await bureau.pool.fetchval(
        "SELECT state FROM interception WHERE voucher_no = $1", f"{number:013d}"
    )
    return str(state)


@pytest.mark.parametrize(("kind", "more", "state"), ENDS, ids=[f"{e[0]}-{e[2]}" for e in ENDS])
async def test_a_line_reads_what_its_bank_told_last_in_whatever_delivery_it_came(
    bureau: Bureau, chain: Chain, kind: str, more: dict[str, str], state: str
) -> None:
    await told(
        bureau, chain, verdict(1, "held"), verdict(2, "held"), about(2, kind, **more),
        verdict(3, "blocked"), about(3, kind, **more), verdict(4, "held"),
    )  # fmt: skip
    assert [await state_of(bureau, n) for n in (1, 2, 3, 4)] == ["held", state, "blocked", "held"]
    await told(bureau, chain, about(1, kind, **more), about(4, "release", what="not_carried_out"))
    assert [await state_of(bureau, n) for n in (1, 4)] == [state, "held"]


async def test_released_then_paid_then_refunded_is_the_last_of_them(
    bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, verdict(1, "held"))
    for kind, more, state in (ENDS[0], ENDS[7], ENDS[4], ENDS[9]):
        await told(bureau, chain, about(1, kind, **more))
        assert await state_of(bureau, 1) == state
    assert await bureau.pool.fetchval("SELECT count(*) FROM open_hold") == 0


async def test_list_search_card_and_figures_say_what_became_of_a_hold(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(
        bureau, chain, *[verdict(n, "held") for n in (1, 2, 3)], verdict(4, "blocked"),
        about(1, "release", what="released"), about(1, "bank_outcome", bank_outcome="accepted"),
        about(2, "release", what="refused"),
    )  # fmt: skip
    reviewer = await desk.seat(Office.REVIEWER)
    listed = f"{HOME}/interceptions"
    for asked, numbers in {
        "state:paid": {1}, "状态:不予放行": {2}, "现状:挂起": {3}, "state:blocked": {4},
        "outcome:held": {1, 2, 3}, "state:expired": set(), "outcome:held state:held": {3},
    }.items():  # fmt: skip
        _, text = await reviewer.get(f"{listed}/rows?q={asked}")
        assert {n for n in range(1, 5) if f"{n:013d}" in text} == numbers, asked
    _, text = await reviewer.get(f"{listed}?q=state:paid")
    assert "已放行并支付" in text and "原判定 挂起" in text
    _, text = await reviewer.get(f"{listed}?q=state:nonsense")
    assert "写法不对，可以写 状态:已支付" in text and 'value="state:nonsense"' in text
    assert "没有查询" in text and "<table" not in text
    wrong = {"q": "stage:核实中 金额:多"}
    where = f"{listed}?{urlencode(wrong)}"
    assert (await reviewer.bytes(f"{listed}.xlsx?{urlencode(wrong)}"))[0] == 303, (
        "the page says why"
    )
    _, text = await reviewer.get(where)
    assert "这里没有“stage”这个条件" in text and "“金额:多”写法不对，可以写 金额:&gt;10万" in text
    for example in re.findall(r'interceptions\?q=([^"&]+)"', text):
        _, found = await reviewer.get(f"{listed}?q={example}")
        assert "没有查询" not in found and "<table" in found, example
    _, text = await reviewer.get(f"{HOME}/cases?q=状态:挂起")
    assert "这里没有“状态”这个条件" in text and "<table" not in text
    assert "不予放行" in (await reviewer.get(f"{HOME}/2026/8202/{2:013d}"))[1]
    _, body, _ = await reviewer.bytes(f"{listed}.csv?q=state:paid")
    assert "挂起,已放行并支付" in body.decode("utf-8-sig")
    _, text = await reviewer.get(f"{HOME}/statistics?from=2026-03&to=2026-03")
    assert "其中仍挂起" in text and "不予放行" in text


async def test_a_policy_is_found_alike_by_its_lines_and_by_the_newest(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = [finding(policy="JL-020"), finding(policy="JL-030")]
    await told(
        bureau, chain, *[verdict(n, "blocked", findings=two[: 1 + n % 2]) for n in range(9)],
        verdict(9, "held", findings=[two[1]]),
    )  # fmt: skip
    found = []
    for most in (0, 1000):
        monkeypatch.setattr(bureau_desk, "RARE_MAX", most)
        for asked in ("policy:JL-030", "policy:JL-030 outcome:held", "policy:JL-999"):
            lines = await searched(desk.rooms.desk, DIVISION, Scope(), parsed(asked))
            found.append([line.voucher_no[-1] for line in lines])
    assert found[:3] == found[3:] == [["9", "7", "5", "3", "1"], ["9"], []]


@pytest.mark.slow
async def test_cells_are_the_rows_whatever_is_folded_and_told_in_between(
    bureau: Bureau, chain: Chain
) -> None:
    """Years, months and what is not folded yet add up to the lines, in any span of months."""
    random, statistics = Random(7), BureauStatistics(bureau.pool)
    known = 0
    for step in range(STEPS):
        known = await _step(bureau, chain, random, known)
        if random.random() < 0.5:
            more = _step_in_sql(bureau, random)
            await asyncio.gather(statistics.fold(), statistics.fold(), more)
        if step % 6 == 5 or step == STEPS - 1:
            await _compare(bureau, random)
    assert await bureau.pool.fetchval("SELECT count(*) FROM stat_year") > 20
    while await statistics.fold():
        pass
    for _ in range(4):
        await _compare(bureau, random)
    recounter = Recounter(partial(snapshot, bureau.pool), bureau.auditor, bureau.trust)
    assert [each async for each in recounter.recount(bureau.place)] == []


async def _step(bureau: Bureau, chain: Chain, random: Random, known: int) -> int:
    """New lines arrive, a corrected one, the end of a hold. How many lines there are."""
    bodies = []
    for _ in range(random.randint(1, 4)):
        if not known or random.random() < 0.6:
            known += 1
            number = known
        else:
            number = random.randint(1, known)
            kind, more, _ = random.choice(ENDS)
            bodies.append(about(number, kind, **more))
            continue
        day = dt.date(random.choice((2024, 2025, 2026)), random.randint(1, 12), 28)
        bodies.append(_line(random, number, day))
    if known > 3 and random.random() < 0.3:
        bodies.append(_line(random, random.randint(1, known), dt.date(2025, 12, 31)))
    await told(bureau, chain, *bodies)
    return known


def _line(random: Random, number: int, day: dt.date) -> bytes:
    found = [finding(policy=f"JL-0{n}") for n in random.sample(range(20, 26), k=2)]
    return verdict(
        number, random.choice(("held", "blocked")), findings=found, recorded_at=at(day, number),
        amount_fen=10 ** random.randint(1, 11),
        agency={"code": random.choice(("101001", "101", "1010", "102002")), "name": "厅"},
    )  # fmt: skip


async def _step_in_sql(bureau: Bureau, random: Random) -> None:
    """A case is opened, or moved to another stage, while others fold."""
    number = random.randint(1, 12)
    await bureau.pool.execute(
        "INSERT INTO case_file (division, year, number, origin, against, agency_code, agency_name,"
        " bank, title, reason, amount_fen, policies, stage, awaits, told, opened_by, opened_at,"
        " changed_at) VALUES ($1, 2026, $2, 'finding', $3, '101001', '', $4, '', '', 7, '{}',"
        " 'suspected', 'reviewer', false, '', $5, now())"
        " ON CONFLICT (division, year, number) DO UPDATE SET stage = $6",
        DIVISION, number, random.choice(("agency", "bank")), BANK,
        dt.datetime(2026, random.randint(1, 12), 1, tzinfo=dt.UTC),
        random.choice(("verifying", "confirmed", "archived")),
    )  # fmt: skip


async def _compare(bureau: Bureau, random: Random) -> None:
    ends = sorted((random.choice((2024, 2025, 2026)), random.randint(1, 12)) for _ in range(2))
    first = dt.date(*ends[0], 1)
    last = (dt.date(*ends[1], 1) + dt.timedelta(days=31)).replace(day=1) - dt.timedelta(days=1)
    raw: dict[str, dict[str, tuple[int, ...]]] = {measure: {} for measure in MEASURES}
    months: dict[dt.date, int] = {}
    for row in await bureau.pool.fetch(RAW):
        if not first <= row["month"] <= last:
            continue
        sums = raw[row["measure"]].get(row["key"], (0, 0, 0, 0))
        more = row["count"], int(row["fen"]), row["blocked"], row["held"]
        raw[row["measure"]][row["key"]] = tuple(a + b for a, b in zip(sums, more, strict=True))
        if row["measure"] == "bank":
            months[row["month"]] = months.get(row["month"], 0) + row["count"]
    statistics = BureauStatistics(bureau.pool)
    for measure in MEASURES:
        rows = await statistics.by_key(DIVISION, measure, (first, last), 9999)
        assert _sums(rows) == raw[measure], (measure, first, last)
    for owner in ("101001", "101"):
        mine = {k.removeprefix(f"{owner} "): v for k, v in raw["agency_policy"].items()
                if k.startswith(f"{owner} ")}  # fmt: skip
        rows = await statistics.by_key_of(DIVISION, "agency_policy", (first, last), owner)
        assert _sums(rows) == mine, (owner, first, last)
    counted = await statistics.by_month(DIVISION, (first, last))
    assert {row["key"]: row["count"] for row in counted} == months


def _sums(rows: Any) -> dict[str, tuple[int, ...]]:
    return {
        row["key"]: (
            int(row["count"]), int(row["amount_fen"]), int(row["blocked"] or 0),
            int(row["held"] or 0),
        )
        for row in rows
    }  # fmt: skip


async def test_a_case_is_found_by_its_number_and_by_words(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    await told(bureau, chain, *[verdict(n, "blocked") for n in (1, 2, 3)])
    reviewer = await desk.seat(Office.REVIEWER)
    for number in (1, 2, 3):
        card = f"{HOME}/2026/8202/{number:013d}"
        await reviewer.post(f"{card}/case", {"against": "bank" if number == 3 else "agency"})
    year = desk.hands.now.astimezone(dt.timezone(dt.timedelta(hours=8))).year
    for asked, numbers in {
        f"{year}年第2号": {2}, f"案件{year}年第3号": {3}, f"{year}年第9号": set(),
        "示例厅": {1, 2, 3}, "没有这个名字": set(), "stage:疑点登记 示例厅": {1, 2, 3},
        "1999年第2号": set(), "第3号": {3}, "3号": {3}, f"{1:013d}": {1},
        "0002": {2}, "0009": set(),
    }.items():  # fmt: skip
        _, text = await reviewer.get(f"{HOME}/cases?q={asked}")
        assert {n for n in (1, 2, 3) if f">{year}年第{n}号</a>" in text} == numbers, asked
    status, text = await reviewer.get(f"{HOME}/cases?q=阶段:已立案")
    assert status == 200 and "没有“已立案”这个阶段" in text and "没有查询" in text
    for mine in (f"{year}年第1号", "示例厅", f"{1:013d}"):
        other = await desk.seat(Office.AGENCY, "another", code="102001")
        assert f">{year}年第" not in (await other.get(f"{HOME}/cases?q={mine}"))[1]


async def test_the_list_marks_what_it_is_narrowed_to_and_a_department_reads_whose_turn_it_is(
    desk: Desk,
) -> None:
    reviewer, department = await desk.seat(Office.REVIEWER), await desk.seat(Office.DEPARTMENT)
    for query, words in (("", "全部"), ("?q=stage:整改中", "整改中")):
        _, text = await reviewer.get(f"{HOME}/cases{query}")
        assert re.findall(r'aria-current="true">([^<]+?) ?<', text) == [words]
    _, text = await department.get(HOME)
    assert "所属单位待办的案件" in text and "waits for you" not in text, "it has nothing to do"

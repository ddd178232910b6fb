"""What the desk asks the gateways about policies, and how their answers come in."""

import datetime as dt
import io
import re
from typing import Any

import orjson
import pytest
from python_calamine import CalamineWorkbook

from bureau.desk.deeds import ACTS
from bureau.desk.law import titles_of
from bureau.desk.people import Office
from bureau.desk.policies.asking import Asking
from bureau.desk.policies.drafts import tripped_of
from bureau.desk.policies.questions import KIND
from bureau.desk.policies.words import read_out, wordings
from bureau.web.sections.trials import WHATS
from gateway.domain.faults import FeedRefused, GatewayUnavailable, LedgerUnavailable
from policies.book.load import LIBRARY, load_texts
from policies.book.read import read_policy
from tests.bureau.cases.test_case_walk import intercepted
from tests.bureau.desks import Desk, Seated, bare
from tests.bureau.words import BANK, DIVISION, Bureau, Chain, House

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/policies"
CASH = load_texts(LIBRARY / "jilin")["JL-042.toml"]
LOWER = (
    CASH.replace('"1000.00"', '"800.00"').replace('"999.99"', '"799.99"')
    .replace('"1000.01"', '"800.01"').replace("revision = 2", "revision = 3", 1)
)  # fmt: skip


class Gateway:
    """What a gateway's door answers: a log of some length, read in steps, differing at places."""

    def __init__(self, length: int = 300) -> None:
        self.length = length
        self.read = -1
        self.asked: list[dict[str, Any]] = []
        self.refuses = ""
        self.away = False
        self.answer: dict[str, Any] | None = None
        self.stopped = False

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        assert kind == KIND and signature
        asked = orjson.loads(body)
        self.asked.append(asked)
        if self.away:
            raise GatewayUnavailable("connection refused")
        if self.refuses:
            raise FeedRefused(self.refuses)
        return orjson.dumps({"version": asked["number"], "state": self.state(asked)})

    def state(self, asked: dict[str, Any]) -> dict[str, Any]:
        first = self.asked[0]["what"]
        if asked["what"] == "stop":
            self.stopped = True
            return {"answer": None, "over": True, "what": "stop"}
        if first in ("replay", "try"):
            return {"answer": self.answer, "over": self.answer is not None, "what": first}
        self.read = min(self.read + 150, self.length - 1)
        after = asked.get("after", -1)
        flips = [flip(seq) for seq in range(0, self.read + 1, 10) if seq > after]
        over = self.stopped if first == "shadow" else self.read == self.length - 1
        return {
            "compared": self.read + 1, "first": 0, "last": self.length - 1, "read": self.read,
            "trouble": "", "what": first, "flips": flips, "over": over,
        }  # fmt: skip


def flip(seq: int) -> dict[str, Any]:
    return {
        "seq": seq, "subject": f"{DIVISION}/2026/8202/{seq:013d}", "agency": "101001",
        "decided_at": "2026-03-02T01:02:03+00:00", "amount_fen": 90_000 + seq, "before": "passed",
        "after": "blocked", "policies": ["JL-042"], "reason_zh": "超过每人一次800.00元的限额",
    }  # fmt: skip


class Milder(Gateway):
    """One that was held comes out otherwise, by a policy of the draft and by another."""

    def state(self, asked: dict[str, Any]) -> dict[str, Any]:
        otherwise = {**flip(7), "before": "held", "policies": ["JL-041", "JL-042"]}
        return {**super().state(asked), "flips": [otherwise]}


class Warning(Gateway):
    """One that passed gets a warning, one that was warned of loses it, one held passes with one."""

    def state(self, asked: dict[str, Any]) -> dict[str, Any]:
        ways = (("passed", "warned"), ("warned", "passed"), ("held", "warned"), ("held", "passed"))
        flips = [
            {**flip(seq), "before": before, "after": after}
            for seq, (before, after) in enumerate(ways)
        ]
        return {**super().state(asked), "flips": flips}


def asking(desk: Desk, gateway: Gateway) -> Asking:
    ways = {(DIVISION, BANK): gateway}
    return Asking(desk.rooms.questions.store, ways, lambda _: "s", desk.hands, desk.rooms.bell)


async def drafted(desk: Desk, reviewer: Seated) -> str:
    status, path = await reviewer.post(
        f"{HOME}/JL-042/edit", {"document": LOWER, "step": "draft", "reason": "降低限额"}
    )
    assert status == 303, path
    return path


async def test_a_draft_is_back_tested_with_progress_and_its_flips_are_listed(desk: Desk) -> None:
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway()
    draft = await drafted(desk, reviewer)
    assert "还没有回溯" in (await reviewer.get(draft))[1], "before anybody agrees to it"
    status, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    assert (status, trial) == (303, f"{HOME}/trials/1")
    page = (await reviewer.get(trial))[1]
    assert re.search(r'<progress max="100" value="0"', page), "nothing was compared yet"
    assert "发送中" in page and '<span class="en">Back-test</span></h1>' in page
    assert "可能要等几分钟" in page, "long work says that it is long"
    worker = asking(desk, gateway)
    assert await worker.ask_all() == 1
    first = gateway.asked[0]
    assert (first["what"], first["since"], first["number"]) == ("backtest", "2026-01-01", 1)
    assert "800.00" in first["documents"]["JL-042.toml"], "the draft stands among the documents"
    assert len(first["documents"]) == len(load_texts(LIBRARY / "jilin"))
    page = (await reviewer.get(trial))[1]
    assert re.search(r'<progress max="100" value="50"', page) and "进行中" in page
    await worker.ask_all()
    assert gateway.asked[1] == {
        "after": 140, "by": "desk", "division": DIVISION, "kind": KIND, "number": 1, "what": "tell",
    }  # fmt: skip
    assert await worker.ask_all() == 0, "a whole answer is not asked for again"
    page = (await reviewer.get(trial))[1]
    assert "完成" in page and 'value="100"' in page and "可能要等几分钟" not in page
    assert page.count("超过每人一次800.00元的限额") == 30
    total = sum(90_000 + seq for seq in range(0, 300, 10)) / 100
    assert f"{total:,.2f}" in page, "in sum, by policy and by agency"
    assert f'<a href="{HOME}/JL-042">JL-042</a> {titles_of()["JL-042"]}' in page
    assert "本次修改</span>" in page and "各行之和可大于合计" in page
    assert f"/desk/{DIVISION}/statistics/agencies/101001" in page
    assert f'<span class="en">{BANK}</span>' in page and f"<td>{BANK}</td>" not in bare(page)
    assert f'<a href="/desk/{DIVISION}/2026/8202/{0:013d}' not in page, "what passed has no card"
    _, body, headers = await reviewer.bytes(f"{trial}.xlsx")
    assert body.startswith(b"PK") and "attachment" in headers["Content-Disposition"]
    page = (await reviewer.get(draft))[1]
    assert "回溯 自 2026-01-01" in page and "还没有回溯" not in page
    found = page.partition("按过去的支付会怎样")[2].partition("</section>")[0]
    assert re.search(rf"→ <strong[^>]*>[^<]+</strong>：30 笔，{total:,.2f} 元", found)
    assert (await reviewer.post(f"{draft}/backtest", {"since": "2999-01-01"}))[0] == 409
    assert (await reviewer.post(f"{draft}/backtest", {"since": "morgen"}))[0] == 409
    assert (await reviewer.post(f"{HOME}/drafts/99/backtest", {}))[0] == 404


async def test_a_question_waits_while_the_token_of_our_own_key_is_away(desk: Desk) -> None:
    """It ended the bureau."""
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway()
    draft = await drafted(desk, reviewer)
    _, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    worker = asking(desk, gateway)
    assert await worker.ask_all() == 1

    def away(_: bytes) -> str:
        raise LedgerUnavailable("token treasury is away")

    worker._sign = away
    assert await worker.ask_all() == 0 and len(gateway.asked) == 1
    assert "token treasury is away" in (await reviewer.get(trial))[1]


async def test_a_trial_tells_the_changed_policy_from_others_and_opens_what_was_held(
    desk: Desk,
) -> None:
    reviewer, gateway = await desk.seat(Office.REVIEWER), Milder(1)
    draft = await drafted(desk, reviewer)
    _, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    await asking(desk, gateway).ask_all()
    page = (await reviewer.get(trial))[1]
    titles = titles_of()
    assert f'{titles["JL-041"]} <span class="chip">未修改</span>' in page
    assert f'{titles["JL-042"]} <span class="chip">本次修改</span>' in page
    assert f'<a href="/desk/{DIVISION}/2026/8202/{7:013d}?bank={BANK}">{7:013d}</a>' in page
    assert "原已放行的指令" not in page


async def test_warnings_that_come_and_go_are_a_column_of_a_trial_and_of_its_export(
    desk: Desk,
) -> None:
    reviewer, gateway = await desk.seat(Office.REVIEWER), Warning(1)
    draft = await drafted(desk, reviewer)
    _, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    await asking(desk, gateway).ask_all()
    page = (await reviewer.get(trial))[1]
    rows = bare(page).partition("改变的指令")[2].split("<tr>")[2:]
    told = [re.findall(r"<td>(新增|取消|—)</td>", row) for row in rows]
    assert told == [["新增"], ["取消"], ["新增"], ["—"]]
    opened = [f'{seq:013d}?bank={BANK}"' in row for seq, row in enumerate(rows)]
    assert opened == [False, True, True, True], "one that was warned of has a card"
    assert "预警放行" in page.partition("合计")[2].partition("按规则")[0], "counted apart"
    _, body, _ = await reviewer.bytes(f"{trial}.xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(body)).get_sheet_by_name("数据").to_python()
    column = sheet[0].index("预警 Warning")
    assert [row[column] for row in sheet[1:]] == ["新增", "取消", "新增", ""]


async def test_a_book_that_its_gateway_has_taken_is_not_read_again_each_second(desk: Desk) -> None:
    gateway = Gateway()
    reviewer = await desk.seat(Office.REVIEWER)
    await reviewer.post(f"{await drafted(desk, reviewer)}/shadow")
    store = desk.rooms.questions.store
    [row] = await store.open()  # type: ignore[attr-defined]
    assert row["body"]
    await asking(desk, gateway).ask_all()
    [row] = await store.open()  # type: ignore[attr-defined]
    assert row["taken_at"] and row["body"] is None


async def test_a_day_that_has_begun_in_beijing_is_not_yet_to_come(desk: Desk) -> None:
    """At half past midnight it is still yesterday in UTC; of a new year, still the year before."""
    now = desk.hands.now
    desk.hands.now = dt.datetime(now.year, 12, 31, 16, 30, tzinfo=dt.UTC)
    reviewer = await desk.seat(Office.REVIEWER)
    draft = await drafted(desk, reviewer)
    assert f'value="{now.year + 1}-01-01"' in (await reviewer.get(draft))[1]
    for day, status in ((f"{now.year + 1}-01-01", 303), (f"{now.year + 1}-01-02", 409)):
        assert (await reviewer.post(f"{draft}/backtest", {"since": day}))[0] == status, day


async def test_a_refusal_is_named_and_silence_is_asked_again(desk: Desk) -> None:
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway()
    draft = await drafted(desk, reviewer)
    _, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    worker = asking(desk, gateway)
    gateway.away = True
    await worker.ask_all()
    page = (await reviewer.get(trial))[1]
    assert "暂未得到答复" in page and "connection refused" in page
    assert await worker.ask_all() == 0 and len(gateway.asked) == 1, "left alone for a while"
    gateway.away, gateway.refuses = False, "400 feed_invalid: a backtest runs already"
    desk.hands.now += dt.timedelta(seconds=10)
    assert await worker.ask_all() == 1
    assert "网关不接受" in (await reviewer.get(trial))[1]
    desk.hands.now += dt.timedelta(days=1)
    assert await worker.ask_all() == 0 and len(gateway.asked) == 2


async def test_a_shadow_goes_on_until_it_is_stopped(desk: Desk) -> None:
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway(150)
    draft = await drafted(desk, reviewer)
    _, trial = await reviewer.post(f"{draft}/shadow")
    worker = asking(desk, gateway)
    await worker.ask_all()
    assert await worker.ask_all() == 0, "one that has caught up is not asked each second"
    assert "影子运行" in (await (await desk.seat(Office.PROVINCE)).get(HOME))[1]
    gateway.length = 300
    desk.hands.now += dt.timedelta(minutes=1)
    assert await worker.ask_all() == 1
    assert (await reviewer.get(trial))[1].count("超过每人一次800.00元的限额") == 30
    assert (await reviewer.post(f"{trial}/stop"))[0] == 303
    desk.hands.now += dt.timedelta(minutes=1)
    await worker.ask_all()
    desk.hands.now += dt.timedelta(minutes=1)
    await worker.ask_all()
    page = (await reviewer.get(trial))[1]
    assert "完成" in page and "停止影子运行 <span" not in page
    assert (await reviewer.post(f"{trial}/stop"))[0] == 409


async def test_an_interception_is_replayed_under_the_book_that_judged_it(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    card = f"/desk/{DIVISION}/2026/8202/{1:013d}"
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway()
    assert "按当时的规则重放" in (await reviewer.get(card))[1]
    status, trial = await reviewer.post(f"{card}/replay")
    assert status == 303
    worker = asking(desk, gateway)
    await worker.ask_all()
    assert gateway.asked[0]["subject"] == f"{DIVISION}/2026/8202/{1:013d}"
    replay = {
        "same": True, "differing": [], "bytes": 812, "book": "ab" * 32, "outcome": "blocked",
        "decided_at": "2026-03-02T01:02:03+00:00",
    }  # fmt: skip
    gateway.answer = {"replays": [replay]}
    assert await worker.ask_all() == 1
    page = (await reviewer.get(trial))[1]
    assert "重放一致，逐字节相同" in page and "ab" * 32 in page
    assert "<dd>2026-03-02 09:02:03</dd>" in page, "in Beijing, as on the card"
    assert "上次重放的结果" in (await reviewer.get(card))[1]
    agency = await desk.seat(Office.AGENCY)
    text = (await agency.get(card))[1]
    assert "重放" in text and "上次重放" not in text and "/replay" not in text
    assert (await reviewer.post(f"/desk/{DIVISION}/2026/8202/nobody/replay"))[0] == 404


async def test_a_draft_is_tried_on_one_instruction_that_is_picked_or_named(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer, gateway = await desk.seat(Office.REVIEWER), Gateway()
    draft = await drafted(desk, reviewer)
    subject = f"{DIVISION}/2026/8202/{1:013d}"
    picked = f"{subject}@{BANK}"
    assert f'<option value="{picked}">' in (await reviewer.get(draft))[1]
    _, trial = await reviewer.post(f"{draft}/try", {"picked": picked, "subject": ""})
    finding = {"policy": "JL-042", "revision": 2, "action": "block", "reason_zh": "超过<限额>"}
    gateway.answer = {"before": "passed", "after": "blocked", "findings": [finding]}
    await asking(desk, gateway).ask_all()
    page = (await reviewer.get(trial))[1]
    assert f"JL-042 {titles_of()['JL-042']} 第2版：超过&lt;限额&gt;" in page and "按草稿" in page
    for wrong in ("", "220100000/2026/8202/1", "x" * 150, f"{DIVISION}/2026", f"{subject}@1"):
        assert (await reviewer.post(f"{draft}/try", {"subject": wrong}))[0] == 409


async def test_boundaries_and_mutants_are_told_of_a_draft_and_of_what_stands(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    draft = await drafted(desk, reviewer)
    page = (await reviewer.get(draft))[1]
    assert "达标" in page and "变异 16/16 被发现" in page, "known since it was handed on"
    assert (await reviewer.get(f"{HOME}/JL-042"))[1].count("尚未检验") == 1
    assert (await reviewer.post(f"{HOME}/JL-042/prove"))[0] == 303
    assert "变异 16/16 被发现" in (await reviewer.get(f"{HOME}/JL-042"))[1]
    assert ">16/16</span>" in (await reviewer.get(HOME))[1]
    assert (await reviewer.post(f"{HOME}/drafts/99/prove"))[0] == 404


async def test_a_policy_is_read_out_in_chinese(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    page = (await reviewer.get(f"{HOME}/JL-042"))[1]
    assert "结算方式已填写，且属于其中之一（“现金”、“现金支票”）" in page


async def test_a_policy_is_read_out_with_its_values_and_without_empty_brackets(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    page = (await reviewer.get(f"{HOME}/JL-091"))[1].partition("<details")[0]
    assert (
        "达到单位大额标准1,000,000.00元：个人收款人数等于0；并且支付金额达到或超过1,000,000.00元"
        in page
    )
    assert (
        "organisation：1,000,000.00元" in page and "〔支付金额〕元，金额较大：〔上述情形〕" in page
    )
    assert "{" not in page.partition("告知")[0].rpartition("且任一情形")[2].partition("<code>")[0]
    assert "always：" not in page and "<code>true</code>" not in page


def test_no_policy_of_the_library_is_told_with_an_open_place_or_an_empty_bracket() -> None:
    for name, text in load_texts(LIBRARY / "jilin").items():
        policy = read_policy(text, name)
        told = wordings(policy)
        assert not [words for words in told.values() if "{" in words or "None" in words], name
        assert not [words for words in told.values() if "params." in words or "row." in words], name
        assert not [words for words in (told | read_out(policy)).values() if "（）" in words], name


def test_every_question_has_words_in_the_audit_trail() -> None:
    assert all(f"policy.{what}_asked" in ACTS for what in WHATS)


def test_a_breaker_is_shown_until_a_newer_book_is_in_force_at_that_gateway() -> None:
    trip = {"what": "tripped", "policy": "JL-020", "bank": "a"}
    assert tripped_of([trip, {"what": "activated", "bank": "a"}]) == {"JL-020": ["a"]}
    assert tripped_of([{"what": "activated", "bank": "a"}, trip]) == {}
    assert tripped_of([{"what": "activated", "bank": "b"}, trip]) == {"JL-020": ["a"]}


async def test_a_back_test_that_is_not_over_does_not_say_that_nothing_changes(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    draft = await drafted(desk, reviewer)
    _, page = await reviewer.get(draft)
    assert f"{reviewer.person.name}（{reviewer.person.login}）" in page, "who wrote it, by name"
    _, trial = await reviewer.post(f"{draft}/backtest", {"since": "2026-01-01"})
    page = (await reviewer.get(trial))[1]
    assert "比对尚未完成" in page and "没有结论改变" not in page

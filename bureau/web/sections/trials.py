"""Policies on trial: a draft over the past, beside the live book, on one instruction; a replay."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urlencode

import attrs
from aiohttp import web

from bureau.desk.interceptions import searched, why_refused
from bureau.desk.law import titles_of
from bureau.desk.names import Names
from bureau.desk.people import READERS, Office
from bureau.desk.policies.answers import state_of
from bureau.desk.policies.drafts import CASE_CHARS_MAX
from bureau.desk.policies.questions import Questions
from bureau.desk.refusals import ActRefused
from bureau.desk.search import WARNED, parsed
from bureau.web.exports import PIECE_ROWS, sent
from bureau.web.pages import clock, money, outcome_zh
from bureau.web.rooms import Rooms
from bureau.web.route import Again, Route, Visit, get, post, see
from bureau.web.telling import tell
from gateway.domain.money import yuan

FLIPS_SHOWN = 100
PICKED = 30
_ASKERS = frozenset({Office.REVIEWER, Office.APPROVER})
WHATS = {
    "backtest": "回溯", "shadow": "影子运行", "replay": "重放", "try": "单笔试算",
    "stop": "停止影子运行",
}  # fmt: skip
WHATS_EN = {
    "backtest": "Back-test", "shadow": "Shadow", "replay": "Replay", "try": "Trial on one payment",
    "stop": "End of a shadow",
}  # fmt: skip
HEAD = (
    "时间 Time", "指令 Instruction", "预算单位 Agency", "金额（元） Yuan", "原结论 Before",
    "新结论 After", "预警 Warning", "规则 Policies", "理由 Reason", "代理银行 Bank",
)  # fmt: skip


def routes(rooms: Rooms) -> list[Route]:
    pages = _Trials(rooms)
    home = "/desk/{division}/policies"
    trial = home + "/trials/{seq:[0-9]{1,9}}"
    return [
        get(home + "/trial", pages.begin, frozenset({Office.REVIEWER})),
        get(trial, pages.trial, READERS),
        get(trial + ".{kind:xlsx}", pages.export, READERS),
        post(trial + "/stop", pages.stop, _ASKERS),
        post("/desk/{division}/{year:[0-9]{4}}/{type}/{no}/replay", pages.replay, _ASKERS),
    ]


def of_draft(rooms: Rooms, again: Again) -> list[Route]:
    """`again`: the draft's page, whose forms these are."""
    pages, draft = _Trials(rooms), "/desk/{division}/policies/drafts/{seq:[0-9]{1,9}}"
    return [
        post(draft + "/backtest", pages.backtest, _ASKERS, again=again),
        post(draft + "/shadow", pages.shadow, _ASKERS, again=again),
        post(draft + "/try", pages.attempt, _ASKERS, again=again),
    ]


class _Trials:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._questions: Questions = rooms.questions

    async def backtest(self, visit: Visit) -> web.StreamResponse:
        return await self._candidate(visit, "backtest")

    async def shadow(self, visit: Visit) -> web.StreamResponse:
        return await self._candidate(visit, "shadow")

    async def attempt(self, visit: Visit) -> web.StreamResponse:
        subject = visit.text("subject", 200) or visit.text("picked", 200)
        with _found():
            number = await self._questions.attempt(
                visit.division, _seq(visit), subject, visit.person
            )
        raise see(_trial(visit, number))

    async def begin(self, visit: Visit) -> web.StreamResponse:
        """From a payment's card: the form of the policy to be tried on it."""
        policy, subject = visit.query("policy", 6), visit.query("subject")
        if policy not in titles_of():
            raise web.HTTPNotFound()
        asked = urlencode({"subject": subject})
        raise see(f"/desk/{visit.division}/policies/{policy}/form?{asked}#trial")

    async def stop(self, visit: Visit) -> web.StreamResponse:
        await self._questions.stop(visit.division, _seq(visit), visit.person)
        raise see(_trial(visit, _seq(visit)))

    async def replay(self, visit: Visit) -> web.StreamResponse:
        """Of an interception that this desk shows: its own gateway decides it again."""
        info = visit.request.match_info
        at = visit.division, int(info["year"]), info["type"], info["no"]
        card = await why_refused(self._rooms.desk, *at, visit.query("bank", 40) or None)
        if card is None:
            raise web.HTTPNotFound()
        subject = "/".join(map(str, at))
        number = await self._questions.replay(visit.division, card.line.bank, subject, visit.person)
        raise see(_trial(visit, number))

    async def trial(self, visit: Visit) -> web.Response:
        store, number = self._questions.store, _seq(visit)
        rows = await store.question(visit.division, number)
        if not rows:
            raise web.HTTPNotFound()
        flips = await store.flips(visit.division, number, _after(visit), FLIPS_SHOWN)
        return self._rooms.pages(
            "policy_trial", visit=visit, rows=[answered(row) for row in rows], first=rows[0],
            flips=flips, warning=warning_zh, whats=WHATS, whats_en=WHATS_EN, older=_older(flips),
            titles=titles_of(),
            askers=await persons_of(self._rooms, [row["asker"] for row in rows]),
            changes=await store.changes(visit.division, number),
            by_policy=await store.changes(visit.division, number, "policy"),
            by_agency=await store.changes(visit.division, number, "agency"),
        )  # fmt: skip

    async def export(self, visit: Visit) -> web.StreamResponse:
        store, number = self._questions.store, _seq(visit)
        rows = await store.question(visit.division, number)
        if not rows:
            raise web.HTTPNotFound()
        askers = await persons_of(self._rooms, [row["asker"] for row in rows])
        asked = {
            "事项 What": f"{WHATS[rows[0]['what']]} {number}", "规则 Policy": rows[0]["policy"],
            "起始 Since": str(rows[0]["since"] or ""),
            "提出 Asked by":
            f"{askers[rows[0]['asker']]} {clock(rows[0]['asked_at'])}",
        }  # fmt: skip
        return await sent(
            visit.request, self._pieces(visit, number), HEAD, f"trial-{number}.xlsx",
            lambda count: {**asked, "行数 Rows": count},
            partial(tell, self._rooms, visit, "policy.trial_exported", str(number)),
        )  # fmt: skip

    async def _pieces(self, visit: Visit, number: int) -> AsyncIterator[list[list[str]]]:
        after = "", -1
        while True:
            flips = await self._questions.store.flips(visit.division, number, after, PIECE_ROWS)
            yield [list(_cells(flip, visit.division, self._rooms.names)) for flip in flips]
            if len(flips) < PIECE_ROWS:
                return
            after = flips[-1]["bank"], flips[-1]["seq"]

    async def _candidate(self, visit: Visit, what: str) -> web.StreamResponse:
        with _found():
            number = await self._questions.candidate(
                visit.division, _seq(visit), what, visit.person, _day(visit.text("since", 10))
            )
        raise see(_trial(visit, number))


PASTED_CHARS_MAX = 200_000


@attrs.frozen(kw_only=True)
class Trial:
    """What a document is tried on, as it was typed."""

    base: str = ""
    facts: str = ""
    instruction: str = ""
    subject: str = ""

    async def of(self, rooms: Rooms, visit: Visit, policy: str, text: str) -> tuple[Any, int]:
        """What came of it here, or the number under which the gateways are asked. A past payment is
        its gateway's to judge, from its records and registers; the rest is judged here. Raises
        ActRefused."""
        if self.subject:
            asked = rooms.questions.attempt_on(
                visit.division, policy, text, self.subject, visit.person
            )
            return None, await asked
        if self.instruction:
            return await rooms.policies.attempt_on(text, self.instruction, self.facts), 0
        return await rooms.policies.attempt(text, self.base, self.facts), 0


def trial_of(visit: Visit) -> Trial:
    """Raises HTTPBadRequest."""
    return Trial(
        base=visit.text("base", 60), facts=visit.text("facts", CASE_CHARS_MAX),
        instruction=visit.text("instruction", PASTED_CHARS_MAX),
        subject=visit.text("subject", 200) or visit.text("picked", 200) or visit.query("subject"),
    )  # fmt: skip


async def persons_of(rooms: Rooms, logins: Iterable[str | None]) -> dict[str, str]:
    """`姓名（登录名）` by login; nobody for None."""
    asked = sorted({each for each in logins if each})
    names = await rooms.people.names(asked) if asked else {}
    return {each: f"{names[each]}（{each}）" if each in names else each for each in asked}


async def picked(rooms: Rooms, visit: Visit) -> list[tuple[str, str]]:
    """The newest interceptions, for a person to try a draft on: which one, of which bank, and
    words."""
    found = await searched(rooms.desk, visit.division, visit.person.scope, parsed(""), limit=PICKED)
    return [
        (
            f"{line.division}/{line.fiscal_year}/{line.voucher_type}/{line.voucher_no}@{line.bank}",
            f"{line.voucher_no} {line.agency_name} {money(line.amount)}元 "
            f"{outcome_zh(line.outcome)}",
        )
        for line in found
    ]


def answered(row: Mapping[str, Any]) -> dict[str, Any]:
    """A question with its answer read, and how much of it is done in percent."""
    state = state_of(row["state"])
    first, last, read = (state.get(name, -1) for name in ("first", "last", "read"))
    total = last - first + 1 if state else 0  # nothing was answered yet
    done = 100 if row["is_over"] else 100 * (read - first + 1) // total if total > 0 else 0
    return {**row, "state": state, "done": max(0, min(100, done))}


def _cells(flip: Mapping[str, Any], division: str, names: Names) -> Sequence[str]:
    agency, bank = flip["agency"], flip["bank"]
    return (
        clock(flip["decided_at"]), flip["subject"],
        f"{names.agency(division, agency)} {agency}".strip(), yuan(flip["amount_fen"]),
        outcome_zh(flip["before"]), outcome_zh(flip["after"]), warning_zh(flip),
        " ".join(flip["policies"]),
        flip["reason_zh"], f"{names.bank(bank)} {bank}".strip(),
    )  # fmt: skip


def warning_zh(flip: Mapping[str, Any]) -> str:
    """What becomes of the warning that a payment passes with; empty if there was and is none."""
    was, now = flip["before"] == WARNED, flip["after"] == WARNED
    return "" if was == now else "新增" if now else "取消"


def _after(visit: Visit) -> tuple[str, int]:
    bank, _, seq = visit.query("after").rpartition(":")
    return (bank, int(seq)) if seq.isdecimal() and len(seq) < 19 else ("", -1)


def _older(flips: Sequence[Mapping[str, Any]]) -> str:
    return f"{flips[-1]['bank']}:{flips[-1]['seq']}" if len(flips) == FLIPS_SHOWN else ""


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        raise ActRefused("since", "请填写日期。", "since: a date") from None


def _seq(visit: Visit) -> int:
    return int(visit.request.match_info["seq"])


def _trial(visit: Visit, number: int) -> str:
    return f"/desk/{visit.division}/policies/trials/{number}"


@contextmanager
def _found() -> Iterator[None]:
    """What is not there is not told of."""
    try:
        yield
    except LookupError:
        raise web.HTTPNotFound() from None

"""Statistics (统计), score cards and the report to the province (Art. 11(4)-(5)).

Figures are of what was intercepted; they are counted as it arrives, so a page asks for sums only.
The points of the score cards are the bureau's own, not the regulation's.
"""

import datetime as dt
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import attrs

from bureau.desk.casework.phase import Phase
from bureau.desk.casework.words import Stage
from bureau.desk.interceptions import STATES_ZH
from bureau.desk.names import Names
from bureau.desk.refusals import ActRefused
from bureau.desk.rounds import rounds
from bureau.desk.stages import ReportedCases, grouped, stages_of
from bureau.desk.typical import TELLING, typical_cases
from bureau.inbox.glance import YEARS
from gateway.domain.legal_day import dawn

MONTHS_MAX = 36
TOP = 20
"""Rows of one table on the page of statistics; the report and the workbook list all."""
FOLD_S = 5.0
FOLD_LEAST = 5_000
"""Rows that wait before they are folded at once; fewer wait for FOLD_TURNS. A page adds up both,
and a fold writes every sum that has changed."""
FOLD_TURNS = 12
TYPICAL_MAX = 20
MEASURES = (
    "policy", "department", "agency", "bank", "amount", "state", "conduct", "stage", "origin",
)  # fmt: skip
WARNED = ("warned", "warned_policy", "warned_department", "warned_agency", "warned_bank")
"""Of payments that passed with a warning: in all, and by key."""
BANDS_ZH = {
    "1": "1万元以下", "2": "1万至10万元", "3": "10万至100万元", "4": "100万至1000万元",
    "5": "1000万元以上",
}  # fmt: skip
CONDUCT_ZH = {
    "JL-100": "无凭证或超凭证划转资金", "JL-101": "未按支付信息如实支付",
    "JL-102": "错传、漏传支付信息", "JL-103": "清算不符", "JL-104": "支付不及时",
    "JL-105": "账户开变销不及时", "JL-106": "未及时报告违规支付",
}  # fmt: skip
CONDUCT_POINTS = {
    "JL-100": 20, "JL-101": 10, "JL-103": 10, "JL-106": 10, "JL-102": 5, "JL-104": 5, "JL-105": 2,
}  # fmt: skip
"""As docs/conduct.md has them, a thousand payments."""
REFUSED_POINTS = 5
BLOCKED_POINTS, HELD_POINTS, CONFIRMED_POINTS = 2, 1, 10
"""Of an agency, for each."""
CONFIRMED = frozenset({Stage.CONFIRMED, Stage.HANDLING, Stage.RECTIFYING, Stage.RECTIFIED})
TYPICAL_STAGES = (*sorted(CONFIRMED), Stage.ARCHIVED)


class StatisticsStore(ReportedCases, Protocol):
    async def by_keys(
        self,
        division: str,
        measures: Sequence[str],
        days: tuple[dt.date, dt.date],
        limit: int | None,
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]: ...

    async def by_month(
        self, division: str, days: tuple[dt.date, dt.date]
    ) -> Sequence[Mapping[str, Any]]: ...

    async def agency_names(self, division: str, codes: Sequence[str]) -> Mapping[str, str]: ...

    async def by_key_of(
        self, division: str, measure: str, days: tuple[dt.date, dt.date], owner: str
    ) -> Sequence[Mapping[str, Any]]: ...

    async def stages_of_agency(
        self, division: str, moments: tuple[dt.datetime, dt.datetime], agency: str
    ) -> Sequence[Mapping[str, Any]]: ...

    async def misbehaviours(
        self, division: str, bank: str, moments: tuple[dt.datetime, dt.datetime]
    ) -> Sequence[Mapping[str, Any]]: ...

    async def passed(self, division: str, bank: str, days: tuple[dt.date, dt.date]) -> int: ...

    async def typical(
        self, division: str, moments: tuple[dt.datetime, dt.datetime], stages: Sequence[str],
        limit: int,
    ) -> Sequence[Mapping[str, Any]]: ...  # fmt: skip

    async def typical_moves(
        self, division: str, keys: Sequence[tuple[int, int]], moves: Sequence[str]
    ) -> Sequence[Mapping[str, Any]]: ...

    async def fold(self, least: int = 1) -> int: ...


@attrs.frozen(kw_only=True)
class Span:
    """Whole months."""

    first: dt.date
    last: dt.date
    """The last month's last day."""

    @property
    def days(self) -> tuple[dt.date, dt.date]:
        return self.first, self.last

    @property
    def moments(self) -> tuple[dt.datetime, dt.datetime]:
        return dawn(self.first), dawn(self.last + dt.timedelta(days=1))

    @property
    def months(self) -> list[dt.date]:
        count = _ordinal(self.last) - _ordinal(self.first) + 1
        return [_first_of(_ordinal(self.first) + n) for n in range(count)]

    @property
    def zh(self) -> str:
        ends = [_zh(day) for day in self.days]
        return ends[0] if ends[0] == ends[1] else "至".join(ends)


def span_of(since: str, until: str, today: dt.date) -> Span:
    """`2026-01` to `2026-03`; empty: this year to this month. Raises ActRefused."""
    first = _month(since) if since else dt.date(today.year, 1, 1)
    last = _month(until) if until else today.replace(day=1)
    if not 0 <= _ordinal(last) - _ordinal(first) < MONTHS_MAX:
        raise ActRefused(
            "span",
            f"起止月份须先后相接，最多{MONTHS_MAX}个月。",
            "At most 36 months.",
        )
    return Span(first=first, last=_first_of(_ordinal(last) + 1) - dt.timedelta(days=1))


@attrs.frozen(kw_only=True)
class Tally:
    """One line of a table and one bar of its chart."""

    key: str
    name: str
    count: int
    blocked: int
    held: int
    amount_fen: int
    others: int = 0
    """How many keys this one row stands for, of those beyond the first; 0: its own."""


@attrs.frozen(kw_only=True)
class Warned:
    """Payments that passed with a warning; of nothing else on the page."""

    total: Tally
    policies: tuple[Tally, ...]
    departments: tuple[Tally, ...]
    agencies: tuple[Tally, ...]
    banks: tuple[Tally, ...]


@attrs.frozen(kw_only=True)
class Overview:
    span: Span
    total: Tally
    months: tuple[Tally, ...]
    policies: tuple[Tally, ...]
    departments: tuple[Tally, ...]
    agencies: tuple[Tally, ...]
    banks: tuple[Tally, ...]
    bands: tuple[Tally, ...]
    states: tuple[Tally, ...]
    """What has become of the interceptions by now."""
    conduct: tuple[Tally, ...]
    stages: Mapping[str, tuple[int, int]]
    """Cases opened in the span: stage -> count, fen."""
    origins: Mapping[str, tuple[int, int]]
    warned: Warned

    @property
    def still_held(self) -> int:
        return sum(tally.count for tally in self.states if tally.key == "held")


@attrs.frozen(kw_only=True)
class Score:
    code: str
    name: str
    span: Span
    points: int
    parts: tuple[tuple[str, int, str], ...]
    """(what, how often, points taken off as words)"""
    policies: tuple[Tally, ...]
    stages: Mapping[str, tuple[int, int]]


class Statistics:
    """Raises StoreUnavailable. `titles`: of policies, Chinese."""

    def __init__(self, store: StatisticsStore, titles: Mapping[str, str], names: Names) -> None:
        self._names = names
        self._store = store
        self._titles = dict(CONDUCT_ZH) | dict(titles)

    async def overview(
        self, division: str, span: Span, top: int | None = None, *, agencies: bool = True
    ) -> Overview:
        """Of each measure the `top` most frequent and the others in one row; None: all. Without
        `agencies`, of whom there may be thousands, none of them is read."""
        unread = () if agencies else ("agency", "warned_agency")
        measures = [measure for measure in (*MEASURES, *WARNED) if measure not in unread]
        by = {
            "agency": (),
            "warned_agency": (),
            **await self._store.by_keys(division, measures, span.days, top),
        }
        rows = (*by["agency"], *by["warned_agency"])
        codes = sorted({row["key"] for row in rows if row["key"] is not None})
        named = await self._agency_names(division, codes)
        months = {row["key"]: row for row in await self._store.by_month(division, span.days)}
        monthly = tuple(
            _tally({**months.get(month, {}), "key": f"{month:%Y-%m}"}, _zh(month))
            for month in span.months
        )
        names = self._names
        say: Mapping[str, Callable[[str], str]] = {
            "policy": lambda key: self._titles.get(key, ""),
            "department": lambda key: names.department(division, key),
            "agency": lambda key: named.get(key) or "",
            "bank": names.bank,
            "amount": lambda key: BANDS_ZH.get(key, key),
            "state": lambda key: STATES_ZH.get(key, key),
            "conduct": self._conduct,
        }
        told = {
            measure: tuple(_told(row, said) for row in by[measure]) for measure, said in say.items()
        }
        warned = {
            measure: tuple(_told(row, say[measure]) for row in by[f"warned_{measure}"])
            for measure in ("policy", "department", "agency", "bank")
        }
        return Overview(
            span=span, months=monthly, total=_sum(monthly), policies=told["policy"],
            departments=told["department"], agencies=told["agency"], banks=told["bank"],
            bands=tuple(sorted(told["amount"], key=lambda tally: tally.key)),
            states=told["state"], conduct=told["conduct"],
            stages=await stages_of(self._store, division, span.moments, by["stage"]),
            origins=grouped(by["origin"]),
            warned=Warned(
                total=_sum([_tally({**row, "key": ""}, "") for row in by["warned"]]),
                policies=warned["policy"], departments=warned["department"],
                agencies=warned["agency"], banks=warned["bank"],
            ),
        )  # fmt: skip

    async def agency(self, division: str, code: str, span: Span) -> Score:
        """What one agency tried, what was found of it, and points: 100 less what was found."""
        rows = await self._store.by_key_of(division, "agency_policy", span.days, code)
        whole = await self._store.by_key_of(division, "agency_verdict", span.days, code)
        name = (await self._agency_names(division, [code])).get(code, "")
        cases = await self._store.stages_of_agency(division, span.moments, code)
        stages = await stages_of(self._store, division, span.moments, cases, agency=code)
        blocked, held = (sum(int(row[f] or 0) for row in whole) for f in ("blocked", "held"))
        confirmed = sum(
            n for stage, (n, _) in stages.items() if stage in (*CONFIRMED, Phase.REPORTED)
        ) + sum(int(row["confirmed"]) for row in cases)
        parts = tuple(
            (what, count, f"{count}×{each}")
            for what, count, each in (
                ("被拦截 blocked", blocked, BLOCKED_POINTS), ("被挂起 held", held, HELD_POINTS),
                ("确认违规案件 confirmed", confirmed, CONFIRMED_POINTS),
            )
        )  # fmt: skip
        lost = blocked * BLOCKED_POINTS + held * HELD_POINTS + confirmed * CONFIRMED_POINTS
        return Score(
            code=code, name=name, span=span, points=max(0, 100 - lost), parts=parts,
            policies=tuple(_tally(row, self._titles.get(str(row["key"]), "")) for row in rows),
            stages=stages,
        )  # fmt: skip

    async def bank(self, division: str, bank: str, span: Span) -> Score:
        """How one bank kept to Art. 10(4), a thousand payments of the same months."""
        rows = await self._store.by_key_of(division, "conduct", span.days, bank)
        alerts = {row["key"]: int(row["count"]) for row in rows}
        found = await self._store.misbehaviours(division, bank, span.moments)
        refused = sum(int(row["count"]) for row in found)
        passed = await self._store.passed(division, bank, span.days)
        thousands = max(1, passed // 1000)
        parts = [
            (f"{policy} {self._titles.get(policy, '')}", n, f"{n}×{CONDUCT_POINTS.get(policy, 5)}")
            for policy, n in sorted(alerts.items())
        ]
        parts.append(("报送被拒收 deliveries refused", refused, f"{refused}×{REFUSED_POINTS}"))
        parts.append(("放行笔数 payments passed", passed, f"÷{thousands:,}"))
        lost = sum(n * CONDUCT_POINTS.get(policy, 5) for policy, n in alerts.items())
        lost = (lost + refused * REFUSED_POINTS) // thousands
        cases = await self._store.by_key_of(division, "bank_stage", span.days, bank)
        return Score(
            code=bank, name=self._bank(bank), span=span, points=max(0, 100 - lost),
            parts=tuple(parts), policies=(),
            stages=await stages_of(self._store, division, span.moments, cases, bank=bank),
        )  # fmt: skip

    async def typical(self, division: str, span: Span) -> list[Mapping[str, Any]]:
        """Confirmed cases in words that name nobody: made from policies, amounts and measures
        only, never from what anybody wrote."""
        rows = await self._store.typical(division, span.moments, TYPICAL_STAGES, TYPICAL_MAX)
        keys = [(row["year"], row["number"]) for row in rows]
        moves = await self._store.typical_moves(division, keys, TELLING)
        return typical_cases(rows, moves, self._titles)

    async def _agency_names(self, division: str, codes: Sequence[str]) -> Mapping[str, str]:
        """As the registers have them; of an agency they lack, as it was told last."""
        found = {code: self._names.agency(division, code) for code in codes}
        missing = [code for code, name in found.items() if not name]
        told = await self._store.agency_names(division, missing) if missing else {}
        return found | dict(told)

    def _conduct(self, key: str) -> str:
        bank, _, policy = key.partition(" ")
        return f"{self._bank(bank)}：{policy} {self._titles.get(policy, '')}"

    def _bank(self, code: str) -> str:
        return f"{self._names.bank(code) or '代理银行'} {code}"


async def fold_all(store: StatisticsStore) -> None:
    """The worker that keeps sums short, until cancelled."""
    turns = itertools.count()

    async def fold() -> None:
        turn = next(turns)
        while await store.fold(FOLD_LEAST if turn % FOLD_TURNS else 1):
            pass

    await rounds("folding", fold, FOLD_S)


def _told(row: Mapping[str, Any], said: Callable[[str], str]) -> Tally:
    """A row of the store; the one without a key stands for all others."""
    if row["key"] is not None:
        return _tally(row, said(str(row["key"])))
    others = int(row["keys"])
    return attrs.evolve(_tally({**row, "key": ""}, f"其他{others:,}项"), others=others)


def _tally(row: Mapping[str, Any], name: str) -> Tally:
    return Tally(
        key=str(row["key"]), name=name,
        **{f: int(row.get(f) or 0) for f in ("count", "blocked", "held", "amount_fen")},
    )  # fmt: skip


def _sum(tallies: Sequence[Tally]) -> Tally:
    fields = ("count", "blocked", "held", "amount_fen")
    return Tally(
        key="", name="合计", **{f: sum(getattr(each, f) for each in tallies) for f in fields}
    )


def _month(text: str) -> dt.date:
    try:
        month = dt.datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
        if month.year not in YEARS:
            raise ValueError(text)
        return month
    except ValueError:
        raise ActRefused("month", "月份请按 2026-03 填写。", "A month as 2026-03.") from None


def _zh(month: dt.date) -> str:
    return f"{month.year}年{month.month}月"


def _ordinal(day: dt.date) -> int:
    return day.year * 12 + day.month - 1


def _first_of(ordinal: int) -> dt.date:
    return dt.date(ordinal // 12, ordinal % 12 + 1, 1)

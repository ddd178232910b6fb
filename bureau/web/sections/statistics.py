"""Pages of statistics (统计): overview, score cards, the report to the province, bulletins."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

import attrs
from aiohttp import web

from bureau.desk.casework.phase import STAGES_ZH
from bureau.desk.casework.words import ORIGIN_ZH
from bureau.desk.people import READERS, Office
from bureau.desk.statistics import TOP, Overview, Score, Span, Tally, span_of
from bureau.web.charts import bars, columns
from bureau.web.exports import XLSX, attachment
from bureau.web.pages import clock, money
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Visit, get
from bureau.web.telling import tell
from bureau.web.workbook_writing import excel
from gateway.domain.legal_day import legal_day
from gateway.domain.money import yuan

HEAD = (
    "统计口径 Measure", "代码 Key", "名称 Name", "笔数 Count", "拦截 Blocked", "挂起 Held",
    "金额（元） Yuan",
)  # fmt: skip
TITLES = {
    "months": "按月份", "policies": "按规则", "departments": "按主管部门", "agencies": "按预算单位",
    "banks": "按代理银行", "bands": "按金额", "states": "按处置现状", "conduct": "代理银行行为监控",
}  # fmt: skip
WARNED_TITLES = {
    "policies": "预警（按规则）", "departments": "预警（按主管部门）",
    "agencies": "预警（按预算单位）", "banks": "预警（按代理银行）",
}  # fmt: skip
WORDED = frozenset({"months", "bands", "states", "conduct"})
"""Measures whose key says nothing to a reader that the name does not."""


def routes(rooms: Rooms) -> list[Route]:
    pages = _Statistics(rooms)
    home = "/desk/{division}"
    return [
        get(
            home + "/statistics", pages.overview, READERS,
            Nav(group="report", zh="统计分析", en="Statistics"),
        ),
        get(home + "/statistics/agencies/{code:[0-9A-Za-z-]{1,32}}", pages.agency, READERS),
        get(home + "/statistics/banks/{code:[0-9A-Za-z-]{1,32}}", pages.bank, READERS),
        get(
            home + "/report", pages.report, READERS,
            Nav(group="report", zh="定期报告", en="Report"),
        ),
        get(home + "/report.{kind:xlsx}", pages.workbook, READERS),
        get(
            home + "/bulletin", pages.bulletin, READERS - {Office.PROVINCE},
            Nav(group="report", zh="典型案例通报", en="Bulletin"),
        ),
    ]  # fmt: skip


class _Statistics:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def overview(self, visit: Visit) -> web.Response:
        return await self._figures(visit, "statistics", TOP)

    async def report(self, visit: Visit) -> web.Response:
        """Art. 11(5): what the bureau reports to the province; printed by the browser."""
        return await self._figures(visit, "report", None)

    async def workbook(self, visit: Visit) -> web.Response:
        span = self._span(visit)
        found = await self._rooms.statistics.overview(visit.division, span)
        rows = list(_cells(found))
        await tell(self._rooms, visit, "report.exported", span.zh, rows=len(rows))
        notes = {
            "报告期间 Period": span.zh,
            "行政区划 Division": visit.division,
            "填报单位 Bureau": self._rooms.pages.name,
            "导出人 By": f"{visit.person.name}（{visit.person.login}）",
            "导出时间 At": clock(self._rooms.clock()),
        }
        return attachment(excel(HEAD, rows, notes), XLSX, f"report-{span.first:%Y%m}.xlsx")

    async def agency(self, visit: Visit) -> web.Response:
        code = visit.request.match_info["code"]
        score = await self._rooms.statistics.agency(visit.division, code, self._span(visit))
        return self._score(visit, score, "agency")

    async def bank(self, visit: Visit) -> web.Response:
        code = visit.request.match_info["code"]
        score = await self._rooms.statistics.bank(visit.division, code, self._span(visit))
        return self._score(visit, score, "bank")

    async def bulletin(self, visit: Visit) -> web.Response:
        """Typical cases for the departments (Art. 11(4)); nobody is named in it."""
        span = self._span(visit)
        return self._rooms.pages(
            "bulletin", visit=visit, span=span, today=legal_day(self._rooms.clock()),
            cases=await self._rooms.statistics.typical(visit.division, span), asked=_asked(span),
        )  # fmt: skip

    def _score(self, visit: Visit, score: Score, of: str) -> web.Response:
        """`of`: agency or bank."""
        span = self._span(visit)
        lines = f"/desk/{visit.division}/interceptions?q={of}:{score.code}{_dated(span)}"
        return self._rooms.pages(
            "score", visit=visit, score=score, of=of, span=span, asked=_asked(span), lines=lines,
            stages=STAGES_ZH, bars=bars,
        )  # fmt: skip

    async def _figures(self, visit: Visit, template: str, top: int | None) -> web.Response:
        span = self._span(visit)
        found = await self._rooms.statistics.overview(
            visit.division, span, top, agencies=template == "statistics"
        )
        return self._rooms.pages(
            template, visit=visit, found=found, span=span, asked=_asked(span), titles=TITLES,
            stages=STAGES_ZH, origins=ORIGIN_ZH, bars=bars, columns=columns, dated=_dated(span),
            today=legal_day(self._rooms.clock()),
        )  # fmt: skip

    def _span(self, visit: Visit) -> Span:
        today = legal_day(self._rooms.clock())
        return span_of(visit.query("from", 7), visit.query("to", 7), today)


def _asked(span: Span) -> str:
    return urlencode({"from": f"{span.first:%Y-%m}", "to": f"{span.last:%Y-%m}"})


def _dated(span: Span) -> str:
    """Behind a search in an address: of these months, so that the list is what was counted."""
    return quote(f" date:{span.first:%Y-%m}..{span.last:%Y-%m}")


def _cells(found: Overview) -> Iterator[tuple[str, ...]]:
    yield _row("合计", found.total)
    for field, title in TITLES.items():
        for tally in getattr(found, field):
            if tally.count:
                yield _row(title, attrs.evolve(tally, key="") if field in WORDED else tally)
    for field, title in WARNED_TITLES.items():
        for tally in getattr(found.warned, field):
            yield title, tally.key, tally.name, str(tally.count), "", "", _money(tally.amount_fen)
    for title, words, counts in (
        ("案件（按阶段）", STAGES_ZH, found.stages), ("案件（按来源）", ORIGIN_ZH, found.origins),
    ):  # fmt: skip
        names = {str(key): zh for key, zh in words.items()}
        for key, (count, fen) in counts.items():
            yield title, "", names.get(key, key), str(count), "", "", _money(fen)


def _row(title: str, tally: Tally) -> tuple[str, ...]:
    counts = (str(tally.count), str(tally.blocked), str(tally.held))
    return title, tally.key, tally.name, *counts, _money(tally.amount_fen)


def _money(fen: int) -> str:
    return money(yuan(fen))

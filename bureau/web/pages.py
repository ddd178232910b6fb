"""Pages from templates: everything escaped, times as people in China read them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from bureau.desk.casework.english import LABELS_EN, MEASURE_EN, MOVE_EN
from bureau.desk.casework.moves import CONCERNS, DISPUTE_ZH
from bureau.desk.casework.phase import standing_zh
from bureau.desk.casework.referral import REFERRALS
from bureau.desk.casework.words import (
    AMOUNT_ZH,
    APPEAL_TO,
    MEANS_ZH,
    MEASURE_ZH,
    MOVE_ZH,
    ORIGIN_ZH,
    STAGE_ZH,
)
from bureau.desk.deeds import act_words
from bureau.desk.docket.issue import case_no
from bureau.desk.interceptions import STATES_ZH, Line, exception_of, papers_of
from bureau.desk.names import Names
from bureau.desk.people import OFFICES_ZH
from bureau.web.done import done_of, forget_done
from bureau.web.route import GROUPS, Nav, Route, Undone, Visit
from bureau.web.tables import tabled
from gateway.domain.money import yuan
from policies.book.names import article_zh

SHANGHAI = ZoneInfo("Asia/Shanghai")
OUTCOMES = {"passed": "放行", "held": "挂起", "blocked": "拦截", "warned": "预警放行"}
DONE_ZH = {
    "open": "待整改", "reported": "已报送，待认可", "accepted": "已完成", "failed": "未认可",
    "superseded": "已升级", "withdrawn": "已撤销或变更",
    "issued": "待回复", "replied": "已回复", "returned": "退回补充",
}  # fmt: skip
LABELS: Mapping[str, str] = {
    "text": "说明", "means": "方式", "due": "期限", "ground": "理由", "concern": "关注原因",
    "day": "约谈日期", "room": "房间号", "leader": "带队人员", "persons": "人数",
    "agent": "会计中介机构",
    "person": "联系人、部门", "verdict": "意见", "to": "移送部门",
    "kind": "类别", "result": "结果",
    "number": "事项",
    **AMOUNT_ZH, **APPEAL_TO,
}  # fmt: skip
_WORDS: Mapping[str, Mapping[str, str]] = {
    "means": {k.value: v for k, v in MEANS_ZH.items()},
    "verdict": {"confirmed": "确认违规", "cleared": "排除疑点"},
    "concern": CONCERNS, "to": REFERRALS, "kind": DISPUTE_ZH,
    "result": {"upheld": "维持", "changed": "变更", "revoked": "撤销"},
}  # fmt: skip


class Pages:
    """`pages("list", status=200, **values)` renders `templates/list.html` for the bureau `name`."""

    def __init__(self, name: str, reasons: dict[str, str], issuer: str) -> None:
        """`reasons`: Chinese of each reason why a delivery is refused. `issuer`: in whose name
        what is sent out is issued."""
        self.name = name
        self._nav: Sequence[tuple[Route, Nav]] = ()
        self._environment = Environment(
            loader=PackageLoader("bureau.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "name": name, "issuer": issuer, "offices": OFFICES_ZH, "ways": (), "tabled": tabled,
        }  # fmt: skip
        self._environment.filters |= {
            "act": lambda what: act_words(what)[0],
            "article": article_zh,
            "case_no": lambda row: case_no(row["year"], row["number"]),
            "case_url": lambda row: f"/desk/{row['division']}/cases/{row['year']}/{row['number']}",
            "clock": clock,
            "at_bank": at_bank,
            "card_url": card_url,
            "day": lambda day: day.isoformat() if day else "—",
            "done": lambda status: DONE_ZH.get(status, status),
            "fen": lambda amount: money(yuan(int(amount))),
            "json": lambda value: orjson.dumps(value).decode(),
            "means": lambda value: MEANS_ZH.get(value, value),
            "measure": lambda value: MEASURE_ZH.get(value, value),
            "money": money,
            "moment": moment_zh,
            "move": lambda value: MOVE_ZH.get(value, value),
            "move_en": lambda value: MOVE_EN[value],
            "near": exception_of,
            "origin": lambda value: ORIGIN_ZH.get(value, value),
            "outcome": outcome_zh,
            "papers": papers_of,
            "reason": lambda reason: reasons.get(reason, reason),
            "said": said,
            "state": lambda value: STATES_ZH.get(value, value),
            "standing": standing_zh,
            "stage": lambda value: STAGE_ZH.get(value, value),
            "wan": lambda amount: money(yuan((int(amount) + 5_000) // 10_000)),
        }

    def use_ways(self, *ways: str) -> None:
        """How else people may sign in: `certificate`, `oidc`."""
        self._environment.globals["ways"] = ways

    def use_names(self, names: Names) -> None:
        """Templates say `names.agency(division, code)`."""
        self._environment.globals["names"] = names

    def use_nav(self, table: Sequence[Route]) -> None:
        """The side bar is made from the table of routes."""
        self._nav = [(route, route.nav) for route in table if route.nav]

    def __call__(
        self, template: str, *, status: int = 200, visit: Visit | None = None,
        undone: Undone | None = None, **values: object,
    ) -> web.Response:  # fmt: skip
        """`undone`: the form of this page that was refused: then 409."""
        done, status = done_of(visit), 409 if undone else status
        frame = {
            "visit": visit, "nav": self._bar(visit) if visit else [], "just_done": done,
            "undone": undone,
        }  # fmt: skip
        text = self._environment.get_template(f"{template}.html").render(values | frame)
        page = web.Response(
            status=status, text=_landed(text), content_type="text/html", charset="utf-8"
        )
        if visit and done:
            forget_done(visit.request, page)
        return page

    def _bar(self, visit: Visit) -> list[tuple[str, list[dict[str, Any]]]]:
        """What this office may open, by group; the page that is open is marked, or whose it is."""
        bar: dict[str, list[dict[str, Any]]] = {group: [] for group in GROUPS}
        for route, nav in self._nav:
            if visit.person.office in route.offices:
                path = route.path.replace("{division}", visit.division)
                here = _here(visit.request.path, path)
                bar[nav.group].append({"path": path, "zh": nav.zh, "en": nav.en, "here": here})
        marked = [entry for group in bar.values() for entry in group if entry["here"]]
        nearest = max((len(entry["path"]) for entry in marked), default=0)
        for entry in marked:  # a register's rows are below the changes of all registers
            entry["here"] *= len(entry["path"]) == nearest
        return [(GROUPS[group], entries) for group, entries in bar.items() if entries]


_LANDS = (' data-land="first"', ' aria-invalid="true"', ' data-land=""')
"""What has its own buttons; the first field that is wrong; else what answers the form. No value
that is shown has a quote."""


def _landed(page: str) -> str:
    """With the place where the keyboard goes on, and which a screen reader says: without it, after
    a form, both begin again at the top of the page."""
    for mark in _LANDS:
        if mark in page:
            return page.replace(mark, f"{mark} autofocus", 1)
    return page


def _here(path: str, entry: str) -> str:
    """Of a side bar's entry, as `aria-current` says it; the to-do list is nobody's parent."""
    if path == entry:
        return "page"
    return "true" if entry.count("/") > 2 and path.startswith(f"{entry}/") else ""


def clock(moment: dt.datetime | None) -> str:
    """Beijing time to the second; a dash for what has not happened."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if moment else "—"


def moment_zh(text: str) -> str:
    """A gateway's ISO 8601 time as the desk shows times; what is none stays as it came."""
    try:
        return clock(dt.datetime.fromisoformat(text))
    except ValueError:
        return text


def money(amount: str) -> str:
    """Yuan with separators as the findings write them: `12800.00` is 12,800.00."""
    whole, _, rest = amount.partition(".")
    return f"{int(whole):,}.{rest}"


def outcome_zh(outcome: str) -> str:
    return OUTCOMES.get(outcome, outcome)


def at_bank(bank: str) -> str:
    """Behind an instruction's address: of which bank's, for several may tell of one number."""
    return f"?bank={quote(bank, safe='')}"


def card_url(line: Line) -> str:
    parts = (line.division, str(line.fiscal_year), line.voucher_type, line.voucher_no)
    return "/desk/" + "/".join(quote(part, safe="") for part in parts)


def said(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """A move's body as its timeline shows it: label in both tongues, and words."""
    shown = list[tuple[str, str, str]]()
    for name, label in LABELS.items():
        value = body.get(name)
        if value in (None, ""):
            continue
        if name in AMOUNT_ZH:
            text = money(yuan(int(value)))
        elif name == "number":
            text = f"第{value}项"
        else:
            text = _WORDS.get(name, {}).get(str(value), str(value))
        shown.append((label, LABELS_EN[name], text))
    orders = body.get("orders", ())
    return shown + [
        (MEASURE_ZH[one["measure"]], MEASURE_EN[one["measure"]], _order(one)) for one in orders
    ]


def _order(order: Mapping[str, Any]) -> str:
    parts = [f"期限 {order['due']}"] if order.get("due") else []
    parts += [f"{LABELS[n]} {money(yuan(int(order[n])))}" for n in AMOUNT_ZH if order.get(n)]
    return "；".join(parts) or "即时执行"

"""Pages from templates: everything escaped, times as people in China read them."""

import datetime as dt
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from bureau.desk.interceptions import Line, exception_of, papers_of
from policies.book.names import article_zh

SHANGHAI = ZoneInfo("Asia/Shanghai")
OUTCOMES = {"passed": "放行", "held": "挂起", "blocked": "拦截"}


class Pages:
    """`pages("list", status=200, **values)` renders `templates/list.html` for the bureau `name`."""

    def __init__(self, name: str, reasons: dict[str, str]) -> None:
        """`reasons`: Chinese of each reason why a delivery is refused."""
        self._environment = Environment(
            loader=PackageLoader("bureau.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["name"] = name
        self._environment.filters |= {
            "article": article_zh,
            "clock": clock,
            "card_url": card_url,
            "money": money,
            "near": exception_of,
            "outcome": lambda outcome: OUTCOMES.get(outcome, outcome),
            "papers": papers_of,
            "reason": lambda reason: reasons.get(reason, reason),
        }

    def __call__(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        text = self._environment.get_template(f"{template}.html").render(values)
        return web.Response(status=status, text=text, content_type="text/html", charset="utf-8")


def clock(moment: dt.datetime | None) -> str:
    """Beijing time to the second; a dash for what has not happened."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S") if moment else "—"


def money(amount: str) -> str:
    """Yuan with separators as the findings write them: `12800.00` is 12,800.00."""
    whole, _, rest = amount.partition(".")
    return f"{int(whole):,}.{rest}"


def card_url(line: Line) -> str:
    parts = (line.division, str(line.fiscal_year), line.voucher_type, line.voucher_no)
    return "/desk/" + "/".join(quote(part, safe="") for part in parts)

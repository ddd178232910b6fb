"""The bureau's own duties (Art. 10(1)-(2)) and the agencies' (Art. 13(1)), read off the registers.

The limits of evenness are ours: the regulation says 均衡 and gives no number.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import attrs

from gateway.domain.workdays import COUNTED_MAX, workdays_since
from policies.language.codelist import CodeList

NOTICE_WORKDAYS = 5
UNEVEN_TIMES = 2
"""A month's grant above twice the average month of the year so far."""

_CODED = (
    ("功能科目", "functional_code", "functional"),
    ("部门经济科目", "dept_economic_code", "dept_economic"),
    ("政府经济科目", "gov_economic_code", "gov_economic"),
)


@attrs.frozen(kw_only=True)
class Duty:
    """Something that was not done as it should be."""

    article: str
    subject: str
    zh: str


def late_notice(
    changed_on: dt.date | None, noticed: dt.date, calendar: Mapping[dt.date, bool]
) -> bool:  # fmt: skip
    """Whether more than five working days, by the bureau's own `calendar`, lie between an account's
    change and its notice."""
    return changed_on is not None and (
        workdays_since(changed_on, noticed, calendar) > NOTICE_WORKDAYS
    )


def days_between(changed_on: dt.date, noticed: dt.date) -> list[dt.date]:
    """The days that can matter to `late_notice`."""
    span = min((noticed - changed_on).days, COUNTED_MAX)
    return [changed_on + dt.timedelta(days=n) for n in range(1, span + 1)]


def plan_duties(
    plans: Iterable[Mapping[str, Any]], today: dt.date, years: Mapping[str, int]
) -> list[Duty]:
    """Art. 10(2)1: monthly grants even and in time, each in its own year. `years`: fiscal years of
    indicators; of one that the register does not have, this one."""
    by: dict[str, dict[int, Decimal]] = {}
    for plan in plans:
        months = by.setdefault(plan["indicator_id"], {})
        # A month may be granted for direct and for authorised payment: two plans, one grant.
        months[plan["month"]] = months.get(plan["month"], Decimal()) + Decimal(plan["amount"])
    found = []
    for indicator, months in sorted(by.items()):
        year = years.get(indicator, today.year)
        due = today.month if year == today.year else 12 if year < today.year else 0
        missing = [m for m in range(1, due + 1) if m not in months]
        if missing:
            words = "、".join(f"{m}月" for m in missing)
            found.append(Duty(article="10(2)1", subject=indicator, zh=f"{words}没有下达额度"))
        average = sum(months.values()) / len(months)
        high = [m for m, amount in sorted(months.items()) if amount > UNEVEN_TIMES * average]
        if high:
            words = "、".join(f"{m}月" for m in high)
            found.append(Duty(article="10(2)1", subject=indicator, zh=f"{words}额度超过月均两倍"))
    return found


def code_duties(
    indicators: Iterable[Mapping[str, Any]], codes: Mapping[str, CodeList]
) -> list[Duty]:  # fmt: skip
    """Art. 10(1)1: issued by the codes of its own year. A class counts: leaves lie below it."""
    found = []
    for each in indicators:
        year = each["fiscal_year"]
        found += [
            Duty(article="10(1)1", subject=each["id"], zh=f"{zh}{code}不是{year}年度的有效科目")
            for zh, column, of in _CODED
            if (code := each.get(column)) and not codes[of].valid(code, year, year)
        ]
    return found


def detail_duties(indicators: Iterable[Mapping[str, Any]], parents: Sequence[str]) -> list[Duty]:
    """Art. 10(1)2: detailed to a project and to the unit that uses the money. `parents`: agencies
    that have others below them."""
    found = []
    for each in indicators:
        if each["expenditure"] == "project" and not each["project_code"]:
            found.append(Duty(article="10(1)2", subject=each["id"], zh="项目支出未细化到项目"))
        if each["agency"] in parents:
            found.append(Duty(article="10(1)2", subject=each["id"], zh="指标未细化到使用单位"))
    return found

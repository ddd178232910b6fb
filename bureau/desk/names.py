"""Names beside codes (代码名称): agencies and departments from the bureau's own registers.

Whatever is unknown stays a code alone. Regions are those of the province; a bank's name is the
settings', or of its class of banks (the first three digits of 支付系统行号).
"""

import csv
import io
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from bureau.desk.people import OUTSIDE, Office, Person
from policies.book.load import load_codes
from policies.language.codelist import CodeList

DEPARTMENT_DIGITS = 3
"""An agency's code begins with its supervising department's (主管部门)."""
_AGENCY_COLUMNS = frozenset({"agency", "parent"})
_CLASSES = {
    "102": "中国工商银行", "103": "中国农业银行", "104": "中国银行", "105": "中国建设银行",
    "201": "国家开发银行", "203": "中国农业发展银行", "301": "交通银行", "302": "中信银行",
    "303": "中国光大银行", "304": "华夏银行", "305": "中国民生银行", "306": "广发银行",
    "307": "平安银行", "308": "招商银行", "309": "兴业银行", "310": "上海浦东发展银行",
    "403": "中国邮政储蓄银行",
}  # fmt: skip


class Agencies(Protocol):
    """`bureau.desk.registers.changes.Registers` fits it."""

    async def version_of(self, division: str) -> int: ...

    async def agency_names(self, division: str) -> Mapping[str, str]: ...


class Names:
    """Read at once where a page needs them; `follow` keeps them those of the newest version."""

    def __init__(self, agencies: Agencies, banks: Mapping[str, str]) -> None:
        self._source = agencies
        self._banks = banks
        self._agencies: dict[str, tuple[int, Mapping[str, str]]] = {}

    async def follow(self, division: str) -> None:
        """Read the agencies anew if a newer version was published. Raises StoreUnavailable."""
        version = await self._source.version_of(division)
        known = self._agencies.get(division)
        if known is None or known[0] != version:
            self._agencies[division] = version, await self._source.agency_names(division)

    def agency(self, division: str, code: str) -> str:
        """Empty: not in the registers."""
        known = self._agencies.get(division)
        return known[1].get(code, "") if known else ""

    def agencies_like(self, division: str, words: str, most: int) -> list[tuple[str, str]]:
        """Code and name of the first that have these words in their name."""
        known = self._agencies.get(division, (0, {}))[1]
        return sorted(each for each in known.items() if words in each[1])[:most]

    def department(self, division: str, code: str) -> str:
        """The supervising department of an agency, or of the department's own code."""
        return self.agency(division, code[:DEPARTMENT_DIGITS])

    def bank(self, code: str) -> str:
        return self._banks.get(code) or _CLASSES.get(code[:3], "")

    def division(self, code: str) -> str:
        return _divisions().get(code, "")

    def cell(self, division: str, column: str, value: object) -> str:
        """The name beside a register's code, by the column it stands in; empty if there is none."""
        if not isinstance(value, str) or not value:
            return ""
        if column in _AGENCY_COLUMNS:
            return self.agency(division, value)
        if column == "bank_code":
            return self.bank(value)
        codes = load_codes().get(column.removesuffix("_code"))
        return _last_name(codes, value) if codes else ""

    def indicator(self, division: str, row: Mapping[str, Any]) -> str:
        """An indicator has no name of its own: whose it is, and for what."""
        item = self.cell(division, "dept_economic_code", row.get("dept_economic_code"))
        return " · ".join(
            part for part in (self.agency(division, str(row["agency"])), item) if part
        )

    def workplace(self, person: Person) -> str:
        """Whose person this is, outside the bureau: agency, department or bank; else empty."""
        if person.office not in OUTSIDE:
            return ""
        if person.office is Office.BANK:
            return self.bank(person.code) or person.code
        return self.agency(person.division, person.code) or person.code


def _last_name(codes: CodeList, code: str) -> str:
    """As it is called now; of a code that an open list does not name, its nearest class."""
    for length in (len(code), *sorted(codes.segments, reverse=True)):
        if length <= len(code) and (entries := codes.codes.get(code[:length])):
            return max(entries, key=lambda entry: entry.year_to).name
    return ""


@cache
def _divisions() -> Mapping[str, str]:
    text = (files("bureau.desk") / "data" / "divisions.csv").read_text("utf-8")
    return {row["code"]: row["name"] for row in csv.DictReader(io.StringIO(text))}

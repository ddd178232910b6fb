"""Who works at the desk: an office (岗位), a division, and what of it each may see."""

import re
from enum import StrEnum

import attrs

from bureau.desk.refusals import Words

LOGIN = re.compile(r"[a-z][a-z0-9._-]{2,31}")
NAME_CHARS_MAX = 40
PROGRAM = "program"
"""Who acts in the trail when whoever runs the program does, by the command line: nobody's login."""
_LEVELS = (2, 4, 6, 9)
"""Digits that name a province, a city, a county, a town (GB/T 2260 with three more)."""


class Office(StrEnum):
    """Stored as text, never renamed."""

    REVIEWER = "reviewer"
    APPROVER = "approver"
    PROVINCE = "province"
    AGENCY = "agency"
    DEPARTMENT = "department"
    BANK = "bank"
    SECURITY = "security"
    ADMINISTRATOR = "administrator"
    KEEPER = "keeper"
    """Takes complaints in, and with another keeper may open who reported (Art. 20)."""


OFFICES_ZH = {
    Office.REVIEWER: "财政审核岗",
    Office.APPROVER: "财政审批岗",
    Office.PROVINCE: "省级查阅",
    Office.AGENCY: "预算单位",
    Office.DEPARTMENT: "预算主管部门",
    Office.BANK: "代理银行",
    Office.SECURITY: "安全管理岗",
    Office.ADMINISTRATOR: "账号管理岗",
    Office.KEEPER: "投诉受理岗",
}
OUTSIDE = frozenset({Office.AGENCY, Office.DEPARTMENT, Office.BANK})
"""They see what concerns them, by a code: agency, department, bank."""
BUREAU = frozenset({Office.REVIEWER, Office.APPROVER})
READERS = BUREAU | {Office.PROVINCE}
CASE_PARTIES = READERS | OUTSIDE


@attrs.frozen(kw_only=True)
class Scope:
    """What a list is narrowed to; None does not narrow."""

    agency: str | None = None
    department: str | None = None
    """A code that the agency's begins with."""
    bank: str | None = None

    def covers(self, agency: str, bank: str) -> bool:
        return (
            (self.agency is None or agency == self.agency)
            and (self.department is None or agency.startswith(self.department))
            and (self.bank is None or bank == self.bank)
        )


@attrs.frozen(kw_only=True)
class Person:
    """One account. Nobody has two offices: who proposes does not approve."""

    login: str
    division: str
    office: Office
    name: str
    code: str = ""
    """Agency, department or bank, for those outside the bureau."""

    @property
    def inside(self) -> bool:
        return self.office not in OUTSIDE

    @property
    def scope(self) -> Scope:
        if self.office is Office.AGENCY:
            return Scope(agency=self.code)
        if self.office is Office.DEPARTMENT:
            return Scope(department=self.code)
        return Scope(bank=self.code) if self.office is Office.BANK else Scope()

    def may_look_into(self, division: str) -> bool:
        """One's own division; a province reader also all below it."""
        if self.office is Office.PROVINCE:
            return covers(self.division, division)
        return division == self.division


def covers(upper: str, division: str) -> bool:
    """Whether a division is `upper` or lies below it: 220000000 covers 220102000."""
    head = next((upper[:n] for n in _LEVELS if not upper[n:].strip("0")), upper)
    return division.startswith(head) and len(division) == len(upper)


def flaws(login: str, name: str, office: str, division: str, code: str) -> list[Words]:
    """Why an account cannot be opened, all at once."""
    found: list[Words] = []
    if not LOGIN.fullmatch(login) or login == PROGRAM:
        found.append((
            "登录名：3 至 32 位小写字母、数字、点、横线，以字母开头",
            "login: 3 to 32 small letters, digits, dots, dashes, a letter first",
        ))  # fmt: skip
    if not name.strip() or len(name) > NAME_CHARS_MAX or not name.isprintable():
        found.append(
            (f"姓名：1 至 {NAME_CHARS_MAX} 个字", f"name: 1 to {NAME_CHARS_MAX} characters")
        )
    if office not in set(Office):
        return [*found, ("岗位：不在名单中", "office: not in the list")]
    if (Office(office) in OUTSIDE) != bool(re.fullmatch(r"[0-9A-Za-z-]{1,32}", code)):
        found.append((
            "单位代码：预算单位、主管部门、代理银行必填，其他岗位不填",
            "code: of agencies, departments and banks, and of nobody else",
        ))  # fmt: skip
    if not re.fullmatch(r"[0-9]{9}", division):
        found.append(("行政区划：九位数字", "division: nine digits"))
    return found

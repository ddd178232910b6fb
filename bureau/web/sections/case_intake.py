"""A case that is opened by hand (登记疑点): from screening or a complaint, about agency or bank."""

from collections.abc import Mapping

from aiohttp import web

from bureau.desk.casework.words import Against, Origin
from bureau.desk.docket.office import Opening
from bureau.desk.intake import form_mark, form_token
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused, Words
from bureau.web.rooms import Rooms
from bureau.web.route import Route, Visit, get, post, see
from bureau.web.sections.cases import case_path
from bureau.web.sections.form_bodies import amount

REVIEWERS = frozenset({Office.REVIEWER})
_CHARS = {
    "origin": 20, "against": 20, "agency_code": 60, "agency_name": 60, "bank": 60, "title": 2000,
    "amount": 30, "reason": 2000,
}  # fmt: skip
"""The fields, and what each may hold."""


def routes(rooms: Rooms) -> list[Route]:
    pages, new = _Intake(rooms), "/desk/{division}/cases/new"
    return [get(new, pages.new, REVIEWERS), post(new, pages.open, REVIEWERS)]


class _Intake:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def new(self, visit: Visit) -> web.Response:
        return self._form(visit, dict.fromkeys(_CHARS, ""), form_token())

    def _form(
        self, visit: Visit, typed: Mapping[str, str], token: str, *oops: Words
    ) -> web.Response:
        return self._rooms.pages(
            "case_new", visit=visit, status=409 if oops else 200, typed=typed, token=token,
            oops=oops,
        )  # fmt: skip

    async def open(self, visit: Visit) -> web.StreamResponse:
        """Nothing of the log need stand behind it."""
        typed = {field: visit.text(field, chars) for field, chars in _CHARS.items()}
        token = visit.text("token", 32)
        mark = form_mark(token, visit.person.login, *typed.values())
        try:
            opening = self._opening(visit.division, typed)
            key = await self._rooms.office.open(visit.division, opening, [], visit.person, mark)
        except ActRefused as refused:
            return self._form(visit, typed, token, refused.words)
        self._rooms.bell()
        raise see(case_path(key))

    def _opening(self, division: str, typed: Mapping[str, str]) -> Opening:
        against = Against.BANK if typed["against"] == "bank" else Against.AGENCY
        name = typed["agency_name"]
        if against is Against.BANK and not typed["bank"]:
            raise ActRefused("party_missing", "请填写代理银行行号。", "Fill in the bank's code.")
        if against is Against.AGENCY:
            name = self._agency(division, typed["agency_code"], name)
        return Opening(
            origin=Origin.COMPLAINT if typed["origin"] == "complaint" else Origin.SCREENING,
            against=against, agency_code=typed["agency_code"], agency_name=name,
            bank=typed["bank"], title=typed["title"], reason=typed["reason"],
            amount_fen=amount(typed["amount"]),
        )  # fmt: skip

    def _agency(self, division: str, code: str, name: str) -> str:
        """The agency's name, as the registers have it: of a wrong code the wrong agency would be
        asked, and only it could answer."""
        known = self._rooms.names.agency(division, code)
        if known and name not in ("", known):
            raise ActRefused(
                "party_other",
                f"登记中代码{code}是“{known}”，与所填名称不符：请核对代码，或不填名称。",
                f"{code} is {known} in the registers: check the code, or leave the name empty.",
            )
        if not code or not (name or known):
            zh = (
                f"登记中没有代码{code}，请核对，或写明单位名称。"
                if code
                else "请填写预算单位代码。"
            )
            raise ActRefused(
                "party_missing", zh, "Fill in the agency's code, and its name if it is not known."
            )
        return name or known

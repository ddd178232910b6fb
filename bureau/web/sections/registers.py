"""Pages of registers (登记): rows, proposals by one, approval by another, gateways' versions."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from bureau.desk.people import READERS, Office
from bureau.desk.refusals import ActRefused, Words
from bureau.desk.registers.changes import REASON_CHARS_MIN, Proposal
from bureau.desk.registers.duties import (
    code_duties,
    detail_duties,
    plan_duties,
)
from bureau.desk.registers.search import SCANNED_MAX, Named, named, names_in
from bureau.desk.registers.ways import STATE_ZH
from bureau.desk.registers.words import SHEETS, Sheet, row_of, shown
from bureau.web.form_reading import File
from bureau.web.rooms import Rooms
from bureau.web.route import Nav, Route, Undone, Visit, get, post, see
from gateway.domain.legal_day import legal_day
from policies.book.load import load_codes

PAGE_ROWS = 50
NAMED_MAX = 12
DUTY_ROWS = 2000
DUTIES_SHOWN = 50
END = 2**62
SNAPSHOT_BYTES_MAX = 20 * 1024 * 1024
_REVIEWERS = frozenset({Office.REVIEWER})
_APPROVERS = frozenset({Office.APPROVER})


def routes(rooms: Rooms) -> list[Route]:
    pages = _Registers(rooms)
    home = "/desk/{division}/registers"
    one = home + "/{register:" + "|".join(SHEETS) + "}"
    change = home + "/changes/{seq:[0-9]{1,12}}"
    return [
        get(home, pages.home, READERS, Nav(group="register", zh="登记变更", en="Changes")),
        post(home + "/import", pages.load, _REVIEWERS, upload=True, again=pages.home),
        post(home + "/whole", pages.whole, _REVIEWERS, again=pages.home),
        get(change, pages.change, READERS),
        post(change + "/approve", pages.approve, _APPROVERS, again=pages.change),
        post(change + "/reject", pages.reject, _APPROVERS, again=pages.change),
        *[
            get(
                f"{home}/{name}", _bound(pages, sheet), READERS,
                Nav(group="register", zh=sheet.zh, en=sheet.en),
            )
            for name, sheet in SHEETS.items()
        ],
        get(one + "/edit", pages.edit, _REVIEWERS),
        post(one + "/edit", pages.propose, _REVIEWERS),
    ]  # fmt: skip


def _bound(pages: "_Registers", sheet: Sheet) -> Any:
    async def page(visit: Visit) -> web.Response:
        return await pages.sheet(visit, sheet)

    return page


class _Registers:
    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._registers = rooms.registers
        self._known: dict[tuple[str, str], tuple[tuple[int, dt.date], list[Any]]] = {}
        """Duties by division and register, of a version and month: they change with these only."""

    async def home(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        """What waits, what was decided, what each gateway applies, what the bureau owes."""
        store, division = self._registers.store, visit.division
        waiting = await store.waiting(division, PAGE_ROWS)
        changes = await store.changes(division, _before(visit), None, PAGE_ROWS)
        late = await self._registers.late(division, (*waiting, *changes))
        return self._rooms.pages(
            "registers", visit=visit, undone=undone, sheets=SHEETS,
            version=await store.version(division),
            waiting=waiting, wishes=await store.wishes(division), changes=changes,
            gateways=await self._registers.gateways(division), states=STATE_ZH,
            late=lambda change: change["seq"] in late,
            strange=await self._rooms.not_ours.strange(division, "registers"),
        )  # fmt: skip

    async def sheet(self, visit: Visit, sheet: Sheet) -> web.Response:
        agency, after = visit.query("agency", 64), visit.query("after", 120)
        past = visit.query("past", 120)
        found = Named() if past else await self._of(visit.division, sheet, agency, after)
        going = "after"
        if agency and not found.rows and not after:
            found = await self._otherwise(visit.division, sheet, agency, past)
            going = "past"
        more = "?" + urlencode({"agency": agency, going: found.after}) if found.after else None
        like = self._rooms.names.agencies_like(visit.division, agency, NAMED_MAX) if agency else []
        return self._rooms.pages(
            "register", visit=visit, sheet=sheet, rows=found.rows, more=more, agency=agency,
            shown=shown, like=like, tired=found.tired, looked_at=SCANNED_MAX, by=_by(sheet),
            indicators=await self._indicators(visit.division, found.rows),
            duties=await self._duties(visit.division, sheet),
        )  # fmt: skip

    async def _of(self, division: str, sheet: Sheet, agency: str, after: str) -> Named:
        """The rows of an agency's code; of no code: all."""
        rows = await self._registers.rows(division, sheet, after, agency or None, PAGE_ROWS)
        return Named(rows, after=rows[-1]["key"] if len(rows) == PAGE_ROWS else "")

    async def _otherwise(self, division: str, sheet: Sheet, typed: str, past: str) -> Named:
        """What is no agency's code: the row of this number, or those with this name."""
        row = None if sheet.sealed or past else await self._registers.row(division, sheet, typed)
        if row is not None:
            return Named([row])
        return await named(self._registers, division, sheet, typed, PAGE_ROWS, past)

    async def edit(self, visit: Visit) -> web.Response:
        """A row's form, empty or with the row that stands. Secrets are typed anew."""
        sheet = _sheet(visit)
        found = await self._registers.row(visit.division, sheet, visit.query("key", 120))
        row = dict(found["row"]) if found else {}
        for column in sheet.columns:
            if column.secret:
                row.pop(column.name, None)
        wish = await self._registers.wish(visit.division, _number(visit.query("wish", 12)))
        if wish is not None and sheet.register.value == "agencies":
            row |= {"status": wish["status"], "status_basis": _basis(wish)}
        upon = await self._registers.version_of(visit.division)
        return self._form(visit, sheet, row, upon=str(upon))

    async def propose(self, visit: Visit) -> web.StreamResponse:
        sheet = _sheet(visit)
        typed = {column.name: visit.text(f"f-{column.name}", 400) for column in sheet.columns}
        op = "remove" if visit.text("op", 10) == "remove" else "put"
        row, wrong = row_of(sheet, typed)
        reason, changed = visit.text("reason", 500), visit.text("changed_on", 10)
        changed_on = _day(changed)
        if changed and changed_on is None:
            wrong["changed_on"] = "变更日期：请按 2026-03-02 填写", "Not a day."
        elif changed_on and changed_on > legal_day(self._rooms.clock()):
            wrong["changed_on"] = "变更日期：不能晚于今天", "It changed today or before."
        if len(reason) < REASON_CHARS_MIN:
            wrong["reason"] = f"理由：请填写，不少于{REASON_CHARS_MIN}个字", "Say why."
        if wrong:
            return self._form(visit, sheet, typed, *wrong.values(), wrong=wrong)
        try:
            proposal = Proposal(
                register=sheet.register.value, op=op, row=row, reason=reason,
                changed_on=changed_on, wish=_number(visit.text("wish", 12)),
                upon=_number(visit.text("upon", 15)),
            )  # fmt: skip
            seq = await self._registers.propose(visit.division, proposal, visit.person)
        except ActRefused as refused:
            return self._form(visit, sheet, typed, refused.words)
        raise see(f"/desk/{visit.division}/registers/changes/{seq}")

    async def load(self, visit: Visit) -> web.StreamResponse:
        part = visit.form.get("file")
        if not isinstance(part, File):
            raise ActRefused("file", "请选择文件。", "Choose a file.")
        raw = part.body
        if len(raw) > SNAPSHOT_BYTES_MAX:
            raise ActRefused(
                "file_size", "文件大于 20 MB，请由网关直接接收。", "Larger than 20 MB."
            )
        seq = await self._registers.propose_snapshot(
            visit.division, raw, visit.text("reason", 500), visit.person
        )
        raise see(f"/desk/{visit.division}/registers/changes/{seq}")

    async def whole(self, visit: Visit) -> web.StreamResponse:
        """All that stands, proposed as a whole file."""
        seq = await self._registers.propose_standing(
            visit.division, visit.text("reason", 500), visit.person,
            _number(visit.text("version", 15)),
        )  # fmt: skip
        raise see(f"/desk/{visit.division}/registers/changes/{seq}")

    async def change(self, visit: Visit, undone: Undone | None = None) -> web.Response:
        found = await self._registers.change(visit.division, _seq(visit))
        if found is None:
            raise web.HTTPNotFound()
        return self._rooms.pages(
            "register_change", visit=visit, undone=undone, change=found,
            sheet=SHEETS.get(found["register"]),
            shown=shown, late=bool(await self._registers.late(visit.division, [found])),
        )  # fmt: skip

    async def approve(self, visit: Visit) -> web.StreamResponse:
        return await self._decided(visit, self._registers.approve(
            visit.division, _seq(visit), visit.person
        ))  # fmt: skip

    async def reject(self, visit: Visit) -> web.StreamResponse:
        return await self._decided(visit, self._registers.reject(
            visit.division, _seq(visit), visit.text("said", 500), visit.person
        ))  # fmt: skip

    async def _decided(self, visit: Visit, work: Any) -> web.StreamResponse:
        try:
            await work
        except LookupError:
            raise web.HTTPNotFound() from None
        self._rooms.bell()
        raise see(f"/desk/{visit.division}/registers/changes/{_seq(visit)}")

    def _form(
        self, visit: Visit, sheet: Sheet, row: Any, *oops: Words,
        wrong: Mapping[str, Words] | None = None, upon: str = "",
    ) -> web.Response:  # fmt: skip
        """`wrong`: by field; `oops`: all that is said over the form. `upon`: the version at which
        the row was opened, if that is now."""
        return self._rooms.pages(
            "register_edit", visit=visit, status=409 if oops else 200, sheet=sheet, row=row,
            oops=oops, kept={"wrong": wrong or {}}, op=visit.text("op", 10),
            changed_on=visit.text("changed_on", 10), upon=upon or visit.text("upon", 15),
            wish=visit.query("wish", 12) or visit.text("wish", 12),
            reason=visit.query("reason", 200) or visit.text("reason", 500),
        )  # fmt: skip

    async def _indicators(self, division: str, rows: Any) -> dict[str, str]:
        """What the indicators that these rows speak of are for, by id."""
        ids = {each["row"].get("indicator_id") for each in rows} - {None}
        found = await self._registers.rows_of(division, SHEETS["indicators"], sorted(ids))
        return {key: self._rooms.names.indicator(division, row) for key, row in found.items()}

    async def _duties(self, division: str, sheet: Sheet) -> list[Any]:
        """Of the first rows of the register; what is ours to do."""
        if sheet.register.value not in ("plans", "indicators"):
            return []
        version = await self._registers.version_of(division)
        of, place = (version, self._today().replace(day=1)), (division, sheet.register.value)
        if place not in self._known or self._known[place][0] != of:
            self._known[place] = of, await self._read_duties(division, sheet)
        return self._known[place][1]

    def _today(self) -> dt.date:
        return legal_day(self._rooms.clock())

    async def _read_duties(self, division: str, sheet: Sheet) -> list[Any]:
        read = await self._registers.rows(division, sheet, "", None, DUTY_ROWS)
        rows = [each["row"] for each in read if each["row"]]
        if sheet.register.value == "plans":
            ids = sorted({row["indicator_id"] for row in rows})
            of = await self._registers.rows_of(division, SHEETS["indicators"], ids)
            years = {id: int(row["fiscal_year"]) for id, row in of.items()}
            return plan_duties(_whole(rows, len(read)), self._today(), years)[:DUTIES_SHOWN]
        agencies = await self._registers.rows(division, SHEETS["agencies"], "", None, DUTY_ROWS)
        parents = {each["row"].get("parent") for each in agencies} - {None}
        found = code_duties(rows, load_codes()) + detail_duties(rows, sorted(parents))
        return found[:DUTIES_SHOWN]


def _whole(plans: list[Any], read: int) -> list[Any]:
    """Without the indicator at which the reading stopped: months of its plan that were not read
    would be told as never granted."""
    if read < DUTY_ROWS or not plans:
        return plans
    return [plan for plan in plans if plan["indicator_id"] != plans[-1]["indicator_id"]]


def _by(sheet: Sheet) -> list[str]:
    """By what a register's rows are looked for, in words."""
    words = {column.name: column.zh for column in sheet.columns}
    by = [words.get(sheet.agency, "预算单位")]
    if not sheet.sealed and len(sheet.key) == 1:
        by.append(words[sheet.key[0]])
    return list(dict.fromkeys([*by, *(column.zh for column in names_in(sheet))]))


def _sheet(visit: Visit) -> Sheet:
    return SHEETS[visit.request.match_info["register"]]


def _seq(visit: Visit) -> int:
    return int(visit.request.match_info["seq"])


def _before(visit: Visit) -> int:
    text = visit.query("before", 15)
    return int(text) if text.isascii() and text.isdigit() else END


def _basis(wish: Any) -> str:
    """On which case a suspension rests; nothing where it is lifted."""
    return str(wish["basis"]) if wish["status"] == "suspended" else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None

"""The form by which a policy is edited: typed pickers, a table by rows, the text beside it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web

from bureau.desk.people import Office
from bureau.desk.policies.checks import Checked
from bureau.desk.policies.drafts import BASES, MARK_CHARS, mark_of
from bureau.desk.policies.trial import Tried
from bureau.desk.refusals import ActRefused, Words
from bureau.web.exports import XLSX, attachment
from bureau.web.form_reading import File
from bureau.web.rooms import Rooms
from bureau.web.route import Route, Visit, get, post, see
from bureau.web.sections import policy_view as view
from bureau.web.sections.policy_tests import (
    Fields,
    accepted,
    changed_params,
    taken_back,
    ticked,
)
from bureau.web.sections.trials import picked, trial_of
from bureau.web.workbook import WorkbookRefused, rows_of
from bureau.web.workbook_writing import excel
from policies.book.document import Policy
from policies.form.filled import document_of
from policies.form.posted import blank, shown_again
from policies.form.sheet import kinds_in, sheet_of
from policies.form.tabled import OWN
from policies.language.errors import Problem

FIELD_CHARS_MAX = 60_000
FIELDS_MAX = 20_000
"""The longest table, each cell a field, and all else: what may be imported may be sent."""
NAME_CHARS_MAX = 200
TABLE_BYTES_MAX = 4 * 1024 * 1024
TABLE_ROWS_MAX = 2000
REASON_CHARS_MAX = 4000
"""Those of accepted tests stand in it one by one."""
_HEAD = "p."
_REVIEWERS = frozenset({Office.REVIEWER})
_BLANK = {
    room: blank(room) for room in ("window", "when", "cause", "row", "unless", "remark", "test")
}


def routes(rooms: Rooms) -> list[Route]:
    pages = PolicyForm(rooms)
    one = "/desk/{division}/policies/{policy:[A-Z0-9-]{6}}/form"
    return [
        get(one, pages.form, _REVIEWERS),
        post(one, pages.filled, _REVIEWERS, upload=True, fields_max=FIELDS_MAX),
    ]


class PolicyForm:
    """Pages of the form; the text's page turns to it too."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._policies = rooms.policies

    async def form(self, visit: Visit) -> web.Response:
        policy, text = await self.policy(visit)
        return self.show(visit, policy, text, await self.typed(visit))

    async def filled(self, visit: Visit) -> web.StreamResponse:
        """The button says what is done; what was typed comes back as it was."""
        policy, standing = await self.policy(visit)
        fields = _fields(visit)
        step, back = visit.text("step", 10), visit.text("back", 60)
        oops: Words | None = None
        number, reasons = 0, [visit.text("reason", REASON_CHARS_MAX)]
        if step == "import":
            fields, oops = await asyncio.to_thread(_imported, visit, fields)
        try:
            if back:
                fields, step = taken_back(fields, standing, back), "check"
            elif step == "accept":
                fields, reasons = await self._accepted(visit, policy, fields, reasons)
                step = "check"
        except ActRefused as refused:
            oops = refused.words
        try:
            text, problems = document_of(fields)
            sheet = shown_again(fields)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise web.HTTPBadRequest(reason="not this form") from None
        if step == "table":
            return attachment(_exported(sheet), XLSX, f"{policy.id}-table.xlsx")
        if step == "text":
            return self._text_page(visit, policy, text, await self.typed(visit))
        checked: Checked | None = None
        tried: Tried | None = None
        try:
            if problems:
                raise ActRefused("form_wrong", "有的内容无法写入规则。", "Some fields do not fit.")
            if step == "try":
                trial = trial_of(visit)
                tried, number = await trial.of(self._rooms, visit, policy.id, text)
            if step == "draft":
                reason = reasons[0]
                seq = await self._policies.draft(
                    visit.division, policy.id, text, reason, visit.person,
                    upon=visit.text("upon", MARK_CHARS),
                )  # fmt: skip
                raise see(f"/desk/{visit.division}/policies/drafts/{seq}")
        except ActRefused as refused:
            oops = refused.words
        if problems:
            checked = Checked(problems=problems)
        elif step == "check" or oops:
            checked = await self._policies.check(visit.division, policy.id, text)
        typed = await self.typed(visit) | {
            "reason": _joined(reasons),
            "changed": changed_params(fields, standing), "ticks": ticked(visit), "number": number,
        }  # fmt: skip
        return self._page(
            visit, policy, sheet, text, checked=checked, tried=tried, oops=oops, typed=typed
        )

    async def _accepted(
        self, visit: Visit, policy: Policy, fields: Fields, reasons: list[str]
    ) -> tuple[Fields, list[str]]:
        """The tests that are ticked expect what they come to now, and why is said after `reasons`.
        Raises ActRefused, where one would be cut short among others: then nothing is accepted."""
        try:
            text, _ = document_of(fields)
        except (ValueError, TypeError, AttributeError, KeyError):
            raise web.HTTPBadRequest(reason="not this form") from None
        checked = await self._policies.check(visit.division, policy.id, text)
        changed, more = accepted(fields, checked.failing, ticked(visit))
        if len(_joined([*reasons, *more])) > REASON_CHARS_MAX:
            raise ActRefused(
                "reasons_long",
                f"修改理由连同各用例的接受理由超过{REASON_CHARS_MAX}字，请改短，或少勾选几个。",
                f"The reasons are more than {REASON_CHARS_MAX} characters: shorten them.",
            )
        return changed, [*reasons, *more]

    async def typed(self, visit: Visit) -> dict[str, Any]:
        """What was typed beside the document, and room for what a step adds to it. `upon`: from
        which document the page began, however often it comes back."""
        return {
            "upon": visit.text("upon", MARK_CHARS) or mark_of((await self.policy(visit))[1]),
            "trial": trial_of(visit), "reason": visit.text("reason", REASON_CHARS_MAX),
            "picks": await picked(self._rooms, visit), "number": 0, "changed": [], "ticks": {},
        }  # fmt: skip

    def show(self, visit: Visit, policy: Policy, text: str, typed: dict[str, Any]) -> web.Response:
        """The form of a document, or the text where it is too free for the form."""
        sheet = sheet_of(text)
        if sheet is None:
            return self._text_page(visit, policy, text, typed, free=True)
        return self._page(visit, policy, sheet, text, typed=typed)

    def _page(
        self, visit: Visit, policy: Policy, sheet: dict[str, Any], text: str, *,
        checked: Checked | None = None, tried: Tried | None = None, oops: Words | None = None,
        typed: dict[str, Any],
    ) -> web.Response:  # fmt: skip
        problems: tuple[Problem, ...] = checked.problems if checked else ()
        for each in checked.failing if checked else ():
            problems += (Problem(place=each.place, column=0, zh=each.words, en=each.came.outcome),)
        for item in _clauses(sheet):
            item.setdefault("fits", item.get("mode") == "rows")
        return self._rooms.pages(
            "policy_form", visit=visit, status=409 if oops else 200, policy=policy, s=sheet,
            document=text, checked=checked, tried=tried, oops=[oops] if oops else [],
            typed=typed,
            told=view.Told(problems, policy.place), v=view.Shown(sheet, kinds_in(sheet)),
            blank=_BLANK, again=visit.text("step", 10) == "refresh", bases=BASES, **_WORDS,
        )  # fmt: skip

    def _text_page(
        self, visit: Visit, policy: Policy, text: str, typed: dict[str, Any], *,
        free: bool = False,
    ) -> web.Response:  # fmt: skip
        return self._rooms.pages(
            "policy_edit", visit=visit, policy=policy, document=text, checked=None, tried=None,
            oops="", typed=typed, bases=BASES, free=free, lights=view.LIGHTS,
            actions=_WORDS["actions"],
        )  # fmt: skip

    async def policy(self, visit: Visit) -> tuple[Policy, str]:
        """The one that the address names, with the document that stands."""
        try:
            return await self._policies.policy(visit.division, visit.request.match_info["policy"])
        except LookupError:
            raise web.HTTPNotFound() from None


def _joined(reasons: Iterable[str]) -> str:
    return "；".join(filter(None, reasons))


def _clauses(sheet: Mapping[str, Any]) -> list[dict[str, Any]]:
    rooms = ("window", "when", "cause", "unless", "remark")
    found = [item for room in rooms for item in sheet.get(room, [])]
    return [*found, sheet["table"]] if sheet.get("table") else found


def _fields(visit: Visit) -> dict[str, list[str]]:
    """The sheet's fields of what was posted. Raises HTTPBadRequest."""
    found: dict[str, list[str]] = {}
    names = [name for name in visit.form if name.startswith(_HEAD)]
    if len(names) > FIELDS_MAX or any(len(name) > NAME_CHARS_MAX for name in names):
        raise web.HTTPBadRequest(reason="too many fields")
    for name in names:
        values = visit.texts(name)
        if any(len(one) > FIELD_CHARS_MAX or "\x00" in one for one in values):
            raise web.HTTPBadRequest(reason=f"{name}: too long")
        found[name.removeprefix(_HEAD)] = values
    return found


def _exported(sheet: Mapping[str, Any]) -> bytes:
    """The decision table as a workbook that can be filled in and imported again."""
    table = sheet.get("table") or {}
    columns = [one["name"] for one in table.get("columns", [])]
    head = [*OWN, *(["codes"] if table.get("fact") else []), *columns]
    rows = [
        [str(row.get(name) or row["cells"].get(name) or "") for name in head]
        for row in table.get("row", [])
    ]
    told = {
        "规则 Policy": sheet["id"],
        "说明 Note": "列表格中每行一个值 one value a line in a list",
    }
    return excel(head, rows, told)


def _imported(
    visit: Visit, fields: dict[str, list[str]]
) -> tuple[dict[str, list[str]], Words | None]:  # fmt: skip
    """The fields with the rows of an uploaded workbook in place of the table's; or why not."""
    part = visit.form.get("xlsx")
    raw = part.body if isinstance(part, File) else b""
    if not raw or len(raw) > TABLE_BYTES_MAX:
        return fields, (
            "请选择导出的表格文件（XLSX，4 MB 以内）。",
            "Choose the exported workbook (XLSX, 4 MB).",
        )
    try:
        rows = rows_of(raw, TABLE_ROWS_MAX + 1)
    except WorkbookRefused as refused:
        return fields, refused.words
    if not rows:
        return fields, ("表格为空。", "The table is empty.")
    head = [str(cell).strip() for cell in rows[0]]
    columns = {v[-1] for k, v in fields.items()
               if k.startswith("table.columns.") and k.endswith(".name") and v}  # fmt: skip
    known = {*OWN, *columns, *(["codes"] if fields.get("table.fact") else [])}
    if strange := [name for name in head if name not in known]:
        named = "、".join(strange)[:200]
        return fields, (f"表格中有不认识的列：{named}。", f"Columns that nobody knows: {named}.")
    if "id" not in head:
        return fields, ("表格缺少 id 列。", "The column id is missing.")
    kept = {k: v for k, v in fields.items() if not k.startswith("table.row.")}
    for number, row in enumerate(rows[1:]):
        for name, cell in zip(head, row, strict=False):
            room = "cells." if name in columns else ""
            kept[f"table.row.{number}.{room}{name}"] = [_cell(cell)]
    return kept, None


def _cell(cell: Any) -> str:
    """A cell as text; a whole number without the point that spreadsheets give it."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


_WORDS: dict[str, Any] = {
    "lights": view.LIGHTS, "actions": view.ACTIONS | {"none": "不触发"},
    "choices": view.CHOICES, "manners": view.MANNERS, "methods": view.METHODS,
    "evidence": view.paper_names("evidence"), "approvals": view.paper_names("approvals"),
    "all_papers": view.PAPERS, "registers": view.REGISTERS,
    "codes": view.code_names, "split": lambda text: [one for one in text.split("\n") if one],
}  # fmt: skip

"""A move as its form gives it, before it is judged."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs

from bureau.desk.casework.words import Move
from bureau.desk.people import Office
from bureau.desk.refusals import ActRefused

DUE_MAX = dt.timedelta(days=366)
TEXT_CHARS_MAX = 4000


@attrs.frozen(kw_only=True)
class Made:
    """A move as its form gives it: `body` has dates as ISO text and amounts in fen."""

    move: Move
    by: str
    office: Office | None
    """None: the program."""
    day: dt.date
    body: Mapping[str, Any] = attrs.field(factory=dict)

    def text(self, field: str) -> str:
        """Raises ActRefused if it is missing or too long."""
        value = str(self.body.get(field, "")).strip()
        if not value or len(value) > TEXT_CHARS_MAX:
            raise ActRefused("field_missing", f"请填写“{_FIELDS.get(field, field)}”。", f"{field}?")
        return value

    def number(self, field: str = "number") -> int:
        value = self.body.get(field)
        if not isinstance(value, int):
            raise ActRefused("field_missing", "缺少序号。", f"{field}: a number")
        return value

    def due(self) -> dt.date:
        """A day from today on, within a year."""
        try:
            due = dt.date.fromisoformat(str(self.body.get("due", "")))
        except ValueError:
            raise ActRefused("due_wrong", "请填写期限。", "due: a date") from None
        if not self.day <= due <= self.day + DUE_MAX:
            raise ActRefused("due_wrong", "期限应在今天至一年之内。", "due: within a year from now")
        return due


_FIELDS = {
    "text": "说明",
    "ground": "理由",
    "person": "联系人、部门",
    "to": "移送部门",
    "kind": "类别",
}

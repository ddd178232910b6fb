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
            zh, en = _FIELDS.get(field, (field, field))
            raise ActRefused("field_missing", f"请填写“{zh}”。", f"Fill in: {en}.")
        return value

    def number(self, field: str = "number") -> int:
        value = self.body.get(field)
        if not isinstance(value, int):
            raise ActRefused("field_missing", "缺少序号。", "Its number is missing.")
        return value

    def due(self) -> dt.date:
        """A day from today on, within a year."""
        try:
            due = dt.date.fromisoformat(str(self.body.get("due", "")))
        except ValueError:
            raise ActRefused(
                "due_wrong", "请填写期限。", "Fill in the day on which it is due."
            ) from None
        if not self.day <= due <= self.day + DUE_MAX:
            raise ActRefused(
                "due_wrong", "期限应在今天至一年之内。", "Due within a year from today."
            )
        return due


_FIELDS = {
    "text": ("说明", "explanation"), "ground": ("理由", "reason"),
    "person": ("联系人、部门", "person or department"), "to": ("移送部门", "referred to"),
    "kind": ("类别", "kind"), "means": ("方式", "means"), "verdict": ("认定意见", "verdict"),
}  # fmt: skip

"""What cannot be taken in a case's form: all that is wrong, at once and by field."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence

from bureau.desk.casework.made import DUE_MAX
from bureau.desk.casework.words import AMOUNT_ZH, Move
from bureau.desk.refusals import ActRefused, Words
from bureau.web.route import Visit
from bureau.web.sections.form_bodies import amount
from bureau.web.sections.forms import Field, Form

_COUNT = re.compile("[1-9][0-9]{0,3}", re.ASCII)


def form_posted(forms: Sequence[Form], visit: Visit, move: Move) -> Form | None:
    """Which of the page's forms was sent; None if it offers this one no more."""
    for form in forms:
        if form.move is move and all(visit.text(name) == value for name, value in form.hidden):
            return form
    return None


def wrongs_of(form: Form, visit: Visit, files: int, day: dt.date) -> dict[str, Words]:
    """Each field that cannot be taken, in the form's order."""
    found: dict[str, Words] = {}
    if form.measures and not visit.texts("measure"):
        found["measure"] = ("请选择处理方式。", "Choose at least one measure.")
    for measure, *_, in_time, _chosen in form.measures:
        if in_time and measure in visit.texts("measure"):
            found |= dict(_of_measure(visit, measure, day))
    for field in form.fields:
        if words := _of_field(field, visit, files, day):
            found[field.name] = words
    dated = {"day", "due"} <= {field.name for field in form.fields}
    if dated and not found and _day(visit, "due") < _day(visit, "day"):
        found["due"] = ("期限不能早于约谈日期。", "Not due before the day of the interview.")
    return found


def _day(visit: Visit, name: str) -> dt.date:
    """Of a field that was found right."""
    return dt.date.fromisoformat(visit.text(name))


def _of_measure(visit: Visit, measure: str, day: dt.date) -> Iterator[tuple[str, Words]]:
    for name in AMOUNT_ZH:
        if words := _of_amount(visit.text(f"{name} {measure}")):
            yield f"{name} {measure}", words
    if words := _of_day(visit.text(f"due {measure}"), "期限", "Due", day):
        yield f"due {measure}", words


def _of_field(field: Field, visit: Visit, files: int, day: dt.date) -> Words | None:
    name = field.zh.partition("（")[0]
    if field.kind == "files":
        return None if files or not field.required else (f"请选择“{name}”。", "Choose a file.")
    text = visit.text(field.name)
    if not text and field.required and field.name in AMOUNT_ZH:
        return f"请填写金额：{name}；尚未办理的填 0。", f"{field.en}: an amount, if only 0."
    if not text:
        return (f"请填写“{name}”。", f"Fill in: {field.en}.") if field.required else None
    if field.kind == "date":
        return _of_day(text, name, field.en, day)
    if field.kind == "number" and not _COUNT.fullmatch(text):
        return f"“{name}”应为 1 至 9999 的数字。", f"{field.en}: a number from 1 to 9999."
    return _of_amount(text) if field.name in AMOUNT_ZH else None


def _of_amount(text: str) -> Words | None:
    try:
        amount(text)
    except ActRefused as refused:
        return refused.words
    return None


def _of_day(text: str, zh: str, en: str, since: dt.date) -> Words | None:
    """A term, or the day of an interview: from that day on and within a year."""
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return f"“{zh}”请按 2026-03-02 填写。", f"{en}: write it as 2026-03-02."
    if not since <= day <= since + DUE_MAX:
        return f"“{zh}”应在今天至一年之内。", f"{en}: within a year from today."
    return None

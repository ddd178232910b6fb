"""A changed policy's tests that come out otherwise: accepted one by one with a reason, or the
change taken back. What else was typed into the form stays as it is.
"""

from collections.abc import Mapping, Sequence

import attrs

from bureau.desk.policies.checks import Failing
from bureau.desk.refusals import ActRefused
from bureau.web.route import Visit
from policies.book.prove import VERDICTS_ZH
from policies.form.sheet import sheet_of

FAILING_MAX = 200
REASON_CHARS_MIN, REASON_CHARS_MAX = 4, 200
Fields = dict[str, list[str]]


@attrs.frozen
class Ticked:
    """What was typed beside a failing test."""

    accepted: bool
    why: str


def ticked(visit: Visit) -> dict[str, Ticked]:
    """By the test's name. Raises HTTPBadRequest."""
    found = {}
    for n in range(FAILING_MAX):
        if f"failed-{n}" not in visit.form:
            break
        name = visit.text(f"failed-{n}", 400)
        why = visit.text(f"why-{n}", REASON_CHARS_MAX)
        found[name] = Ticked(accepted=bool(visit.text(f"accept-{n}", 2)), why=why)
    return found


def accepted(
    fields: Fields, failing: Sequence[Failing], ticks: Mapping[str, Ticked]
) -> tuple[Fields, list[str]]:
    """The fields with the new verdicts of the ticked tests, and a line of reason for each.

    Raises ActRefused where none is ticked, or one has no reason.
    """
    chosen = [one for one in failing if one.name in ticks and ticks[one.name].accepted]
    if not chosen:
        raise ActRefused("accept", "请先勾选要接受新结论的用例。", "Tick the tests to accept.")
    if bare := [one.name for one in chosen if len(ticks[one.name].why) < REASON_CHARS_MIN]:
        names = "、".join(f"「{name}」" for name in bare)
        raise ActRefused(
            "accept_reason", f"请填写接受理由：用例{names}。", "Say why each is accepted."
        )  # fmt: skip
    fields, reasons = dict(fields), []
    for one in chosen:
        for number in _numbers(fields, one.name):
            at = f"test.{number}."
            fields[at + "outcome"] = [one.came.outcome.value]
            fields[at + "exception"] = [one.came.exception]
            fields[at + "missing"] = list(one.came.missing)
        verdict = VERDICTS_ZH[one.came.outcome]
        reasons.append(f"用例「{one.name}」改为{verdict}：{ticks[one.name].why}")
    return fields, reasons


def changed_params(fields: Fields, standing: str) -> list[tuple[str, str, str]]:
    """(parameter, as it stands, as it was typed) of each value that was changed in the form."""
    now = _values(fields)
    return [
        (name, was, now[name])
        for name, was in _standing(standing).items() if name in now and now[name] != was
    ]  # fmt: skip


def taken_back(fields: Fields, standing: str, name: str) -> Fields:
    """The fields with one parameter as it stands; its tests' expected verdicts stay as typed."""
    was = _standing(standing).get(name)
    if was is None:
        raise ActRefused("param", "没有这个参数。", "There is no such parameter.")
    return {
        **fields,
        **{
            f"params.{number}.value": [was]
            for number in _numbers(fields, name, "params")
        },
    }  # fmt: skip


def _numbers(fields: Fields, name: str, room: str = "test") -> list[str]:
    """Of the items of this name, the number under which they stand in the form."""
    return [
        key.split(".")[1]
        for key, values in fields.items()
        if key.startswith(f"{room}.") and key.endswith(".name") and key.count(".") == 2
        and values and values[-1].strip() == name
    ]  # fmt: skip


def _values(fields: Fields) -> dict[str, str]:
    found = {}
    for key, values in fields.items():
        if key.startswith("params.") and key.endswith(".name") and values and values[-1].strip():
            value = fields.get(key.removesuffix("name") + "value", [""])
            found[values[-1].strip()] = "\n".join(value).replace("\r\n", "\n").strip()
    return found


def _standing(text: str) -> dict[str, str]:
    sheet = sheet_of(text) or {}
    return {one["name"]: str(one["value"]) for one in sheet.get("params", [])}

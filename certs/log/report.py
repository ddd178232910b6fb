"""What a verification says, step by step in Chinese and English, and the exit code."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import attrs


def in_one_line(text: str) -> str:
    """What was handed over may be quoted, and must not write a verdict of its own on the terminal:
    line breaks and whatever else cannot be seen are shown as escapes."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


class Exit(IntEnum):
    VALID = 0
    INVALID = 1
    USAGE = 2
    GAP = 3
    FORK = 4


@attrs.frozen(kw_only=True)
class Step:
    """One thing that was checked."""

    holds: bool
    zh: str
    en: str


@attrs.frozen(kw_only=True)
class Report:
    """All steps until the first that failed; `exit` is its verdict."""

    exit: Exit
    steps: tuple[Step, ...]
    facts: dict[str, Any] = attrs.field(factory=dict)
    """For `--json`: origin, size, seq, time of the cosignature, missing numbers. `size` and
    `cosigned_at` are the judged checkpoint's; others have `kept_` or `previous_` before."""

    @property
    def valid(self) -> bool:
        return self.exit is Exit.VALID

    def lines(self) -> list[str]:
        """For people: numbered, with the verdict last."""
        numbered = [
            f"{place}. {'✓' if step.holds else '✗'} {in_one_line(step.zh)}\n"
            f"      {in_one_line(step.en)}"
            for place, step in enumerate(self.steps, start=1)
        ]
        return [*numbered, VERDICTS[self.exit], *self._bounds()]

    def _bounds(self) -> list[str]:
        """How far a good verdict reaches: of what came later, a signed size says nothing."""
        if not self.valid or "size" not in self.facts:
            return []
        size, at = self.facts["size"], self.facts.get("cosigned_at")
        zh, en = (f"（{at} 见证）", f", witnessed at {at}") if at else ("", "")
        return [
            f"      截至前 {size} 条{zh}；此后的记录未作判断。",
            f"      Up to size {size}{en}; later records are not judged.",
        ]

    def as_json(self) -> dict[str, Any]:
        steps = [attrs.asdict(each) for each in self.steps]
        return {"valid": self.valid, "exit": int(self.exit), "steps": steps, **self.facts}


VERDICTS = {
    Exit.VALID: "结论：属实。 Valid.",
    Exit.INVALID: "结论：不属实，理由见上一步。 Invalid: the step above says why.",
    Exit.USAGE: "结论：无法核验，材料不全或不可读。 Cannot be verified: missing or unreadable.",
    Exit.GAP: "结论：有缺漏，日志中有记录未交出。 Gap: the log holds records not handed over.",
    Exit.FORK: "结论：日志被改写，同一日志签出了两种历史。 Fork: one log signed two histories.",
}


_GRAVITY = (Exit.VALID, Exit.USAGE, Exit.GAP, Exit.INVALID, Exit.FORK)
"""What is proven wrong weighs more than what is missing, and that more than what is unread."""


def worst_of(reports: Sequence[Report]) -> Exit:
    return max((report.exit for report in reports), key=_GRAVITY.index)


def whole_of(reports: Sequence[Report]) -> list[Report]:
    """With a verdict on all of them behind one that failed: whoever reads the last line, of a part
    that is good, must not take it for the whole."""
    failed = [place for place, report in enumerate(reports, start=1) if not report.valid]
    if not failed or failed == [len(reports)]:
        return list(reports)
    places = ", ".join(map(str, failed))
    step = Step(
        holds=False,
        zh=f"以上 {len(reports)} 项中，第 {places} 项未通过，全部材料以此为准。",
        en=f"Of the {len(reports)} parts above, part {places} is not valid, nor is the whole.",
    )
    return [*reports, Report(exit=worst_of(reports), steps=(step,))]


class Stopped(Exception):
    """A step failed; the report ends there."""

    def __init__(self, exit: Exit) -> None:
        super().__init__(exit.name)
        self.exit = exit


class Walk:
    """Collects steps; `expect` and `found` stop at the first that does not hold."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.facts: dict[str, Any] = {}

    def expect(self, holds: bool, zh: str, en: str, otherwise: Exit = Exit.INVALID) -> None:
        """What must be so. Where it is not, its sentence alone would still say that it is."""
        if holds:
            self.found(True, zh, en)
        else:
            self.found(False, f"不成立：{zh}", f"Not so: {en}", otherwise)

    def found(self, holds: bool, zh: str, en: str, otherwise: Exit = Exit.INVALID) -> None:
        """What was found, in words that already say whether it is well."""
        self.steps.append(Step(holds=holds, zh=zh, en=en))
        if not holds:
            raise Stopped(otherwise)

    def fail(self, zh: str, en: str, otherwise: Exit = Exit.INVALID) -> Stopped:
        """The failed step, to be raised."""
        self.steps.append(Step(holds=False, zh=zh, en=en))
        return Stopped(otherwise)

    def report(self, exit: Exit = Exit.VALID) -> Report:
        return Report(exit=exit, steps=tuple(self.steps), facts=self.facts)

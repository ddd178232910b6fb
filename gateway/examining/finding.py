"""One finding of an examination: which part, how it stands, and why."""

from enum import StrEnum

import attrs


class State(StrEnum):
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@attrs.frozen(kw_only=True)
class Finding:
    part: str
    state: State
    detail: str


def good(part: str, detail: str) -> Finding:
    return Finding(part=part, state=State.GOOD, detail=detail)


def warn(part: str, detail: str) -> Finding:
    return Finding(part=part, state=State.WARN, detail=detail)


def bad(part: str, detail: object) -> Finding:
    return Finding(part=part, state=State.BAD, detail=str(detail))


def worst(findings: list[Finding]) -> State:
    states = {finding.state for finding in findings}
    return next((state for state in (State.BAD, State.WARN) if state in states), State.GOOD)

"""What a gateway answers to questions about policies, read strictly: it is a bank's program.

An answer that is not of this shape, or holds what neither the store nor a page can take, is no
answer: it is told as the gateway's trouble, and nothing else stops for it.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from bureau.inbox.glance import YEARS, shown
from gateway.domain.money import FEN_MAX

REASON_CHARS_MAX = 500
_Text = Annotated[str, msgspec.Meta(max_length=4000)]
_Count = Annotated[int, msgspec.Meta(ge=-1, le=2**62)]
_When = Annotated[dt.datetime, msgspec.Meta(tz=True)]


class AnswerUnreadable(ValueError):
    """The words say what is wrong with it."""


class _Flip(msgspec.Struct):
    seq: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    subject: _Text
    decided_at: _When
    agency: _Text
    amount_fen: Annotated[int, msgspec.Meta(ge=0, le=FEN_MAX)]
    before: _Text
    after: _Text
    policies: list[_Text]
    reason_zh: _Text


class _Replay(msgspec.Struct):
    same: bool
    bytes: _Count
    differing: list[_Text]
    outcome: _Text
    book: _Text
    decided_at: _Text


class _Finding(msgspec.Struct):
    policy: _Text
    revision: _Count
    reason_zh: _Text


class _Single(msgspec.Struct):
    """Of one instruction: replayed, or tried under a draft."""

    trouble: _Text = ""
    replays: list[_Replay] = []
    before: _Text = ""
    after: _Text = ""
    findings: list[_Finding] = []


class _State(msgspec.Struct, omit_defaults=True):
    over: bool
    what: _Text = ""
    trouble: _Text = ""
    compared: _Count | None = None
    first: _Count = 0
    last: _Count = 0
    read: _Count = -1
    answer: _Single | None = None
    flips: list[_Flip] = []


class _Answer(msgspec.Struct):
    state: _State


class Answer(msgspec.Struct, frozen=True):
    state: bytes
    """JSON of the fields above but for the flips; `state_of` reads it."""
    over: bool
    flips: tuple[tuple[Any, ...], ...]
    """As `add_flips` lists them."""


def answer_of(told: bytes) -> Answer:
    """Raises AnswerUnreadable."""
    try:
        state = msgspec.json.decode(told, type=_Answer).state
    except (ValueError, RecursionError) as error:
        raise AnswerUnreadable(f"the answer is not readable: {error}") from error
    if any(each.decided_at.year not in YEARS for each in state.flips):
        raise AnswerUnreadable("the answer is not readable: a time outside the calendar")
    flips = tuple(map(_flip, state.flips))
    state.flips = []
    return Answer(state=msgspec.json.encode(state), over=state.over, flips=flips)


def state_of(kept: bytes | None) -> Mapping[str, Any]:
    """What was kept of the last answer, with every number that progress is counted from; nothing
    where there is none, or where it was kept before answers were read strictly and is none."""
    try:
        state = msgspec.json.decode(kept or b"", type=_State)
    except (ValueError, RecursionError):
        return {}
    found: dict[str, Any] = msgspec.to_builtins(state)
    return {"first": state.first, "last": state.last, "read": state.read} | found


def _flip(each: _Flip) -> tuple[Any, ...]:
    return (
        each.seq, shown(each.subject), each.decided_at, shown(each.agency), each.amount_fen,
        shown(each.before), shown(each.after), " ".join(map(shown, each.policies)),
        shown(each.reason_zh, REASON_CHARS_MAX),
    )  # fmt: skip

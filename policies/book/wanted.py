"""What a decision must have proven of windows in commit 1, and what an instruction adds to them."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from gateway.domain.decision import Outcome
from gateway.domain.facts import Facts
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare
from policies.book.resolve import Serving
from policies.book.unit import UnitWindow
from policies.language.interpret import AbsentRead, truth
from policies.language.typed import Expr
from policies.language.types import Fact

DIGEST_CHARACTERS = 32
KEY_CHARACTERS_MAX = 600
"""Of four bytes each: less than PostgreSQL's index of windows takes (2,704 bytes)."""
_SUMMED = (Measure.SUM, Measure.MAX)


def asks_of(windowed: Iterable[Serving], facts: Facts) -> tuple[WindowAsk, ...]:
    found: dict[WindowKey, WindowAsk] = {}
    for serving in windowed:
        run = serving.group.asked
        assert run is not None
        positions = _lost(serving, facts, asked=True) if facts.unavailable else run(facts)
        if not positions:
            continue
        for window in _at(serving, positions):
            ask = WindowAsk(
                key=_key(window, facts),
                measure=window.measure,
                since=facts.on - dt.timedelta(days=window.days - 1),
                believed=facts.windows.get(window.id, 0),
            )
            found[ask.key] = ask
    return _in_order(found)


def shares_of(
    windowed: Iterable[Serving], facts: Facts, outcome: Outcome
) -> tuple[WindowShare, ...]:
    found: dict[WindowKey, WindowShare] = {}
    for serving in windowed:
        run = serving.group.shared
        assert run is not None
        positions = _lost(serving, facts, asked=False) if facts.unavailable else run(facts)
        if not positions:
            continue
        for window in _at(serving, positions):
            if outcome in window.counts:
                share = _share(window, facts)
                found[share.key] = share
    return _in_order(found)


Told = TypeVar("Told", WindowAsk, WindowShare)


def _in_order(found: dict[WindowKey, Told]) -> tuple[Told, ...]:
    """By window and key; most instructions have one at most."""
    if len(found) < 2:
        return tuple(found.values())
    return tuple(sorted(found.values(), key=lambda told: (told.key.window, told.key.key)))


def _lost(serving: Serving, facts: Facts, *, asked: bool) -> list[int]:
    """The windows whose condition holds, or may hold as far as a lost register lets one know."""
    windows = [window for _, window in serving.group.windows]
    exprs = [window.asked if asked else window.where for window in windows]
    return [n for n, expr in enumerate(exprs) if _may_hold(expr, facts)]


def _at(serving: Serving, positions: Iterable[int]) -> Iterator[UnitWindow]:
    for position in positions:
        unit, window = serving.group.windows[position]
        if unit not in serving.silent:
            yield window


def _may_hold(expr: Expr, facts: Facts) -> bool:
    try:
        return truth(expr, facts) is not False
    except AbsentRead:
        return True


def _share(window: UnitWindow, facts: Facts) -> WindowShare:
    value, item = 1, ""
    if window.of is not None:
        read = getattr(facts, window.of.attribute)
        if window.measure in _SUMMED:
            value = read or 0
        else:
            item = _told(window.of, read)
    return WindowShare(key=_key(window, facts), day=facts.on, value=value, item=item)


def _key(window: UnitWindow, facts: Facts) -> WindowKey:
    """What an index could not hold stands there as its digest."""
    key = "/".join([_told(fact, getattr(facts, fact.attribute)) for fact in window.key])
    if len(key) > KEY_CHARACTERS_MAX:
        key = _digest(f"{window.id}\0{key}")
    return WindowKey(window=window.id, key=key)


def _told(fact: Fact, value: Any) -> str:
    """A value as part of a key: absent is empty, a personal one only its digest."""
    if value is None:
        return ""
    text = str(value)
    if fact.personal or fact.name == "payee.name":
        return _digest(f"{fact.name}\0{text}")
    return text.replace("%", "%25").replace("/", "%2F")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:DIGEST_CHARACTERS]

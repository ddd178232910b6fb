"""Which policies judge an instruction: division, day, voucher type, method and fund resolved."""

import datetime as dt
from collections.abc import Generator, Iterable, Mapping, Sequence

import attrs

from gateway.domain.codes import PaymentMethod, Register
from policies.book.document import LowerLevels, Scope
from policies.book.unit import Unit, UnitWindow
from policies.language.errors import PolicyRefused, Problem
from policies.language.factor import neighbours
from policies.language.generate import Group, group
from policies.language.indexed import indexed

UNITS_A_STEP = 500
"""How many units are sorted before the event loop gets its turn."""


@attrs.frozen(kw_only=True)
class UnitGroup:
    """Units of one scope and one stretch of days, compiled into one function."""

    units: tuple[Unit, ...]
    registers: frozenset[Register]
    run: Group
    windows: tuple[tuple[int, UnitWindow], ...]
    """Every window with the position of its unit."""
    asked: Group | None
    """The positions in `windows` of those that matter; None if there are none."""
    shared: Group | None
    """The positions in `windows` of those that count this instruction."""

    def covers(
        self, division: str, voucher_type: str, method: PaymentMethod | None, fund: str | None
    ) -> bool:
        return applies(self.units[0].policy.scope, division, voucher_type, method, fund)


def level(division: str) -> str:
    """A nine-digit division as its own level: 220000000 -> 22, 220100000 -> 2201, 220102000 ->
    220102; a part of a county (220102998) and a short spelling stay as they are.
    """
    short = division[:6] if len(division) == 9 and division.endswith("000") else division
    while len(short) in (4, 6) and short.endswith("00"):
        short = short[:-2]
    return short


def applies(
    scope: Scope, division: str, voucher_type: str, method: PaymentMethod | None, fund: str | None
) -> bool:  # fmt: skip
    """What is not stated (method, fund) never puts an instruction out of a policy's reach."""
    return (
        level(division).startswith(level(scope.division))
        and (not scope.voucher_types or voucher_type in scope.voucher_types)
        and (not scope.payment_methods or method is None or method in scope.payment_methods)
        and (not scope.funds or not fund or fund.startswith(tuple(scope.funds)))
    )


@attrs.frozen
class Serving:
    """A group as it judges: a unit that a lower level has replaced is silent in its place."""

    group: UnitGroup
    silent: frozenset[int] = frozenset()
    """Positions of the replaced units."""

    @property
    def units(self) -> tuple[tuple[int, Unit], ...]:
        units = enumerate(self.group.units)
        return tuple((n, unit) for n, unit in units if n not in self.silent)

    def speaking(self, positions: Iterable[int]) -> list[Unit]:
        """The units at these positions but for the silent ones."""
        units, silent = self.group.units, self.silent
        return [units[position] for position in positions if position not in silent]


def grouped(units: Iterable[Unit]) -> Generator[None, None, tuple[UnitGroup, ...]]:
    """Units that always apply together share a function.

    A generator that pauses after each function compiled; what it returns are the groups.
    """
    rooms: dict[tuple[Scope, dt.date, dt.date | None], list[Unit]] = {}
    for number, unit in enumerate(units):
        if number % UNITS_A_STEP == 0:
            yield
        rooms.setdefault((unit.policy.scope, unit.first, unit.last), []).append(unit)
    found = []
    for room in rooms.values():
        together = [room[n] for n in neighbours([unit.condition for unit in room])]
        yield
        found.append((yield from _group(together)))
    return tuple(found)


def _group(units: Sequence[Unit]) -> Generator[None, None, UnitGroup]:
    run = yield from indexed([u.condition for u in units])
    windows = tuple((n, window) for n, unit in enumerate(units) for window in unit.windows)
    return UnitGroup(
        units=tuple(units),
        registers=frozenset().union(*(u.registers for u in units)),
        run=run,
        windows=windows,
        asked=group([w.asked for _, w in windows]) if windows else None,
        shared=group([w.where for _, w in windows]) if windows else None,
    )


def in_force(
    groups: Iterable[UnitGroup], division: str, voucher_type: str,
    method: PaymentMethod | None, fund: str | None, day: dt.date,
) -> tuple[Serving, ...]:  # fmt: skip
    """The groups that judge; where a lower level has replaced a policy, the lower one only."""
    found = [
        g
        for g in groups
        if g.units[0].in_force(day) and g.covers(division, voucher_type, method, fund)
    ]
    lowest: dict[str, int] = {}
    for unit in (unit for g in found for unit in g.units):
        depth = len(_level(unit))
        lowest[unit.policy.id] = max(depth, lowest.get(unit.policy.id, 0))
    return tuple(Serving(g, _replaced(g, lowest)) for g in found)


def _replaced(group: UnitGroup, lowest: Mapping[str, int]) -> frozenset[int]:
    return frozenset(
        n
        for n, unit in enumerate(group.units)
        if unit.policy.lower_levels_may is LowerLevels.REPLACE
        and len(_level(unit)) < lowest[unit.policy.id]
    )


def check_levels(units: Iterable[Unit]) -> Generator[None, None, None]:
    """Raises PolicyRefused where two documents of one id may not stand beside each other.

    A generator that pauses after each id.
    """
    namesakes: dict[str, list[Unit]] = {}
    for number, unit in enumerate(units):
        if number % UNITS_A_STEP == 0:
            yield
        namesakes.setdefault(unit.policy.id, []).append(unit)
    problems: list[Problem] = []
    for same in namesakes.values():
        for number, unit in enumerate(same):
            for other in same[number + 1 :]:
                if _overlap(unit, other):
                    problems += _level_problems(unit, other)
        yield
    if problems:
        raise PolicyRefused(problems)


def _overlap(one: Unit, other: Unit) -> bool:
    days = (one.last is None or other.first <= one.last) and (
        other.last is None or one.first <= other.last
    )
    upper, lower = _by_level(one, other)
    return days and _level(lower).startswith(_level(upper))


def _level_problems(one: Unit, other: Unit) -> list[Problem]:
    upper, lower = _by_level(one, other)
    above, below = upper.policy, lower.policy
    if _level(upper) == _level(lower):
        text = (f"{above.id} 同级同日重复", f"{above.id} stands there twice for the same days")
    elif above.lower_levels_may is LowerLevels.NONE:
        text = (f"上级不允许改动 {above.id}", f"the higher level allows no change of {above.id}")
    elif above.lower_levels_may is LowerLevels.REPLACE and below.law == above.law:
        text = ("替换上级规则须写明本级依据", "replacing a higher policy needs its own law")
    else:
        return []
    return [Problem(place=f"{below.place} / {above.place}", column=0, zh=text[0], en=text[1])]


def _by_level(one: Unit, other: Unit) -> tuple[Unit, Unit]:
    return (one, other) if len(_level(one)) <= len(_level(other)) else (other, one)


def _level(unit: Unit) -> str:
    return level(unit.policy.scope.division)

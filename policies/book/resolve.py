"""Which policies judge an instruction: division, day, voucher type and payment method resolved."""

import datetime as dt
from collections.abc import Iterable, Sequence

import attrs

from gateway.domain.codes import PaymentMethod, Register
from policies.book.document import LowerLevels, Scope
from policies.book.unit import Unit
from policies.language.errors import PolicyRefused, Problem
from policies.language.generate import Group, group

GROUP_UNITS_MAX = 40


@attrs.frozen(kw_only=True)
class UnitGroup:
    """Units of one scope and one stretch of days, compiled into one function."""

    units: tuple[Unit, ...]
    registers: frozenset[Register]
    run: Group

    def covers(self, division: str, voucher_type: str, method: PaymentMethod | None) -> bool:
        return applies(self.units[0].policy.scope, division, voucher_type, method)


def level(division: str) -> str:
    """A nine-digit division as its own level: 220000000 -> 22, 220100000 -> 2201, 220102000 ->
    220102; a part of a county (220102998) and a short spelling stay as they are.
    """
    short = division[:6] if len(division) == 9 and division.endswith("000") else division
    while len(short) in (4, 6) and short.endswith("00"):
        short = short[:-2]
    return short


def applies(
    scope: Scope, division: str, voucher_type: str, method: PaymentMethod | None
) -> bool:  # fmt: skip
    """An unstated payment method never puts an instruction out of a policy's reach."""
    return (
        level(division).startswith(level(scope.division))
        and (not scope.voucher_types or voucher_type in scope.voucher_types)
        and (not scope.payment_methods or method is None or method in scope.payment_methods)
    )


def grouped(units: Iterable[Unit]) -> tuple[UnitGroup, ...]:
    """Units that always apply together share a function, at most GROUP_UNITS_MAX of them."""
    rooms: dict[tuple[Scope, dt.date, dt.date | None], list[Unit]] = {}
    for unit in units:
        rooms.setdefault((unit.policy.scope, unit.first, unit.last), []).append(unit)
    found = []
    for together in rooms.values():
        for start in range(0, len(together), GROUP_UNITS_MAX):
            found.append(_group(together[start : start + GROUP_UNITS_MAX]))
    return tuple(found)


def _group(units: Sequence[Unit]) -> UnitGroup:
    return UnitGroup(
        units=tuple(units),
        registers=frozenset().union(*(u.registers for u in units)),
        run=group([u.condition for u in units]),
    )


def in_force(
    groups: Iterable[UnitGroup], division: str, voucher_type: str,
    method: PaymentMethod | None, day: dt.date,
) -> tuple[UnitGroup, ...]:  # fmt: skip
    """The groups that judge; where a lower level has replaced a policy, the lower one only."""
    found = [
        g for g in groups if g.units[0].in_force(day) and g.covers(division, voucher_type, method)
    ]
    units = [unit for g in found for unit in g.units]
    replaced = {id(unit) for unit in units if _is_replaced(unit, units)}
    if not replaced:
        return tuple(found)
    return grouped(unit for unit in units if id(unit) not in replaced)


def _is_replaced(unit: Unit, units: Sequence[Unit]) -> bool:
    if unit.policy.lower_levels_may is not LowerLevels.REPLACE:
        return False
    own = level(unit.policy.scope.division)
    return any(
        other.policy.id == unit.policy.id and len(level(other.policy.scope.division)) > len(own)
        for other in units
    )


def check_levels(units: Sequence[Unit]) -> None:
    """Raises PolicyRefused where two documents of one id may not stand beside each other."""
    problems = []
    for number, unit in enumerate(units):
        for other in units[number + 1 :]:
            if unit.policy.id == other.policy.id and _overlap(unit, other):
                problems += _level_problems(unit, other)
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

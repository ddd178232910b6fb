"""A division's registers as tables of packed rows, at one version; a delta gives the next one.

What is asked of the rows beside their keys is kept in indexes that change with them, so that
neither the first load nor a delta goes through rows that it does not touch twice.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

import attrs
import msgspec

from gateway.domain.codes import PayeeClass, Register
from gateway.domain.folding import bare
from gateway.domain.masking import plain_account
from gateway.domain.money import Fen
from gateway.domain.register_feed import (
    BLACKLIST,
    ROWS,
    VENDORS,
    Day,
    Listed,
    pack,
    plan_key,
)
from gateway.domain.registers import (
    Agency,
    FiledPerson,
    Filing,
    Index,
    Registers,
    Row,
    accounts_of,
    plainly,
    rules_of,
    services_of,
    vendors_of,
)
from gateway.domain.rows import KNOWN_MAX, Building, Rows

_APART = "\x1f"
"""Between the parts of an index's key: no text of a feed may hold it."""

Changes = Mapping[Register, Mapping[str, bytes]]
Number = Callable[[str], str]
"""The keyed hash that a person's row is found by."""

_DECODE: Mapping[Register, Callable[[bytes], Any]] = {
    register: msgspec.json.Decoder(row).decode for register, row in ROWS.items()
}
_owners = msgspec.json.Decoder(list[str]).decode


def _class_of(packed: bytes) -> PayeeClass:
    class_: PayeeClass = _DECODE[Register.PAYEE_CLASSES](packed).class_
    return class_


def _items_of(packed: bytes) -> frozenset[str]:
    return frozenset(_DECODE[Register.PROJECTS](packed).dept_economic_codes)


def _most_of(packed: bytes) -> Fen:
    most: Fen = _DECODE[Register.ALLOWANCE_STANDARDS](packed).per_person_fen
    return most


_READERS: Mapping[Register, Callable[[bytes], Any]] = {
    **_DECODE,
    Register.PAYEE_CLASSES: _class_of,
    Register.PROJECTS: _items_of,
    Register.ALLOWANCE_STANDARDS: _most_of,
}
"""What a look-up gives: the row, or what of it is asked."""


def _names_of(row: FiledPerson) -> Iterable[str]:
    return (bare(row.name),)


def _name_of(row: Agency) -> Iterable[str]:
    return (bare(row.name),)


def _rules_of(row: Filing) -> Iterator[str]:
    yield from map(_APART.join, rules_of(row))


def _services_of(row: Filing) -> Iterator[str]:
    yield from map(_APART.join, services_of(row))


_INDEXED: tuple[tuple[Register, Callable[[Any], Iterable[str]]], ...] = (
    (Register.PERSONS, accounts_of),
    (Register.PERSONS, _names_of),
    (Register.FILINGS, _rules_of),
    (Register.FILINGS, _services_of),
    (Register.AGENCIES, _name_of),
)
"""What the indexes are over, in the order of `Tables.owners`."""
_SPELT = (Register.ACCOUNTS, Register.PAYEE_CLASSES)
"""Whose keys are accounts, which may be written with hyphens; in the order of `Tables.spelt`."""


class _Owned:
    """Whether any row at all names this, by the texts that it is made of."""

    def __init__(self, owners: Rows[list[str]]) -> None:
        self._owners = owners

    def __contains__(self, named: object) -> bool:
        return (_APART.join(named) if isinstance(named, tuple) else named) in self._owners


class _Spelt(Mapping[str, Sequence[str]]):
    """By an account without hyphens: how it is written with some in any of the registers."""

    def __init__(self, registers: tuple[Rows[list[str]], ...]) -> None:
        self._registers = registers

    def __getitem__(self, plain: str) -> Sequence[str]:
        ways = {way for each in self._registers for way in each.get(plain) or ()}
        if not ways:
            raise KeyError(plain)
        return sorted(ways)

    def __iter__(self) -> Iterator[str]:
        return iter({plain for each in self._registers for plain in each})

    def __len__(self) -> int:
        """Counted by each register: what matters is whether it is none."""
        return sum(map(len, self._registers))


class _ByNumber(Mapping[str, FiledPerson]):
    """People by their number, though the rows know only its keyed hash."""

    def __init__(self, rows: Rows[FiledPerson], number: Number) -> None:
        self._rows = rows
        self._number = number

    def __getitem__(self, number: str) -> FiledPerson:
        return self._rows[self._number(number)]

    def __iter__(self) -> Iterator[str]:
        """Their keyed hashes: the numbers themselves are not here."""
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


class _Standards(Mapping[tuple[str, str], Fen]):
    """By agency and item."""

    def __init__(self, rows: Rows[Fen]) -> None:
        self._rows = rows

    def __getitem__(self, place: tuple[str, str]) -> Fen:
        return self._rows["/".join(place)]

    def get(self, place: tuple[str, str], default: Any = None, /) -> Any:
        return self._rows.get("/".join(place), default)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for key in self._rows:
            agency, _, item = key.rpartition("/")
            yield agency, item

    def __len__(self) -> int:
        return len(self._rows)


class _Planned(Mapping[str, tuple[int, ...]]):
    """By `plan_scope`, what its plan comes to up to each month: added up when asked for."""

    def __init__(self, plans: Rows[Any]) -> None:
        self._plans = plans
        self._known: dict[str, tuple[int, ...]] = {}

    def __getitem__(self, scope: str) -> tuple[int, ...]:
        planned = self._months(scope)
        if not planned:
            raise KeyError(scope)
        return planned

    def __contains__(self, scope: object) -> bool:
        return isinstance(scope, str) and bool(self._months(scope))

    def get(self, scope: str, default: Any = None, /) -> Any:
        return self._months(scope) or default

    def _months(self, scope: str) -> tuple[int, ...]:
        """Empty where nothing is planned; that is asked as often, and remembered as well."""
        known = self._known.get(scope)
        if known is None:
            plans = self._plans
            months = [plans.packed(plan_key(scope, month)) for month in range(1, 13)]
            amounts = [plans.read(packed).amount_fen if packed else 0 for packed in months]
            known = tuple(accumulate(amounts)) if any(months) else ()
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[scope] = known
        return known

    def __iter__(self) -> Iterator[str]:
        return iter({key.rpartition("/")[0] for key in self._plans})

    def __len__(self) -> int:
        return sum(1 for _ in self)


@attrs.frozen(kw_only=True)
class Tables:
    """Never changed in place; `changed` gives the tables after a delta."""

    rows: Mapping[Register, Rows[Any]]
    owners: tuple[Rows[list[str]], ...]
    """For each of `_INDEXED`: what a row names, with the keys of the rows that name it."""
    spelt: tuple[Rows[list[str]], ...]
    """For each of `_SPELT`: by an account without hyphens, the keys that are written with some."""
    blacklist: frozenset[str]
    vendors: frozenset[str]
    calendar: Mapping[dt.date, bool]

    @property
    def crowded(self) -> bool:
        return any(rows.crowded for rows in (*self.rows.values(), *self.owners, *self.spelt))

    def changed(self, puts: Changes, gone: Mapping[Register, Collection[str]]) -> "Tables":
        """Costs what is changed. A key both gone and put is put."""
        rows = dict(self.rows)
        for register in puts.keys() | gone.keys():
            rows[register] = rows[register].changed(puts.get(register, {}), gone.get(register, ()))
        owners = tuple(
            _owners_after(index, names, self.rows[register], puts.get(register, {}),
                          gone.get(register, ()))
            for index, (register, names) in zip(self.owners, _INDEXED, strict=True)
        )  # fmt: skip
        spelt = tuple(
            _spelt_after(index, puts.get(register, {}), gone.get(register, ()))
            for index, register in zip(self.spelt, _SPELT, strict=True)
        )
        small = Register.LISTS in puts.keys() | gone.keys()
        days = Register.CALENDAR in puts.keys() | gone.keys()
        return Tables(
            rows=rows,
            owners=owners,
            spelt=spelt,
            blacklist=_listed(rows, BLACKLIST) if small else self.blacklist,
            vendors=_listed(rows, VENDORS) if small else self.vendors,
            calendar=_days(rows) if days else self.calendar,
        )

    def registers(
        self, division: str, version: int, as_of: dt.datetime,
        ages: Mapping[Register, dt.datetime], number: Number,
    ) -> Registers:  # fmt: skip
        """What the line asks, over these tables. `number` is the vault's keyed hash."""
        rows = self.rows
        persons, names, rules, services = map(_Owned, self.owners[:-1])
        return Registers(
            division=division, version=version, as_of=as_of, ages=ages,
            agencies=rows[Register.AGENCIES], accounts=rows[Register.ACCOUNTS],
            indicators=rows[Register.INDICATORS], plans=rows[Register.PLANS].values(),
            persons=_ByNumber(rows[Register.PERSONS], number),
            payee_classes=rows[Register.PAYEE_CLASSES], contracts=rows[Register.CONTRACTS],
            approvals=rows[Register.APPROVALS], filings=rows[Register.FILINGS],
            three_public_budgets=rows[Register.THREE_PUBLIC_BUDGETS].values(),
            blacklist_accounts=self.blacklist, designated_vendors=self.vendors,
            calendar=self.calendar, codes=rows[Register.CODES],
            project_items=rows[Register.PROJECTS],
            allowance_standards=_Standards(rows[Register.ALLOWANCE_STANDARDS]),
            indexed=Index(
                rules_filed=rules, services_filed=services, persons_accounts=persons,
                person_names=names, agencies_named=self.owners[-1],
                planned_fen=_Planned(rows[Register.PLANS]),
                three_public=rows[Register.THREE_PUBLIC_BUDGETS], barred=plainly(self.blacklist),
                vendors=vendors_of(self.vendors), spelt=_Spelt(self.spelt),
            ),
        )  # fmt: skip


class TablesBuilding:
    """Takes rows one by one, in any order; `expected` says how many of each will come."""

    def __init__(self, expected: Mapping[Register, int]) -> None:
        self._rows = {
            register: Building(expected.get(register, 0), _READERS[register])
            for register in Register
        }
        self._names: tuple[dict[str, list[str]], ...] = tuple({} for _ in _INDEXED)
        self._spelt: dict[Register, dict[str, list[str]]] = {each: {} for each in _SPELT}

    def add(self, register: Register, key: str, packed: bytes) -> None:
        self.adding(register)(key, packed)

    def adding(self, register: Register) -> Callable[[str, bytes], None]:
        """What takes the rows of one register, key and packed: at start there may be a million."""
        add, read = self._rows[register].add, _DECODE[register]
        spelt = self._spelt.get(register)
        if spelt is not None:
            return _adding_spelt(add, spelt)
        indexes = [
            (names, named)
            for names, (indexed, named) in zip(self._names, _INDEXED, strict=True)
            if indexed is register
        ]

        def add_indexed(key: str, packed: bytes) -> None:
            add(key, packed)
            row = read(packed)
            for names, named in indexes:
                for name in set(named(row)):
                    names.setdefault(name, []).append(key)

        return add_indexed if indexes else add

    def done(self) -> Tables:
        rows = {register: building.done() for register, building in self._rows.items()}
        return Tables(
            rows=rows, owners=tuple(map(_owned, self._names)),
            spelt=tuple(map(_owned, self._spelt.values())), blacklist=_listed(rows, BLACKLIST),
            vendors=_listed(rows, VENDORS), calendar=_days(rows),
        )  # fmt: skip


def _adding_spelt(
    add: Callable[[str, bytes], None], spelt: dict[str, list[str]]
) -> Callable[[str, bytes], None]:
    """Looks at the key alone: no row need be read."""

    def add_spelt(key: str, packed: bytes) -> None:
        add(key, packed)
        if "-" in key:
            spelt.setdefault(plain_account(key), []).append(key)

    return add_spelt


def _owned(names: Mapping[str, list[str]]) -> Rows[list[str]]:
    building: Building[list[str]] = Building(len(names), _owners)
    for name, keys in names.items():
        building.add(name, pack(keys))
    return building.done()


def _owners_after(
    index: Rows[list[str]], named: Callable[[Any], Iterable[str]], before: Rows[Any],
    puts: Mapping[str, bytes], gone: Collection[str],
) -> Rows[list[str]]:  # fmt: skip
    if not puts and not gone:
        return index
    touched: dict[str, list[str]] = {}

    def keys_of(name: str) -> list[str]:
        if name not in touched:
            touched[name] = list(index.get(name) or ())
        return touched[name]

    for key in {*gone, *puts}:
        old = before.get(key)
        for name in set(named(old)) if old is not None else ():
            keys_of(name).remove(key)
    for key, packed in puts.items():
        for name in set(named(before.read(packed))):
            keys_of(name).append(key)
    kept = {name: pack(keys) for name, keys in touched.items() if keys}
    return index.changed(kept, touched.keys() - kept.keys())


def _spelt_after(
    index: Rows[list[str]], puts: Mapping[str, bytes], gone: Collection[str]
) -> Rows[list[str]]:
    touched: dict[str, set[str]] = {}
    for key in {*gone, *puts}:
        if "-" in key:
            plain = plain_account(key)
            ways = touched.setdefault(plain, set(index.get(plain) or ()))
            (ways.add if key in puts else ways.discard)(key)
    kept = {plain: pack(sorted(ways)) for plain, ways in touched.items() if ways}
    return index.changed(kept, touched.keys() - kept.keys()) if touched else index


def _listed(rows: Mapping[Register, Rows[Any]], name: str) -> frozenset[str]:
    entries: Iterable[Listed] = rows[Register.LISTS].values()
    return frozenset(entry.value for entry in entries if entry.list == name)


def _days(rows: Mapping[Register, Rows[Any]]) -> Mapping[dt.date, bool]:
    days: Iterable[Day] = rows[Register.CALENDAR].values()
    return {day.date: day.is_workday for day in days}


def row_of(register: Register, packed: bytes) -> Row:
    row: Row = _DECODE[register](packed)
    return row

"""Reads the bureau's feed of registers, snapshot or delta, row by row and all errors at once.

The shape is `contract/registers.json`. In a delta each row has `"op": "put" | "remove"`; a row to
remove says its key and may say the rest. A delta may leave lists out: it says nothing of them.
"""

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from adapters.formats.json.tree import tree_of
from adapters.formats.json.walk import Findings, errors_of
from adapters.formats.registers.division import KEYS, typed
from adapters.formats.registers.shape import (
    AccountRow,
    AgencyRow,
    AllowanceRow,
    ApprovalRow,
    CalendarRow,
    CodeRow,
    ContractRow,
    FilingRow,
    IndicatorRow,
    ListsRow,
    PayeeClassRow,
    PersonRow,
    PlanRow,
    ProjectRow,
    RegistersFile,
    Row,
    ThreePublicRow,
)
from adapters.formats.text_safety import plain, refused_in
from gateway.domain.codes import Register
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.legal_day import of_our_times
from gateway.domain.register_feed import (
    LISTS,
    ROWS,
    Conceal,
    FeedKind,
    Listed,
    RegisterFeed,
    pack,
    packed,
    plan_key,
)
from gateway.domain.registers import plan_scope

STEP_ROWS = 200
"""After so many rows the reader lets others work: one to two milliseconds."""

Operation = Literal["put", "remove"]

SHAPES: Mapping[Register, type[Row]] = {
    Register.AGENCIES: AgencyRow,
    Register.ACCOUNTS: AccountRow,
    Register.INDICATORS: IndicatorRow,
    Register.PLANS: PlanRow,
    Register.PERSONS: PersonRow,
    Register.PAYEE_CLASSES: PayeeClassRow,
    Register.CONTRACTS: ContractRow,
    Register.APPROVALS: ApprovalRow,
    Register.FILINGS: FilingRow,
    Register.THREE_PUBLIC_BUDGETS: ThreePublicRow,
    Register.PROJECTS: ProjectRow,
    Register.ALLOWANCE_STANDARDS: AllowanceRow,
    Register.CALENDAR: CalendarRow,
    Register.CODES: CodeRow,
}
OPTIONAL = frozenset({Register.PROJECTS, Register.ALLOWANCE_STANDARDS, Register.CODES})
"""A snapshot may leave these out: then there are none."""
"""Lists are texts, not rows, and stand apart."""


class _Frame(Struct, forbid_unknown_fields=True):
    """A feed with its rows still unread."""

    division: Any = UNSET
    as_of: Any = UNSET
    version: Any = UNSET
    agencies: list[Raw] | UnsetType = UNSET
    accounts: list[Raw] | UnsetType = UNSET
    indicators: list[Raw] | UnsetType = UNSET
    plans: list[Raw] | UnsetType = UNSET
    persons: list[Raw] | UnsetType = UNSET
    payee_classes: list[Raw] | UnsetType = UNSET
    contracts: list[Raw] | UnsetType = UNSET
    approvals: list[Raw] | UnsetType = UNSET
    filings: list[Raw] | UnsetType = UNSET
    three_public_budgets: list[Raw] | UnsetType = UNSET
    projects: list[Raw] | UnsetType = UNSET
    allowance_standards: list[Raw] | UnsetType = UNSET
    lists: Raw | UnsetType = UNSET
    calendar: list[Raw] | UnsetType = UNSET
    codes: list[Raw] | UnsetType = UNSET


class _Head(Struct, kw_only=True):
    """What stands before the rows."""

    division: Annotated[str, Meta(pattern="^[0-9]{9}$")]
    as_of: Annotated[dt.datetime, Meta(tz=True)]
    version: Annotated[int, Meta(ge=1, le=2**53)]


class _Op(Struct):
    op: str | UnsetType = UNSET


class ListEntry(Row, kw_only=True):
    """In a delta, one entry of a list is a row as well."""

    op: Operation
    value: Annotated[str, Meta(min_length=1, max_length=64)]


class _ListChanges(Row, kw_only=True):
    blacklist_accounts: list[ListEntry]
    designated_vendors: list[ListEntry]


_frame = msgspec.json.Decoder(_Frame)
_op = msgspec.json.Decoder(_Op)


class FeedReading:
    """Reads one feed step by step; `result` once `steps` has come to its end."""

    def __init__(self, raw: bytes, conceal: Conceal) -> None:
        self._raw = raw
        self._conceal = conceal
        self._found = Findings()
        self._puts: dict[Register, dict[str, bytes]] = {}
        self._gone: dict[Register, dict[str, str]] = {}
        self._kind = FeedKind.SNAPSHOT
        self.total = 0
        """Rows, known after the first step."""

    def steps(self) -> Iterator[int]:
        """How many rows are read so far, every STEP_ROWS of them; the caller may pause.

        Raises Unreadable with the place of every error, rows counted from 0
        (`accounts[2].class`).
        """
        frame = self._open()
        head = self._head(frame)
        lists: dict[Register, list[Raw]] = {
            register: rows for register in SHAPES if (rows := getattr(frame, register)) is not UNSET
        }
        self.total = sum(map(len, lists.values()))
        self._kind = _kind_of(self._raw, frame, lists)
        yield 0
        done = 0
        for register, rows in lists.items():
            self._puts[register], self._gone[register] = {}, {}
            read = self._reader(register)
            for index, row in enumerate(rows):
                read(index, row)
                done += 1
                if done % STEP_ROWS == 0:
                    yield done
            rows.clear()
        self._lists(frame)
        self._missing(frame)
        self._refuse_if_wrong()
        self.result = RegisterFeed(
            division=head.division, version=head.version, as_of=head.as_of.astimezone(dt.UTC),
            kind=self._kind, digest=hashlib.sha256(self._raw).digest(),
            spoken=frozenset(self._puts), puts=self._puts, gone=self._gone,
        )  # fmt: skip

    def _open(self) -> _Frame:
        try:
            frame = _frame.decode(self._raw)
        except (ValueError, RecursionError):
            tree = tree_of(self._raw)
            self._found += _of_frame(errors_of(tree, RegistersFile))
            self._refuse_if_wrong()
            raise Unreadable(FaultCode.INSTRUCTION_INVALID, "not a feed of registers") from None
        self._safe = plain(self._raw)
        names = sum(1 for name in _Frame.__struct_fields__ if getattr(frame, name) is not UNSET)
        if _top_level_names(self._raw, frame) != names:
            # Some name stands twice; the slow reading says which.
            self._found += _of_frame(errors_of(tree_of(self._raw), RegistersFile))
            self._refuse_if_wrong()
        return frame

    def _head(self, frame: _Frame) -> _Head:
        fields = {
            name: getattr(frame, name)
            for name in ("division", "as_of", "version")
            if getattr(frame, name) is not UNSET
        }
        try:
            head = msgspec.convert(fields, _Head)
            if of_our_times(head.as_of):
                return head
            raise ValueError("as_of: at an end of the calendar")
        except ValueError:
            self._found += [
                error
                for error in errors_of(tree_of(msgspec.json.encode(fields)), RegistersFile)
                if error.field in ("division", "as_of", "version")
            ]
            self._refuse_if_wrong()
            raise

    def _reader(self, register: Register) -> Callable[[int, Raw], None]:
        """Reads and keeps one row of this register."""
        shape, domain = _shape(register, self._kind), ROWS[register]
        decode = msgspec.json.Decoder(shape).decode
        keys, delta = KEYS[register.value], self._kind is FeedKind.DELTA

        def read(index: int, raw: Raw) -> None:
            if delta and _is_removal(raw):
                self._remove(register, index, raw)
                return
            try:
                row = decode(raw)
            except (ValueError, RecursionError):
                self._explain(f"{register}[{index}]", bytes(raw), shape)
                return
            encoded = msgspec.json.encode(row)
            doubtful = not self._safe or bytes(raw).count(b'"') != encoded.count(b'"')
            if doubtful and self._explain(f"{register}[{index}]", bytes(raw), shape):
                return
            self._keep(register, f"{register}[{index}]", typed(domain, row), keys[0])

        return read

    def _keep(self, register: Register, place: str, row: Any, named: str) -> None:
        key, body = packed(register, row, self._conceal)
        puts = self._puts[register]
        if key in puts or key in self._gone[register]:
            self._found.note(
                f"{place}.{named}", "repeated", "与前面的行重复", "is the key of an earlier row"
            )
        elif refused_in(key):
            self._found.note(f"{place}.{named}", "text", "含有控制字符", "has control characters")
        puts[key] = body

    def _remove(self, register: Register, index: int, raw: Raw) -> None:
        """By its key alone: what else the row says is what it said."""
        place, shape = f"{register}[{index}]", _shape(register, FeedKind.DELTA)
        tree = tree_of(bytes(raw))
        wrong = [
            error for error in errors_of(tree, shape)
            if error.code != "required" or error.field in KEYS[register.value]
        ]  # fmt: skip
        for error in wrong:
            self._found.note(f"{place}.{error.field}", error.code, error.zh, error.en)
        if wrong:
            return
        key = self._key_of(register, tree)
        if key in self._gone[register] or key in self._puts[register]:
            self._found.note(
                f"{place}.{KEYS[register.value][0]}", "repeated", "与前面的行重复",
                "is the key of an earlier row",
            )  # fmt: skip
        self._gone[register][key] = place

    def _key_of(self, register: Register, tree: Mapping[str, Any]) -> str:
        if register is Register.PERSONS:
            return self._conceal(typed_person(tree["id_number"]))[0]
        if register is Register.PLANS:
            scope = plan_scope(tree["indicator_id"], tree.get("payment_method"))
            return plan_key(scope, tree["month"])
        return "/".join(str(tree.get(name) or "") for name in KEYS[register.value])

    def _lists(self, frame: _Frame) -> None:
        if frame.lists is UNSET:
            return
        puts = self._puts.setdefault(Register.LISTS, {})
        gone = self._gone.setdefault(Register.LISTS, {})
        shape = _ListChanges if self._kind is FeedKind.DELTA else ListsRow
        raw = bytes(frame.lists)
        try:
            lists: Any = msgspec.json.decode(raw, type=shape)
        except (ValueError, RecursionError):
            self._explain("lists", raw, shape)
            return
        if not self._safe and self._explain("lists", raw, shape):
            return
        for name in LISTS:
            for index, entry in enumerate(getattr(lists, name)):
                value = entry if isinstance(entry, str) else entry.value
                key = f"{name}/{value}"
                if isinstance(entry, ListEntry) and entry.op == "remove":
                    gone[key] = f"lists.{name}[{index}]"
                else:
                    puts[key] = pack(Listed(list=name, value=value))

    def _missing(self, frame: _Frame) -> None:
        """A snapshot speaks of everything."""
        if self._kind is FeedKind.DELTA:
            return
        for name in _Frame.__struct_fields__[3:]:
            if Register(name) in OPTIONAL:
                self._puts.setdefault(Register(name), {})
            elif getattr(frame, name) is UNSET:
                self._found.note(name, "required", "缺少必填字段", "is required")

    def _explain(self, place: str, raw: bytes, shape: type[Struct]) -> bool:
        """Read slowly and exactly; whether anything is wrong."""
        before = len(self._found)
        for error in errors_of(tree_of(raw), shape):
            where = f"{place}.{error.field}" if error.field else place
            self._found.note(where, error.code, error.zh, error.en)
        return len(self._found) > before

    def _refuse_if_wrong(self) -> None:
        found = self._found
        if found:
            duplicate = any(error.code == "duplicate" for error in found)
            code = FaultCode.FIELD_DUPLICATE if duplicate else FaultCode.INSTRUCTION_INVALID
            detail = f"the registers have {len(found)} error(s) (备案信息有 {len(found)} 处错误)"
            raise Unreadable(code, detail, tuple(found))


def _of_frame(errors: Findings) -> list[FieldError]:
    """Less what only a snapshot must have, and what only a delta may."""
    return [
        error
        for error in errors
        if not (error.code == "unknown" and error.field.endswith(".op"))
        and not (error.code == "required" and error.field in set(Register))
    ]


def read_feed(raw: bytes, conceal: Conceal) -> RegisterFeed:
    """All of it at once. Raises Unreadable."""
    reading = FeedReading(raw, conceal)
    for _ in reading.steps():
        pass
    return reading.result


def typed_person(number: str) -> Any:
    return ROWS[Register.PERSONS](
        id_number=number, name="", employer="", position="", title="", accounts=(),
        official_cards=(),
    )  # fmt: skip


@cache
def _shape(register: Register, kind: FeedKind) -> type[Row]:
    """In a delta, a row says what to do with it."""
    shape = SHAPES[register]
    if kind is FeedKind.SNAPSHOT:
        return shape
    change: Any = msgspec.defstruct(
        f"{shape.__name__}Change", [("op", Operation)], bases=(shape,), kw_only=True,
        forbid_unknown_fields=True,
    )  # fmt: skip
    return change  # type: ignore[no-any-return]


def _kind_of(raw: bytes, frame: _Frame, lists: Mapping[Register, list[Raw]]) -> FeedKind:
    """A delta if any row says what to do with it, or if there is no row and not every list."""
    if b'"op"' in raw:
        return FeedKind.DELTA
    whole = lists.keys() | OPTIONAL == SHAPES.keys() and frame.lists is not UNSET
    return FeedKind.SNAPSHOT if whole or any(lists.values()) else FeedKind.DELTA


def _peek(raw: Raw) -> object:
    try:
        return _op.decode(raw).op
    except (ValueError, RecursionError):
        return UNSET


def _is_removal(raw: Raw) -> bool:
    return _peek(raw) == "remove"


def _top_level_names(raw: bytes, frame: _Frame) -> int:
    """How many members the document itself has, by the quotes that its lists do not hold."""
    within = 0
    for name in _Frame.__struct_fields__[3:]:
        value = getattr(frame, name)
        if value is UNSET:
            continue
        within += (
            bytes(value).count(b'"')
            if isinstance(value, Raw)
            else sum(bytes(row).count(b'"') for row in value)
        )
    texts = sum(isinstance(value, str) for value in (frame.division, frame.as_of, frame.version))
    return (raw.count(b'"') - within) // 2 - texts

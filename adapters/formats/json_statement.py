"""What the bank says of its own books in JSON: statements that it signs, pages that we ask for.

A movement's `instruction` is the identity as text, `220000000/2026/8202/101001-1`, or null.
"""

import datetime as dt
import re
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from adapters.formats.json.shape import Amount
from adapters.formats.json.tree import tree_of
from adapters.formats.json.walk import Findings, errors_of
from adapters.formats.registers.shape import AccountNo, Key, Row, Text
from adapters.formats.text_safety import plain
from gateway.domain.conduct import (
    AccountTask,
    BankEntry,
    ClearingTotal,
    Direction,
    Statement,
    TaskKind,
)
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import of_our_times
from gateway.domain.money import fen

ENTRIES_MAX = 20_000

_IDENTITY = re.compile(r"([0-9]{9})/(20[0-9]{2})/([0-9]{4})/([0-9A-Za-z-]{1,42})", re.ASCII)
_Division = Annotated[
    str,
    Meta(
        pattern="^[0-9]{9}$",
        extra={"zh": "应为九位数字的行政区划代码", "en": "must be a division code of nine digits"},
    ),
]
_Identity = Annotated[
    str,
    Meta(
        pattern="^[0-9]{9}/20[0-9]{2}/[0-9]{4}/[0-9A-Za-z-]{1,42}$",
        extra={
            "zh": "应为 区划/年度/凭证类型/凭证号",
            "en": "must be division/year/voucher type/voucher number",
        },
    ),
]
_Moment = Annotated[dt.datetime, Meta(tz=True)]


class EntryRow(Row, kw_only=True):
    division: _Division | UnsetType = UNSET
    id: Key
    booked_at: _Moment
    account: AccountNo
    direction: Direction
    amount: Amount
    instruction: _Identity | None
    reference: Text
    counter_account: Text
    counter_name: Text


class ClearingRow(Row, kw_only=True):
    day: dt.date
    account: AccountNo
    voucher_no: Key
    amount: Amount


class TaskRow(Row, kw_only=True):
    id: Key
    kind: TaskKind
    agency: Key
    account: AccountNo
    asked_on: dt.date
    done_on: dt.date | None = None


class StatementFile(Row, kw_only=True):
    division: _Division
    statement_id: Key
    entries: Annotated[list[EntryRow], Meta(max_length=ENTRIES_MAX)] = msgspec.field(
        default_factory=list
    )
    clearing: Annotated[list[ClearingRow], Meta(max_length=ENTRIES_MAX)] = msgspec.field(
        default_factory=list
    )
    account_tasks: Annotated[list[TaskRow], Meta(max_length=ENTRIES_MAX)] = msgspec.field(
        default_factory=list
    )


class Page(Row, kw_only=True):
    after: Annotated[str, Meta(max_length=64)] | None
    entries: Annotated[list[EntryRow], Meta(max_length=ENTRIES_MAX)]


_File = TypeVar("_File", StatementFile, Page)


def read_statement(raw: bytes) -> tuple[str, Statement]:
    """The division and the statement. Raises Unreadable with every error and its place."""
    file = _decoded(raw, StatementFile)
    found = Findings()
    for index, row in enumerate(file.entries):
        if row.division not in (UNSET, file.division):
            found.note(
                f"entries[{index}].division", "contradiction", "与对账单的区划不一致",
                "is not the statement's division",
            )  # fmt: skip
    _of_our_times(file.entries, found)
    _each_once([row.id for row in file.entries], "entries", found)
    _each_once([row.id for row in file.account_tasks], "account_tasks", found)
    _refuse(found)
    return file.division, Statement(
        id=file.statement_id,
        entries=tuple(_entry(row, file.division) for row in file.entries),
        clearing=tuple(_clearing(row, file.division) for row in file.clearing),
        tasks=tuple(_task(row, file.division) for row in file.account_tasks),
    )


def read_page(raw: bytes) -> tuple[list[BankEntry], str | None]:
    """Movements, each with its own division, and the cursor after them. Raises Unreadable."""
    page = _decoded(raw, Page)
    found = Findings()
    for index, row in enumerate(page.entries):
        if row.division is UNSET:
            found.note(f"entries[{index}].division", "required", "必填", "is required")
    _of_our_times(page.entries, found)
    _refuse(found)
    return [_entry(row, str(row.division)) for row in page.entries], page.after


def _decoded(raw: bytes, shape: type[_File]) -> _File:
    try:
        file = msgspec.json.decode(raw, type=shape)
        whole = plain(raw) and raw.count(b'"') == msgspec.json.encode(file).count(b'"')
    except (ValueError, RecursionError) as cause:
        _refuse(errors_of(tree_of(raw), shape))
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, str(cause)) from cause
    if not whole:
        _refuse(errors_of(tree_of(raw), shape))
    return file


def _refuse(found: Findings) -> None:
    if found:
        duplicate = any(error.code == "duplicate" for error in found)
        code = FaultCode.FIELD_DUPLICATE if duplicate else FaultCode.INSTRUCTION_INVALID
        detail = f"the statement has {len(found)} error(s) (对账单有 {len(found)} 处错误)"
        raise Unreadable(code, detail, tuple(found))


def _of_our_times(rows: list[EntryRow], found: Findings) -> None:
    for index, row in enumerate(rows):
        if not of_our_times(row.booked_at):
            found.note(
                f"entries[{index}].booked_at",
                "range",
                "不是真实的记账时间",
                "is no time of booking",
            )


def _each_once(ids: list[str], name: str, found: Findings) -> None:
    seen: set[str] = set()
    for index, id in enumerate(ids):
        if id in seen:
            found.note(f"{name}[{index}].id", "repeated", "与前面的行重复", "stands twice")
        seen.add(id)


def _entry(row: EntryRow, division: str) -> BankEntry:
    return BankEntry(
        division=division, id=row.id, booked_at=row.booked_at.astimezone(dt.UTC),
        account=row.account, direction=row.direction, amount_fen=fen(row.amount),
        key=_key(row.instruction), reference=row.reference,
        counter_account=row.counter_account, counter_name=row.counter_name,
    )  # fmt: skip


def _key(text: str | None) -> InstructionKey | None:
    match = _IDENTITY.fullmatch(text or "")
    if match is None:
        return None
    return InstructionKey(
        division=match[1], fiscal_year=int(match[2]), voucher_type=match[3], voucher_no=match[4]
    )


def _clearing(row: ClearingRow, division: str) -> ClearingTotal:
    return ClearingTotal(
        division=division, day=row.day, account=row.account, voucher_no=row.voucher_no,
        amount_fen=fen(row.amount),
    )  # fmt: skip


def _task(row: TaskRow, division: str) -> AccountTask:
    return AccountTask(
        division=division, id=row.id, kind=row.kind, agency=row.agency, account=row.account,
        asked_on=row.asked_on, done_on=row.done_on,
    )  # fmt: skip

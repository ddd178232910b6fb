"""Writing one feed of registers within a transaction: its rows, and the limits that they grant."""

from collections.abc import Iterable, Iterator
from typing import Any

from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.codes import PaymentMethod, Register
from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.ledger import LimitKey, LimitKind
from gateway.domain.limits import limits_of, spelled
from gateway.domain.register_feed import FeedKind, RegisterFeed, plan_key
from gateway.domain.register_tables import row_of
from gateway.domain.registers import Row, plan_scope

_SQL = statements("registers")
_LIMITED = (
    Register.INDICATORS, Register.PLANS, Register.CONTRACTS, Register.APPROVALS,
    Register.THREE_PUBLIC_BUDGETS,
)  # fmt: skip
_MONTHS = range(1, 13)
_METHODS = (None, *PaymentMethod)

Key = tuple[str, str]
"""Of a limit line: kind, id."""


async def stage(connection: Connection, feed: RegisterFeed) -> None:
    def rows() -> Iterator[tuple[str, str, bytes | None]]:
        for register, bodies in feed.puts.items():
            for key, body in bodies.items():
                yield register.value, key, body
        for register, keys in feed.gone.items():
            for key in keys:
                yield register.value, key, None

    await connection.execute(_SQL["go_through"])
    await connection.execute(_SQL["stage"])
    await connection.copy_records_to_table(
        "staged", records=rows(), columns=("register", "key", "body")
    )
    await connection.execute(_SQL["count_staged"])


async def put_rows(connection: Connection, feed: RegisterFeed) -> None:
    at = feed.division, feed.version
    if feed.kind is FeedKind.DELTA:
        missing = await connection.fetch(_SQL["not_there"], feed.division)
        if missing:
            raise Unreadable(
                FaultCode.FEED_INVALID, "rows to remove are not there; nothing was applied",
                tuple(_not_there(feed, row) for row in missing),
            )  # fmt: skip
        await connection.execute(_SQL["end_by_delta"], *at)
    else:
        await connection.execute(_SQL["end_by_snapshot"], *at)
    await connection.execute(_SQL["put_rows"], *at)


def _not_there(feed: RegisterFeed, row: Any) -> FieldError:
    return FieldError(
        field=feed.gone[Register(row["register"])][row["key"]], code="unknown_row",
        zh="要删除的行不存在", en="is to be removed and is not there",
    )  # fmt: skip


async def put_limits(connection: Connection, feed: RegisterFeed) -> tuple[str, ...]:
    """Lines of what the feed says; what it takes away is granted nothing. The withdrawn ones."""
    division = feed.division
    rows = {register: dict(feed.puts.get(register, {})) for register in _LIMITED}
    if feed.kind is FeedKind.DELTA:
        touched = _indicators(feed)
        rows[Register.INDICATORS] = await standing(
            connection, division, Register.INDICATORS, touched
        )
        scopes = [plan_scope(id, method) for id in touched for method in _METHODS]
        plans = [plan_key(scope, month) for scope in scopes for month in _MONTHS]
        rows[Register.PLANS] = await standing(connection, division, Register.PLANS, plans)
    lines = limits_of(
        {register: _read(register, bodies.values()) for register, bodies in rows.items()}
    )
    kinds, ids = [line.key.kind for line in lines], [line.key.id for line in lines]
    if feed.kind is FeedKind.DELTA:
        gone = sorted(_concerned(feed) - set(zip(kinds, ids, strict=True)))
    else:
        others = await connection.fetch(_SQL["other_lines"], division, kinds, ids)
        gone = sorted((row["kind"], row["id"]) for row in others)
    granted = [line.granted_fen for line in lines], [line.frozen_fen for line in lines]
    taken = [kind for kind, _ in gone], [id for _, id in gone]
    if gone:
        await connection.execute(_SQL["lock_lines"], division, kinds, ids, *granted, *taken)
    await connection.execute(
        _SQL["put_lines"], division, kinds, ids, *granted, [line.opening_fen for line in lines]
    )
    withdrawn = await connection.fetch(_SQL["withdraw_lines"], division, *taken)
    keys = sorted(LimitKey(kind=LimitKind(row["kind"]), id=row["id"]) for row in withdrawn)
    return tuple(map(spelled, keys))


def _indicators(feed: RegisterFeed) -> list[str]:
    """Indicators whose own row or plan the delta touches."""
    named = _touched(feed, Register.INDICATORS)
    planned = {_indicator_of(key) for key in _touched(feed, Register.PLANS)}
    return sorted(named | planned)


def _indicator_of(plan: str) -> str:
    scope = plan.rpartition("/")[0]
    indicator, _, method = scope.rpartition("/")
    return indicator if method in set(PaymentMethod) else scope


def _concerned(feed: RegisterFeed) -> set[Key]:
    """Every line that a delta may have changed."""
    kinds = {
        Register.CONTRACTS: LimitKind.CONTRACT,
        Register.APPROVALS: LimitKind.APPROVAL,
        Register.THREE_PUBLIC_BUDGETS: LimitKind.THREE_PUBLIC,
    }
    found: set[Key] = {
        (kind, id) for id in _indicators(feed) for kind in (LimitKind.INDICATOR, LimitKind.PLAN)
    }
    found |= {
        (LimitKind.PLAN, plan_scope(id, method))
        for id in _indicators(feed) for method in PaymentMethod
    }  # fmt: skip
    for register, kind in kinds.items():
        found |= {(kind, key) for key in _touched(feed, register)}
    return found


def _touched(feed: RegisterFeed, register: Register) -> set[str]:
    return feed.puts.get(register, {}).keys() | feed.gone.get(register, {}).keys()


async def standing(
    connection: Connection, division: str, register: Register, keys: list[str]
) -> dict[str, bytes]:
    if not keys:
        return {}
    rows = await connection.fetch(_SQL["standing_rows"], division, register.value, keys)
    return {row["key"]: row["body"] for row in rows}


def _read(register: Register, bodies: Iterable[bytes]) -> list[Row]:
    return [row_of(register, body) for body in bodies]

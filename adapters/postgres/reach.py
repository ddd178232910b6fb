"""Reaching PostgreSQL: each of its hosts in turn; where none answers, one line says what was tried.

Of several hosts the first that takes writes is chosen, so that a promoted standby is found where
the primary was lost (docs/runbooks/database-failover.md).
"""

import socket
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import attrs
from asyncpg.connect_utils import SessionAttribute

from gateway.domain.faults import DatabaseUnreached

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
_Connection = TypeVar("_Connection")

PORT = "5432"
PORTS = range(1, 65536)
GONE_AFTER_S = 15
_TOLD_WHEN_GONE = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): GONE_AFTER_S // 3,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): GONE_AFTER_S // 3,
    (socket.IPPROTO_TCP, "TCP_KEEPCNT"): 2,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): GONE_AFTER_S * 1000,
}
"""As far as the system knows them."""
_BARE = (
    "in a database's address write what a password holds of / ? # @ : as %2F %3F %23 %40 %3A"
    " (口令中的特殊字符须转义)"
)
_TRANSIENT = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@attrs.frozen(kw_only=True)
class Address:
    """What a DSN says, without its password."""

    hosts: tuple[tuple[str, str], ...]
    """Host and port of each; empty where the DSN names none."""
    database: str
    user: str
    chooses: bool
    """Whether it says itself which of several servers is meant (`target_session_attrs`)."""

    def __str__(self) -> str:
        who = f" as {self.user}" if self.user else ""
        return f"no connection to the database {self.database}{who}".replace("  ", " ")


def address_of(dsn: str) -> Address:
    """Raises ValueError: not an address at all. Of its text nothing is said: a password with a bare
    slash is read as host, port and database, and would be told as these."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("a database's address begins with postgresql://")
    behind = parts.path + parts.fragment + ("" if "@" in parts.netloc else parts.query)
    if "@" in behind or parts.fragment:
        raise ValueError(_BARE)
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user, _, place = parts.netloc.rpartition("@")
    return Address(
        hosts=tuple(_hosts(place, asked)),
        database=unquote(parts.path.lstrip("/")) or asked.get("dbname", asked.get("database", "")),
        user=unquote(user.partition(":")[0]) or asked.get("user", ""),
        chooses="target_session_attrs" in asked,
    )


async def connect(
    dsn: str, *, deadline_s: float, settings: dict[str, str] | None = None
) -> Connection:
    """Raises DatabaseUnreached where nothing listens or answers, whatever else the driver raises
    otherwise; within `deadline_s`, of which each of several hosts has its part."""
    try:
        address = address_of(dsn)
    except ValueError as error:
        raise DatabaseUnreached(str(error)) from error
    if len(address.hosts) < 2:
        try:
            return told_when_gone(
                await asyncpg.connect(dsn, timeout=deadline_s, server_settings=settings)
            )
        except OSError as error:
            where = "".join(_place(*each) for each in address.hosts) or "the default host"
            raise DatabaseUnreached(f"{address}: {where}: {_why(error, deadline_s)}") from error
        except (ValueError, OverflowError):
            raise DatabaseUnreached(_BARE) from None
    return await _first_of(dsn, address, deadline_s / (len(address.hosts) + 1), settings)


def told_when_gone(connection: _Connection) -> _Connection:
    """A server's host that loses its power says nothing: who waits for its answer would wait for
    ever, and who has sent something for a quarter of an hour. The kernels ask one another instead,
    so a server that is merely slow, or waits for its standby, is not given up."""
    place = cast("Any", connection)._transport.get_extra_info("socket")
    if place is not None and place.family != socket.AF_UNIX:
        for (level, name), value in _TOLD_WHEN_GONE.items():
            if hasattr(socket, name):
                place.setsockopt(level, getattr(socket, name), value)
    return connection


async def _first_of(
    dsn: str, address: Address, each_s: float, settings: dict[str, str] | None
) -> Connection:
    tried: list[str] = []
    last: Exception | None = None
    for host, port in address.hosts:
        try:
            return told_when_gone(await asyncpg.connect(
                dsn, host=host, port=int(port), timeout=each_s, server_settings=settings,
                target_session_attrs=None if address.chooses else SessionAttribute.read_write,
            ))  # fmt: skip
        except _TRANSIENT as error:
            tried.append(f"{_place(host, port)}: {_why(error, each_s)}")
            last = error
    raise DatabaseUnreached(f"{address}: {'; '.join(tried)}") from last


def _hosts(place: str, asked: dict[str, str]) -> Iterator[tuple[str, str]]:
    """As libpq reads them: in the query, or before the path, each with a port of its own."""
    if "host" in asked:
        hosts, ports = asked["host"].split(","), asked.get("port", PORT).split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        if len(ports) != len(hosts):
            raise ValueError("a database's address: each host has a port or all one")
        _expect_ports(ports)
        yield from zip(hosts, ports, strict=True)
        return
    for one in place.split(",") if place else ():
        host, colon, port = one.rpartition(":")
        named = bool(colon) and not port.endswith("]")  # of IPv6 all of it is the host
        if named:
            _expect_ports([port])
        yield (unquote(host) if named else unquote(one)).strip("[]"), port if named else PORT


def _expect_ports(ports: Iterable[str]) -> None:
    if not all(port.isascii() and port.isdecimal() and int(port) in PORTS for port in ports):
        raise ValueError(
            f"a database's address: ports are {PORTS.start} to {PORTS.stop - 1}; {_BARE}"
        )


def _place(host: str, port: str) -> str:
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def _why(error: Exception, deadline_s: float) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such socket: PostgreSQL does not run there"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, socket.gaierror):
        return "no such host"
    if isinstance(error, TimeoutError):
        return f"no answer within {deadline_s:g} s"
    if isinstance(error, asyncpg.exceptions.TargetServerAttributeNotMatched):
        return "takes no writes: a standby"
    state = getattr(error, "sqlstate", None)
    return f"{type(error).__name__} {state}" if state else f"{type(error).__name__}: {error}"

"""What the bureau's desk keeps and asks for in PostgreSQL: notices, interceptions."""

import datetime as dt
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, TypeAlias

from adapters.postgres.bureau.pool import Pool, connection_of
from adapters.postgres.statements import statements

_SQL = statements("bureau/desk")
_LOG = statements("bureau/log")
RARE_MAX = 5_000
"""A policy that fired on fewer lines is looked up by them; the newest lines are not read for it."""


def _searches(table: str, measure: str) -> tuple[str, str, str]:
    """The search through a table of lines, the one for a policy that fired on few, and the measure
    that says on how many it did."""
    rare = (
        "WITH rare AS MATERIALIZED ("  # noqa: S608 (texts of ours; what is typed is a parameter)
        f"SELECT * FROM {table} WHERE division = $1 AND policies @> ARRAY[$7::text])\n"
    )
    whole = _SQL["search"]
    return (
        whole.replace("FROM interception\n", f"FROM {table}\n", 1),
        rare + whole.replace("FROM interception\n", "FROM rare\n", 1),
        measure,
    )


_INTERCEPTIONS = _searches("interception", "policy")
_WARNED = _searches("warned_line", "warned_policy")
_DIGEST = itemgetter(0)
_KEY = itemgetter(0, 1, 2)
"""A line's identity in its log: year, type, number."""

LinePlace: TypeAlias = tuple[dt.datetime, str, str, str, int]
ProvenNotice: TypeAlias = tuple[bytes, bytes, str, str, tuple[Any, ...] | None]


class BureauDesk:
    """Rows come back as mappings named like the columns. Raises StoreUnavailable."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def keep_notices(
        self, place: tuple[str, str], notices: Sequence[ProvenNotice], at: dt.datetime
    ) -> frozenset[bytes]:
        """Store proven notices, different ones, and their lines in one transaction; the digests of
        those that were not received before.

        `place`: division, bank. A notice: digest, body, detached JWS, signer's URI, line or None.
        """
        ordered = sorted(notices, key=_DIGEST)
        digests, bodies, signatures, signers, _ = zip(*ordered, strict=True)
        async with connection_of(self._pool) as connection, connection.transaction():
            rows = await connection.fetch(
                _SQL["keep_notices"], *place, digests, bodies, signatures, signers, at
            )
            new = frozenset(row["digest"] for row in rows)
            lines = [notice[4] for notice in notices if notice[0] in new and notice[4] is not None]
            for turn in _turns(lines):
                await connection.execute(_SQL["note_notices"], *place, at, *zip(*turn, strict=True))
        return new

    async def count_notices(self, division: str, bank: str) -> int:
        async with connection_of(self._pool) as connection:
            return int(await connection.fetchval(_SQL["count_notices"], division, bank))

    async def search(
        self, division: str, before: LinePlace | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]:  # fmt: skip
        """`before`: decided at, voucher number, bank, type, year. `narrowed`: agency,
        department, bank, policy, outcome, state, voucher, least and most fen, since, until,
        words; None does not narrow. Newest first. The last of `words_among` lines is among them
        though it does not fit (`fits`): further ones were not looked at (`last_looked_at`)."""
        return await self._search(_INTERCEPTIONS, division, before, narrowed, (limit, words_among))

    async def search_warned(
        self, division: str, before: LinePlace | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> Sequence[Mapping[str, Any]]:  # fmt: skip
        """As `search`, through the payments that passed with a warning."""
        return await self._search(_WARNED, division, before, narrowed, (limit, words_among))

    async def _search(
        self, searches: tuple[str, str, str], division: str,
        before: LinePlace | None, narrowed: Sequence[Any], limits: tuple[int, int],
    ) -> Sequence[Mapping[str, Any]]:  # fmt: skip
        moment, number, *rest = before or (None, "", "", "", 0)
        agency, policy = narrowed[0], narrowed[3]
        statement, rare, measure = searches
        async with connection_of(self._pool) as connection:
            if policy is not None and agency is None:
                fired = await connection.fetchval(_SQL["fired"], division, policy, measure)
                statement = rare if fired < RARE_MAX else statement
            rows = await connection.fetch(
                statement, division, moment, number, *narrowed, *limits, *rest
            )
        return [dict(row) for row in rows]

    async def interception(
        self, division: str, fiscal_year: int, voucher_type: str, voucher_no: str,
        bank: str | None = None,
    ) -> Mapping[str, Any] | None:  # fmt: skip
        """Of this bank, or of the first that told of it; `held_by`: how many hold it."""
        async with connection_of(self._pool) as connection:
            row = await connection.fetchrow(
                _SQL["interception"], division, fiscal_year, voucher_type, voucher_no, bank
            )
        return None if row is None else dict(row)

    async def logs(self, division: str) -> Sequence[Mapping[str, Any]]:
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_SQL["logs"], division)
        return [dict(row) for row in rows]

    async def misbehaviours(self, division: str, limit: int) -> Sequence[Mapping[str, Any]]:
        """Refused deliveries, last seen first."""
        async with connection_of(self._pool) as connection:
            rows = await connection.fetch(_LOG["misbehaviours"], division, limit)
        return [dict(row) for row in rows]


def _turns(lines: Sequence[tuple[Any, ...]]) -> list[list[tuple[Any, ...]]]:
    """Lines of one instruction in different turns, in the order they came in: one statement merges
    a row once. Each turn is sorted, so that two transactions lock rows in one order."""
    turns: list[dict[Any, tuple[Any, ...]]] = []
    for line in lines:
        key = _KEY(line)
        turn = next((each for each in turns if key not in each), None)
        if turn is None:
            turn = {}
            turns.append(turn)
        turn[key] = line
    return [[turn[key] for key in sorted(turn)] for turn in turns]

"""How many records of each agency are numbered, known as long as nobody else seals."""

from collections.abc import Sequence

import msgspec

from adapters.postgres.session import Connection
from adapters.postgres.statements import statements
from gateway.domain.log import LogHead, PendingRecord
from gateway.domain.records import counted_agency

AGENCIES_MAX = 10_000

_SQL = statements("log")


class AgencyCounts:
    """Of one division's log. They change with its head alone, in one transaction, so what was known
    at a head (size and frontier stand for every record before it) holds where that head stands."""

    def __init__(self) -> None:
        self._head: LogHead | None = None
        self._last: dict[str, int] = {}

    async def counted(
        self, connection: Connection, division: str, head: LogHead | None,
        waiting: list[PendingRecord],
    ) -> tuple[Sequence[PendingRecord], dict[str, int]]:  # fmt: skip
        """Each agency's records in order, from 1, in the transaction that numbers them (T9); and
        the last number of each agency that is among them."""
        if head is None or head != self._head:
            self._last = {}
        agencies = [counted_agency(record.body) for record in waiting]
        named = {agency for agency in agencies if agency is not None}
        if not named:
            return waiting, {}
        last = await self._known(connection, division, named)
        for place, agency in enumerate(agencies):
            if agency is not None:
                last[agency] += 1
                waiting[place] = msgspec.structs.replace(waiting[place], agency_no=last[agency])
        return waiting, last

    def keep(self, head: LogHead, counted: dict[str, int]) -> None:
        """What was stored with this head."""
        if len(self._last) > AGENCIES_MAX:
            self._last = {}
        self._last.update(counted)
        self._head = head

    async def _known(
        self, connection: Connection, division: str, named: set[str]
    ) -> dict[str, int]:  # fmt: skip
        strange = sorted(named - self._last.keys())
        last = {agency: self._last.get(agency, 0) for agency in named}
        if strange:
            rows = await connection.fetch(_SQL["agency_numbers"], division, strange)
            last |= {row["agency"]: row["last"] for row in rows}
        return last

"""The bank's counter: statements of what its books say, signed by the bank (Art. 10(4), 28(4))."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping

import orjson
import structlog

from gateway.domain.conduct import HandedOver, Statement
from gateway.domain.instruction import Received
from gateway.pipeline.reconcile import Reconciling
from gateway.ports import Clock, Gatekeeper
from gateway.web.our_bank import bank_of, expect_served

PATH = "/v1/bank/statements"

log = structlog.get_logger()


class StatementCounter:
    """`read` gives the division and the statement; it raises Unreadable with every error."""

    def __init__(
        self, reconciling: Reconciling, gatekeeper: Gatekeeper, clock: Clock,
        divisions: frozenset[str], read: Callable[[bytes], tuple[str, Statement]],
    ) -> None:  # fmt: skip
        self._reconciling = reconciling
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._divisions = divisions
        self._read = read

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Prove, read, keep. The same bytes again are answered as the first time.

        Raises Unproven (not our bank), Unreadable, Conflicting (the number was used for other
        bytes), LedgerUnavailable.
        """
        now = self._clock.now()
        sender = bank_of(received, now, self._gatekeeper, self._reconciling.origin)
        division, statement = await asyncio.to_thread(self._read, received.raw)
        expect_served(division, self._divisions)
        handed = HandedOver(
            division=division, digest=hashlib.sha256(received.raw).digest(), party=sender.uri,
            signature=received.signature, raw=received.raw,
        )  # fmt: skip
        alerts, replayed = await self._reconciling.hand_over(statement, handed, now)
        log.info(
            "statement.taken", division=division, statement=statement.id, alerts=alerts,
            entries=len(statement.entries), replayed=replayed,
        )  # fmt: skip
        return orjson.dumps(
            {
                "alerts": alerts,
                "division": division,
                "entries": len(statement.entries),
                "replayed": replayed,
                "statement": statement.id,
            }
        )

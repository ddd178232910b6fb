"""Release: carry out the bureau's orders about holds, each once, whoever is killed in between."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

import structlog

from gateway.domain.faults import LedgerUnavailable, Unreadable, Unready
from gateway.domain.ledger import Settled
from gateway.domain.releases import Order, read_order
from gateway.domain.seldom import Lasting
from gateway.hold_ports import Holds
from gateway.pipeline.release import Release
from gateway.workers.office import Office

LOOK_S = 0.5
ORDERS_MAX = 32
"""How many orders of each division are carried out in one round."""

Against = Callable[[Order, bytes], Awaitable[str]]
"""Of an order as it was read, and its bytes: why it is nothing that its bureau gave to be done now;
empty if it is. Raises LedgerUnavailable."""

log = structlog.get_logger()


class Releasing:
    """The office holder's work: orders of one hold come one after the other."""

    def __init__(
        self, office: Office, holds: Holds, release: Release, against: Against | None = None
    ) -> None:
        """`against`: None where nobody but its bureau can write an order."""
        self._office = office
        self._against = against
        self._holds = holds
        self._release = release
        self._unread = Lasting()
        self._forged: dict[str, Lasting] = defaultdict(Lasting)

    async def run(self) -> None:
        await self._office.rounds(LOOK_S, self.carry_out_all, "releases.postponed")

    async def carry_out_all(self) -> int:
        """One round; how many orders came to an end.

        Divisions side by side: whose orders must wait, for the bank or until it is opened again,
        keeps no other waiting. Raises LedgerUnavailable.
        """
        orders: dict[str, list[bytes]] = {}
        for division, body in await self._holds.open_orders(ORDERS_MAX):
            orders.setdefault(division, []).append(body)
        async with asyncio.TaskGroup() as group:
            rounds = [group.create_task(self._carry_out(bodies)) for bodies in orders.values()]
        return sum(each.result() for each in rounds)

    async def _carry_out(self, bodies: Sequence[bytes]) -> int:
        """Orders of one division, in their order; how many came to an end. One that must wait, or
        that the ledger does not take, stops no other."""
        done = 0
        for body in bodies:
            try:
                order = read_order(body)
            except Unreadable as reason:  # of another release, say; it was readable when it came
                self._tell_unread(body, reason)
                continue
            try:
                if self._against and (why := await self._against(order, body)):
                    self._tell_forged(order, why)
                    continue
                came_to = await self._release.carry_out(order)
            except (Unready, LedgerUnavailable) as reason:
                log.warning("release.postponed", instruction=str(order.key), reason=str(reason))
                continue
            done += 1
            _tell(order, came_to)
        return done

    def _tell_forged(self, order: Order, why: str) -> None:
        """It stays where it is, for whoever finds out who put it there; nothing is released."""
        if self._forged[why].due(asyncio.get_running_loop().time()):
            digest = order.digest.hex()
            log.error("release.not_given", instruction=str(order.key), order=digest, why=why)

    def _tell_unread(self, body: bytes, reason: Unreadable) -> None:
        if self._unread.due(asyncio.get_running_loop().time()):
            digest = hashlib.sha256(body).hexdigest()
            log.error("release.unreadable", sha256=digest, reason=str(reason))


def _tell(order: Order, came_to: Settled | str) -> None:
    key, digest = str(order.key), order.digest.hex()
    if isinstance(came_to, str):
        log.info("release.ended", instruction=key, order=digest, came_to=came_to)
        return
    log.info("release.forwarded", instruction=key, order=digest, bank=came_to.bank.outcome)
    if against := came_to.contradiction:
        log.error(
            "payment.contradicted", instruction=key, how="answer", said=against.said,
            held=against.held,
        )  # fmt: skip

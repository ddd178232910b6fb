"""One limit as any ledger has it."""

from gateway.domain.ledger import Limit, LimitKey
from gateway.ports import Ledger


async def limit_at(ledger: Ledger, division: str, key: LimitKey) -> Limit | None:
    return (await ledger.limits(division, [key])).get(key)

"""What each gateway's log tells of the registers that it decides by, held against what was signed.

Who operates a gateway can put registers into it from a file, with whatever grants and payees: no
feed of ours brings them, and payments pass by them (decision 0155).
"""

import attrs

from bureau.desk.registers.store import RegisterStore

VERSIONS_MAX = 1000
"""Of each bank's log, the newest."""


@attrs.frozen(kw_only=True)
class Applied:
    store: RegisterStore
    own: str
    """Our URI, which a gateway's record of a feed of ours names."""

    async def not_ours(self, division: str) -> dict[str, int]:
        """By bank: the number of the newest record of its log that tells of registers that were not
        issued here, until a whole file of ours is in force there. Raises StoreUnavailable."""
        signer = f'"signer":"{self.own}"'.encode()
        rows = await self.store.not_ours(division, signer, VERSIONS_MAX)
        return {row["bank"]: row["seq"] for row in rows}

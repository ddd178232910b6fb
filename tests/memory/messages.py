"""Messages of many payments in memory: the same contract as on PostgreSQL."""

from gateway.domain.bulk import KeptMessage


class MemoryMessages:
    """`gateway.pipeline.batch.MessageStore`."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, bytes], KeptMessage] = {}

    async def keep(self, message: KeptMessage) -> None:
        self.kept.setdefault((message.division, message.digest), message)

    async def raw(self, division: str, digest: bytes) -> bytes | None:
        kept = self.kept.get((division, digest))
        return kept.raw if kept else None

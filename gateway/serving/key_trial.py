"""Whether our record key can sign: one in a token may be away."""

import asyncio

from certs.signing.signer import Signer
from gateway.ports import Clock

EVERY_S = 5.0
"""What passes while the token is away is left without its receipt."""


class KeyTrial:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = -EVERY_S
        self.words = ""
        """Why it cannot; empty while it can."""

    async def look(self, own: Signer) -> None:
        """Sign a trial now and then, at each look while it fails. In a thread: a token that is away
        may take long to say so."""
        now = self._clock.monotonic()
        if not own.in_token:
            self.words = ""
        elif self.words or own.trouble or now - self._at >= EVERY_S:
            self.words = await asyncio.to_thread(own.prove)
            self._at = now

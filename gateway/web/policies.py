"""The counter for signed policy books: `POST /v1/feeds/policies`.

The body is the file that `policy sign` writes, byte for byte: the book and its two officers'
signatures. The bureau hands it over under its own signature; what counts are the officers'.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Protocol

import orjson
import structlog

from gateway.domain.instruction import Received
from gateway.ports import Clock, Gatekeeper
from gateway.web.entitled import bureau_of

PATH = "/v1/feeds/policies"
KIND = "policies"

log = structlog.get_logger()


class Accepted(Protocol):
    """A book that proved itself and is kept."""

    @property
    def revision(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def not_before(self) -> dt.datetime: ...


class Archive(Protocol):
    """Where proven books are kept; whoever renews takes them from there at their moment."""

    async def take(self, sealed: bytes) -> tuple[Accepted, bool]:
        """The book, and whether it is new. Raises Unreadable with why not."""
        ...


class PolicyCounter:
    def __init__(
        self, archive: Archive, gatekeeper: Gatekeeper, clock: Clock, bureaus: Collection[str]
    ) -> None:
        """`bureaus`: URIs of those who may hand a book over."""
        self._archive = archive
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._bureaus = bureaus

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Prove one book as `policy activate` does, and keep it; it is in force at its moment.

        Raises Unproven, Unreadable (FEED_INVALID, with every problem); the book in force stays.
        """
        sender = bureau_of(received, self._clock.now(), self._gatekeeper, self._bureaus)
        book, new = await self._archive.take(received.raw)
        log.info(
            "policies.taken", revision=book.revision, digest=book.digest, sender=sender.uri,
            replayed=not new,
        )  # fmt: skip
        return orjson.dumps(
            {
                "digest": book.digest,
                "kind": KIND,
                "not_before": book.not_before.isoformat(),
                "version": book.revision,
            }
        )

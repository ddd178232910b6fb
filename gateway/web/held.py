"""The counter where the bureau reads what was taken from it: `POST /v1/feeds/held`.

    {"division","kind":"held","of":"releases","since"}

Answers the feeds of releases from number `since` on, as they came and were signed, as many as
fit, and the newest number: a bureau whose database came back older finds there what it gave those
numbers to. Nobody else's word is in them, nothing is written, and it is told to the bureau alone,
over its own connection: a question that another gateway has kept opens nothing here.
"""

from collections.abc import Mapping
from typing import Annotated

import msgspec
import orjson
import structlog

from gateway.domain.faults import FaultCode, Unproven, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.once import read_once
from gateway.hold_ports import Holds
from gateway.web.entitled import Entitled
from gateway.web.releases import KIND as RELEASES

PATH = "/v1/feeds/held"
KIND = "held"
FEEDS_MAX = 100
ANSWER_BYTES_MAX = 128 * 1024
"""Of one answer, beyond its first feed."""

log = structlog.get_logger()


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    division: Annotated[str, msgspec.Meta(pattern="^[0-9]{9}$")]
    kind: str
    of: str
    since: Annotated[int, msgspec.Meta(ge=1, le=2**53)]


class HeldCounter:
    def __init__(self, holds: Holds, entitled: Entitled) -> None:
        self._holds = holds
        self._entitled = entitled

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """Raises Unproven, Unreadable, LedgerUnavailable."""
        sender, _ = self._entitled.sender(received)
        if received.party != sender.uri:  # what two officers wrote is read by nobody on its way
            raise Unproven(FaultCode.SENDER_NOT_ENTITLED, "asked over another party's connection")
        asked = _read(received.raw)
        self._entitled.expect_own(sender, [asked.division])
        head, rows = await self._holds.held_feeds(asked.division, asked.since, FEEDS_MAX)
        feeds: list[dict[str, object]] = []
        left = ANSWER_BYTES_MAX
        for version, body, signature in rows:
            left -= len(body) if feeds else 0
            if left < 0:
                break
            feeds.append({"body": body.decode(), "signature": signature, "version": version})
        log.info("releases.asked", division=asked.division, since=asked.since, told=len(feeds))
        told = {"division": asked.division, "feeds": feeds, "kind": KIND, "version": head}
        return orjson.dumps(told)


def _read(raw: bytes) -> _Asked:
    try:
        asked = read_once(msgspec.json.Decoder(_Asked), raw)
    except (ValueError, RecursionError) as error:
        raise Unreadable(FaultCode.FEED_INVALID, f"not a question: {error}") from error
    if (asked.kind, asked.of) != (KIND, RELEASES):
        raise Unreadable(FaultCode.FEED_INVALID, f"its kind is not {KIND}, of {RELEASES}")
    return asked

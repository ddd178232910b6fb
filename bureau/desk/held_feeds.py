"""What a gateway holds of our feeds of releases, read from its answer: our own word, or nothing.

A gateway's word is a stranger's (docs/decisions/0058). What it hands back counts by our own
signature over those very bytes, by the division and by the number that were signed, and by no more.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from bureau.desk.releases import KIND as RELEASES
from gateway.domain.faults import Unproven, Unreadable
from gateway.domain.records import canonical
from gateway.domain.releases import Order, read_order
from gateway.domain.voids import HeldFeed, Void, read_void

KIND = "held"

Verify: TypeAlias = Callable[[bytes, str], str]
"""(body, detached JWS) -> the signer's URI. Raises Unproven."""


class HeldUnproven(ValueError):
    """The answer proves nothing of what it says; the words say why."""


class _Told(msgspec.Struct):
    body: str
    signature: str
    version: int


class _Answer(msgspec.Struct):
    feeds: list[_Told]


class _Feed(msgspec.Struct, forbid_unknown_fields=True):
    division: str
    kind: str
    version: int
    orders: list[dict[str, Any]] = []
    void: dict[str, Any] | None = None


def question(division: str, since: int) -> bytes:
    """What is signed and asked (`gateway.web.held`)."""
    return canonical({"division": division, "kind": KIND, "of": RELEASES, "since": since})


def read_held(
    answer: bytes, division: str, since: int, prove: tuple[Verify, str]
) -> Sequence[HeldFeed]:
    """The feeds from number `since` on, without a gap. `prove`: the proof, and our own URI.

    Raises HeldUnproven.
    """
    try:
        told = msgspec.json.decode(answer, type=_Answer)
        return [_one(each, division, since + n, prove) for n, each in enumerate(told.feeds)]
    except (Unproven, Unreadable) as fault:
        raise HeldUnproven(f"{fault.code}: {fault.detail}") from fault
    except (ValueError, TypeError, RecursionError) as error:
        raise HeldUnproven(f"what it says it holds is not readable: {error}") from error


def _one(told: _Told, division: str, version: int, prove: tuple[Verify, str]) -> HeldFeed:
    verify, own = prove
    body = told.body.encode()
    if (signer := verify(body, told.signature)) != own:
        raise ValueError(f"number {version} is signed by {signer}")
    feed = msgspec.json.decode(body, type=_Feed)
    if (feed.division, feed.kind, feed.version) != (division, RELEASES, version):
        raise ValueError(f"number {version} was not signed as that")
    return HeldFeed(version=version, body=body, signature=told.signature, content=_content(feed))


def _content(feed: _Feed) -> Order | Void:
    if feed.void is None:
        [order] = feed.orders  # as this bureau signs them: each feed one decision
        return read_order(canonical(order))
    void = read_void(canonical(feed.void))
    if feed.orders or void.version != feed.version:
        raise ValueError(f"number {feed.version} holds a void of another")
    return void

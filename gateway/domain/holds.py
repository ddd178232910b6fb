"""Holds (挂起) and how they end: what the line hands to the ledger, and what it is told."""

import datetime as dt
from enum import StrEnum

import attrs

from gateway.domain.decision import Finding
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import Demand, RecordDraft
from gateway.domain.money import Fen
from gateway.domain.windows import WindowAsk, WindowShare


class HoldEnding(StrEnum):
    """放行 / 不予放行 / 逾期 / 撤回. The only ends of a hold; each is final."""

    RELEASED = "released"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """By the agency itself, before anybody released it (a recall of what was never forwarded)."""


@attrs.frozen(kw_only=True, order=True)
class FindingName:
    """Which finding an order speaks of: a policy, as revised, on the whole or one detail.

    A finding that a register could not be consulted is another than the finding itself.
    """

    policy: str
    revision: int
    detail: str = ""
    unavailable: tuple[str, ...] = ()


def name_of(finding: Finding) -> FindingName:
    return FindingName(
        policy=finding.policy, revision=finding.revision, detail=finding.detail,
        unavailable=tuple(sorted(finding.unavailable)),
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class Hold:
    """An open one."""

    key: InstructionKey
    agency_code: str
    amount_fen: Fen
    held_at: dt.datetime
    decision: bytes


@attrs.frozen(kw_only=True)
class Claim:
    """Commit 1 of a release: who writes this, and nobody else, may forward it, once."""

    key: InstructionKey
    order: bytes
    at: dt.datetime
    decision: bytes
    demands: tuple[Demand, ...]
    asks: tuple[WindowAsk, ...]
    shares: tuple[WindowShare, ...]
    record: RecordDraft
    notification: bytes


@attrs.frozen(kw_only=True)
class Ending:
    """The end of a hold without a payment."""

    key: InstructionKey
    how: HoldEnding
    """Anything but RELEASED."""
    at: dt.datetime
    order: bytes | None
    decision: bytes
    record: RecordDraft
    notice: bytes | None
    """To the bureau, which already knows what it has refused itself."""
    notification: bytes


@attrs.frozen(kw_only=True)
class Claimed:
    """Durable; this process and no other may now send it, once."""


@attrs.frozen(kw_only=True)
class Gone:
    """The hold had ended, or the order was done; nothing was written."""


@attrs.frozen(kw_only=True)
class Notification:
    """What an agency is told after its answer was given."""

    id: int
    subject: str
    created_at: dt.datetime
    body: bytes

"""What a party may read of holds: `GET /v1/holds`, `GET /v1/notifications`, and acknowledging.

An agency sees its own; a channel and the bureau see their division's.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import orjson

from gateway.domain.decision import SEVERITY, Action, Finding, restored
from gateway.domain.faults import FaultCode, Unproven
from gateway.domain.holds import Hold, Notification, name_of
from gateway.domain.instruction import Received
from gateway.domain.parties import Role, Sender, sender_of
from gateway.domain.releases import LIMIT_POLICIES
from gateway.hold_ports import Holds
from gateway.pipeline.tell import microseconds
from gateway.ports import Clock, Gatekeeper
from gateway.web.documents import read_whole

HOLDS, NOTIFICATIONS = "/v1/holds", "/v1/notifications"
ACKNOWLEDGE = "/v1/notifications/acknowledge"
SHOWN_MAX = 200


_Id = Annotated[int, msgspec.Meta(ge=1, le=2**53 - 1)]


class Acknowledged(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[list[_Id], msgspec.Meta(min_length=1, max_length=1000)]


class HoldsDesk:
    """Readers and one counter of the door. Methods raise LedgerUnavailable."""

    def __init__(
        self, holds: Holds, gatekeeper: Gatekeeper, clock: Clock, expire_s: float
    ) -> None:  # fmt: skip
        self._holds = holds
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._life = dt.timedelta(seconds=expire_s)

    async def holds(self, reader: Sender) -> bytes:
        """`{holds: [...], more}`, oldest first: what is held, why, and what would release it."""
        division, agency = _scope(reader)
        found = await self._holds.open_holds(division, self._clock.now(), SHOWN_MAX + 1, agency)
        shown = [hold_fields(hold, self._life) for hold in found[:SHOWN_MAX]]
        return orjson.dumps({"holds": shown, "more": len(found) > SHOWN_MAX})

    async def notifications(self, reader: Sender) -> bytes:
        """`{notifications: [{id, subject, created_at, body}], more}`, oldest first."""
        division, agency = _scope(reader)
        found = await self._holds.notifications(division, agency, SHOWN_MAX + 1)
        shown = [_told(each) for each in found[:SHOWN_MAX]]
        return orjson.dumps({"more": len(found) > SHOWN_MAX, "notifications": shown})

    async def acknowledge(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """`{"ids":[...]}`, signed: these need not be shown again. Answers those that waited."""
        now = self._clock.now()
        sender = self._gatekeeper.authenticate(received, now)
        if sender.role is not Role.AGENCY:
            raise Unproven(
                FaultCode.SENDER_NOT_ENTITLED, "an agency acknowledges what it was told, itself"
            )
        division, agency = _scope(sender)
        asked = read_whole(received.raw, Acknowledged, "an acknowledgement")
        done = await self._holds.acknowledge(division, agency, asked.ids, now, sender.uri)
        return orjson.dumps({"acknowledged": done})


def hold_fields(hold: Hold, life: dt.timedelta) -> dict[str, Any]:
    """One open hold, for whoever must act on it."""
    decision = restored(hold.decision)
    holding = [f for f in decision.findings if SEVERITY[f.action] >= SEVERITY[Action.HOLD]]
    return {
        "agency": hold.agency_code,
        "amount_fen": hold.amount_fen,
        "expires_at": microseconds(hold.held_at + life),
        "findings": [_finding(finding) for finding in holding],
        "held_at": microseconds(hold.held_at),
        "instruction": str(hold.key),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    name, missing = name_of(finding), [paper.zh for paper in finding.missing]
    return {
        "article": finding.article,
        "detail": name.detail,
        "mender": finding.mender,
        "missing": missing,
        "overridable": finding.policy not in LIMIT_POLICIES,
        "policy": name.policy,
        "reason_zh": finding.reason_zh,
        "remedy_zh": finding.remedy_zh,
        "revision": name.revision,
        "title_zh": finding.title_zh,
        "unavailable": list(name.unavailable),
        "would_release_zh": _way_out(finding, missing),
    }


def _way_out(finding: Finding, missing: list[str]) -> str:
    if finding.policy in LIMIT_POLICIES:
        return "额度补足后由财政部门放行；放行指令不能代替额度"
    if finding.unavailable:
        return "相关备案信息恢复后由财政部门放行；放行时重新核对"
    papers = f"补齐{'、'.join(missing)}后" if missing else "核实后"
    return f"{papers}由财政部门两人放行（放行时全部规则重新核对）"


def _told(each: Notification) -> dict[str, Any]:
    return {
        "body": orjson.loads(each.body),
        "created_at": microseconds(each.created_at),
        "id": each.id,
        "subject": each.subject,
    }


def _scope(reader: Sender) -> tuple[str, str | None]:
    """Division, and the agency if it is one."""
    if sender_of(reader.uri) is None or reader.role not in (
        Role.AGENCY, Role.CHANNEL, Role.BUREAU,
    ):  # fmt: skip
        raise Unproven(
            FaultCode.SENDER_NOT_ENTITLED, "agencies, channels and the bureau read holds"
        )
    return reader.division, reader.name if reader.role is Role.AGENCY else None

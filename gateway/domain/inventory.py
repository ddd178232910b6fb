"""The inventory of certificates: what exists, where it is in use, how long it lasts."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs

from gateway.domain.certificates import (
    Case,
    Revocation,
    RevocationList,
    State,
    alert_of,
    list_alert_of,
    renewal_due,
)

_ENDED = frozenset({State.RETIRED, State.REVOKED})


@attrs.frozen(kw_only=True)
class Seen:
    """A certificate that a process has loaded, or has met in a live handshake."""

    issuer: str
    serial: str
    place: str
    """`door` (a handshake), or where it is loaded: `tls`, `record_key`, `parties`, an authority."""
    holder: str
    not_before: dt.datetime
    not_after: dt.datetime
    seen_at: dt.datetime | None = None
    processes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class RefusedHandshakes:
    reason: str
    count: int
    last_at: dt.datetime


@attrs.frozen(kw_only=True)
class LogState:
    """How far a division's log was sealed and told."""

    division: str
    size: int
    acknowledged_size: int
    sealed_at: dt.datetime | None
    cosigned_at: dt.datetime | None


@attrs.frozen(kw_only=True)
class Entry:
    """One certificate."""

    issuer: str
    serial: str
    holder: str
    profile: str
    state: str
    case: str
    """Empty: no case stands for it."""
    not_before: dt.datetime
    not_after: dt.datetime
    loaded: tuple[str, ...]
    """Places in which it was seen lately."""
    seen_at: dt.datetime | None

    def days_left(self, now: dt.datetime) -> int:
        return (self.not_after - now).days

    def renewal(self) -> dt.datetime:
        return renewal_due(self.not_before, self.not_after)


@attrs.frozen(kw_only=True)
class Bound:
    """Our record key counts no longer than an authority over its certificate."""

    holder: str
    by: str
    """The authority's certificate: its subject and serial."""
    serial: str
    not_before: dt.datetime
    not_after: dt.datetime


@attrs.frozen(kw_only=True)
class Inventory:
    """Everything that the security team looks at, at one moment."""

    at: dt.datetime
    entries: tuple[Entry, ...]
    pending: tuple[Case, ...]
    """Cases that wait for a decision or for their certificate."""
    lists: tuple[RevocationList, ...]
    revoked: int
    refused: tuple[RefusedHandshakes, ...]
    logs: tuple[LogState, ...]
    bound: Bound | None = None


@attrs.frozen(kw_only=True)
class Alert:
    """Something that ends soon, or has ended."""

    subject: str
    threshold: int
    """Days; 0: it has ended."""
    what: str
    """`certificate`, `revocation_list`, or `record_key`: it ends with the certificate `by`."""
    holder: str
    ends: dt.datetime
    by: str = ""


@attrs.frozen(kw_only=True)
class Untold:
    """An alert that nobody outside has taken yet."""

    subject: str
    threshold: int
    body: bytes
    attempts: int


def with_loaded(
    found: Inventory, loaded: Sequence[RevocationList], bound: Bound | None
) -> Inventory:
    """With the lists that are in use, which need not be those of the registry (an outside
    authority's list ends too), and what bounds the record key in use."""
    lists = {one.issuer: one for one in found.lists} | {one.issuer: one for one in loaded}
    return attrs.evolve(found, lists=tuple(lists.values()), bound=bound)


def taken(
    now: dt.datetime, cases: Sequence[Case], seen: Sequence[Seen],
    lists: Sequence[RevocationList], ended: Sequence[Revocation],
    refused: Sequence[RefusedHandshakes], logs: Sequence[LogState],
) -> Inventory:  # fmt: skip
    """Cases and what was seen, brought together by issuer and serial; soonest end first."""
    by_key: dict[tuple[str, str], list[Seen]] = defaultdict(list)
    for one in seen:
        by_key[one.issuer, one.serial].append(one)
    revoked = {(each.issuer, each.serial) for each in ended}
    entries = [_of_case(case, by_key) for case in cases if case.issued]
    known = {(entry.issuer, entry.serial) for entry in entries}
    entries += [
        _of_seen(found, key in revoked) for key, found in by_key.items() if key not in known
    ]
    waiting = (State.REQUESTED, State.APPROVED)
    return Inventory(
        at=now,
        entries=tuple(sorted(entries, key=lambda entry: (entry.not_after, entry.holder))),
        pending=tuple(case for case in cases if case.state in waiting),
        lists=tuple(lists),
        revoked=len(revoked),
        refused=tuple(refused),
        logs=tuple(logs),
    )


def alerts(found: Inventory) -> list[Alert]:
    """What ends within a threshold, of certificates that are not given up, and of the lists."""
    raised = []
    for entry in found.entries:
        if entry.state in _ENDED or _succeeded(entry, found.entries, found.at):
            continue
        threshold = alert_of(entry.not_before, entry.not_after, found.at)
        if threshold is not None:
            raised.append(
                Alert(
                    subject=f"certificate/{entry.issuer}/{entry.serial}", threshold=threshold,
                    what="certificate", holder=entry.holder, ends=entry.not_after,
                )
            )  # fmt: skip
    for one in found.lists:
        raised += _list_alerts(one, found.at)
    return raised + _bound_alerts(found.bound, found.at)


def fields_of(found: Inventory) -> dict[str, Any]:
    """As JSON tells it: times in ISO 8601 UTC."""
    now = found.at
    return {
        "at": now.isoformat(),
        "certificates": [
            {
                "case": entry.case,
                "days_left": entry.days_left(now),
                "holder": entry.holder,
                "issuer": entry.issuer,
                "loaded": list(entry.loaded),
                "not_after": entry.not_after.isoformat(),
                "profile": entry.profile,
                "renew_from": entry.renewal().isoformat(),
                "seen_at": entry.seen_at.isoformat() if entry.seen_at else None,
                "serial": entry.serial,
                "state": entry.state,
            }
            for entry in found.entries
        ],
        "pending": [
            {
                "asked_at": case.order.requested_at.isoformat(),
                "case": case.order.id,
                "holder": case.order.holder,
                "profile": case.order.profile,
                "requester": case.order.requester,
                "state": case.state,
            }
            for case in found.pending
        ],
        "revocation_lists": [
            {
                "age_s": int((now - one.this_update).total_seconds()),
                "issuer": one.issuer,
                "next_update": one.next_update.isoformat(),
                "number": one.number,
                "seconds_left": int((one.next_update - now).total_seconds()),
            }
            for one in found.lists
        ],
        "revoked": found.revoked,
        "handshakes_refused": [
            {"count": one.count, "last_at": one.last_at.isoformat(), "reason": one.reason}
            for one in found.refused
        ],
        "logs": [_log_fields(one, now) for one in found.logs],
        "alerts": [
            {
                "ends": alert.ends.isoformat(), "holder": alert.holder,
                "subject": alert.subject, "threshold_days": alert.threshold, "what": alert.what,
                "by": alert.by,
            }
            for alert in alerts(found)
        ],
    }  # fmt: skip


def _log_fields(one: LogState, now: dt.datetime) -> Mapping[str, Any]:
    return {
        "acknowledged_size": one.acknowledged_size,
        "cosigned_at": one.cosigned_at.isoformat() if one.cosigned_at else None,
        "division": one.division,
        "lag_records": one.size - one.acknowledged_size,
        "sealed_at": one.sealed_at.isoformat() if one.sealed_at else None,
        "since_cosigned_s": int((now - one.cosigned_at).total_seconds())
        if one.cosigned_at
        else None,
        "size": one.size,
    }


def _list_alerts(one: RevocationList, now: dt.datetime) -> list[Alert]:
    threshold = list_alert_of(one.this_update, one.next_update, now)
    if threshold is None:
        return []
    subject = f"revocation_list/{one.issuer}/{one.number}"
    return [
        Alert(
            subject=subject, threshold=threshold, what="revocation_list", holder=one.issuer,
            ends=one.next_update,
        )
    ]  # fmt: skip


def _bound_alerts(bound: Bound | None, now: dt.datetime) -> list[Alert]:
    """The authority's own alert says nothing of what stops with it; this one does."""
    if bound is None:
        return []
    threshold = alert_of(bound.not_before, bound.not_after, now)
    if threshold is None:
        return []
    return [
        Alert(
            subject=f"record_key/{bound.serial}", threshold=threshold, what="record_key",
            holder=bound.holder, ends=bound.not_after, by=bound.by,
        )
    ]  # fmt: skip


def _succeeded(entry: Entry, entries: Iterable[Entry], now: dt.datetime) -> bool:
    """Retiring beside a successor that is in use: its end is planned. Of a party without a case
    here, what has ended beside a later one stays for what it signed, and alarms no more."""
    if entry.state == State.RETIRING:
        return any(
            other.state == State.ACTIVE
            and (other.holder, other.profile) == (entry.holder, entry.profile)
            for other in entries
        )
    return (
        not entry.case
        and entry.loaded == ("parties",)
        and entry.not_after <= now
        and any(
            other.holder == entry.holder
            and "parties" in other.loaded
            and other.not_after > now
            and other.state not in _ENDED
            for other in entries
        )
    )


def _of_case(case: Case, by_key: Mapping[tuple[str, str], list[Seen]]) -> Entry:
    issued = case.issued
    assert issued
    found = by_key.get((issued.issuer, issued.serial), [])
    return Entry(
        issuer=issued.issuer,
        serial=issued.serial,
        holder=case.order.holder,
        profile=case.order.profile,
        state=case.state,
        case=case.order.id,
        not_before=issued.not_before,
        not_after=issued.not_after,
        loaded=tuple(sorted({one.place for one in found})),
        seen_at=max((one.seen_at for one in found if one.seen_at), default=None),
    )


def _of_seen(found: Sequence[Seen], revoked: bool) -> Entry:
    one = found[0]
    return Entry(
        issuer=one.issuer,
        serial=one.serial,
        holder=one.holder,
        profile="",
        state=State.REVOKED if revoked else "",
        case="",
        not_before=one.not_before,
        not_after=one.not_after,
        loaded=tuple(sorted({each.place for each in found})),
        seen_at=max((each.seen_at for each in found if each.seen_at), default=None),
    )

"""Closing the accounts of a demonstration day: what was sent, decided, forwarded, recorded, proved.

Every equation is checked against what another party holds: the bank's own journal, the bureau's
own copy of the log. The day closes only if all of them hold.
"""

from collections.abc import Sequence
from typing import Any

import attrs
import orjson

from adapters.agency.heard import Heard
from deploy.demo.agency import GatewayAnswer
from deploy.demo.chancery import Decided
from deploy.demo.day import DayItem
from deploy.demo.reading import heard_in


@attrs.frozen(kw_only=True)
class Equation:
    """One thing that must hold, in words, with its two sides."""

    name: str
    left: int
    right: int

    @property
    def holds(self) -> bool:
        return self.left == self.right


@attrs.frozen(kw_only=True)
class Accounts:
    counts: dict[str, int]
    policies_fired: dict[str, int]
    equations: tuple[Equation, ...]
    surprises: tuple[str, ...]
    """Answers that were not what the day foresaw."""
    log_verified: bool

    @property
    def closed(self) -> bool:
        return all(equation.holds for equation in self.equations) and not self.surprises

    def summary(self) -> dict[str, Any]:
        return {
            **self.counts,
            "accounting_closed": self.closed,
            "equations": {e.name: [e.left, e.right] for e in self.equations},
            "log_verified": self.log_verified,
            "policies_fired": self.policies_fired,
            "surprises": list(self.surprises[:50]),
        }


@attrs.frozen(kw_only=True)
class Books:
    """What the others hold when the day is over."""

    journal: dict[str, Any]
    """The bank's."""
    backlog: dict[str, Any]
    """The gateway's."""
    bureau: dict[str, Any]
    """The bureau's summary."""
    decided: Decided
    """What the bureau's persons have decided about holds."""


def close(items: Sequence[DayItem], answers: Sequence[GatewayAnswer], books: Books) -> Accounts:
    journal, backlog, bureau = books.journal, books.backlog, books.bureau
    heard = [heard_in(item, answer) for item, answer in zip(items, answers, strict=True)]
    first = [h for item, h in zip(items, heard, strict=True) if not item.replay]
    counts = {
        "received": len(first),
        "replayed": len(heard) - len(first),
        "vouchers": sum(item.format == "voucher" for item in items if not item.replay),
        "messages": sum(item.format == "iso20022" for item in items if not item.replay),
        "passed": sum(h.outcome == "passed" for h in first),
        "held": sum(h.outcome == "held" for h in first),
        "blocked": sum(h.outcome == "blocked" for h in first),
        "released": len(books.decided.released),
        "refused": len(books.decided.refused),
        "faults": sum(h.fault is not None for h in first),
        "conflicts": sum(h.fault == "instruction_conflict" for h in first),
        "forwarded": journal["submissions"],
        "records": sum(log["size"] for log in backlog["logs"]),
        "delivered": bureau["records"],
        "notices": bureau["notices"],
    }
    return Accounts(
        counts=counts,
        policies_fired=dict(sorted(bureau["policies"].items())),
        equations=_equations(items, heard, counts, books),
        surprises=tuple(_surprises(items, heard)),
        log_verified=bool(bureau["log_verified"]) and not bureau["misbehaviours"],
    )


def _equations(
    items: Sequence[DayItem], heard: Sequence[Heard], counts: dict[str, int], books: Books
) -> tuple[Equation, ...]:
    journal, bureau, decided_on = books.journal, books.bureau, books.decided
    passed = {str(i.key) for i, h in zip(items, heard, strict=True) if h.outcome == "passed"}
    passed |= decided_on.released
    paying = counts["passed"] + counts["released"]
    effects = {row["key"]: row["count"] for row in journal["effects"]}
    paid = sum(count for count in effects.values())
    verdicts, kinds = bureau["verdicts"], bureau["kinds"]
    decided = counts["passed"] + counts["held"] + counts["blocked"]
    outcomes = bureau["bank_outcomes"]
    rows = (
        ("received = decided + faults", counts["received"], decided + counts["faults"]),
        ("decided = verdicts at the bureau", decided, sum(verdicts.values())),
        ("passed = passed at the bureau", counts["passed"], verdicts["passed"]),
        ("held = held at the bureau", counts["held"], verdicts["held"]),
        ("blocked = blocked at the bureau", counts["blocked"], verdicts["blocked"]),
        ("held + blocked = notices at the bureau", counts["held"] + counts["blocked"],
         counts["notices"]),
        ("conflicts = conflicts at the bureau", counts["conflicts"], kinds.get("conflict", 0)),
        ("released + refused = holds' ends at the bureau", counts["released"] + counts["refused"],
         kinds.get("release", 0)),
        ("decided about, and held still", len(decided_on.untouched), 0),
        ("forwarded - lost by the bank + never taken = passed + released",
         counts["forwarded"] - journal["lost"] + outcomes.get("not_taken", 0), paying),
        ("at the bank, but never passed", len(effects.keys() - passed), 0),
        ("paid twice", sum(count > 1 for count in effects.values()), 0),
        ("passed + released = bank outcomes at the bureau", paying, sum(outcomes.values())),
        ("paid by the bank = accepted at the bureau", paid, outcomes.get("accepted", 0)),
        ("records = delivered", counts["records"], counts["delivered"]),
        ("alerts on the conduct of this bank", kinds.get("conduct_alert", 0), 0),
        ("gaps in the bureau's log", bureau["gaps"], 0),
    )  # fmt: skip
    return tuple(Equation(name=name, left=left, right=right) for name, left, right in rows)


def _surprises(items: Sequence[DayItem], heard: Sequence[Heard]) -> list[str]:
    """Where the gateway's answer was not what the day had foreseen."""
    surprises = []
    for item, h in zip(items, heard, strict=True):
        expected = (item.outcome, item.fault) if not item.replay else (item.outcome, None)
        if (h.outcome, h.fault) != expected:
            surprises.append(f"{item.key}: foreseen {expected}, heard {h.outcome} {h.fault}")
        elif item.policy and item.policy not in h.policies:
            surprises.append(f"{item.key}: {item.policy} did not fire, but {h.policies}")
    return surprises


def as_bytes(summary: dict[str, Any]) -> bytes:
    return orjson.dumps(summary, option=orjson.OPT_INDENT_2)

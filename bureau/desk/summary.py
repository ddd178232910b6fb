"""The counts that close the accounting of a division: what came, of what kind, and is it whole."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bureau.desk.audit import Auditor
from bureau.ports import DeskStore, LogPlace, LogStore

VERDICTS = ("passed", "held", "blocked")


class Summaries:
    """Summaries of the divisions whose logs are kept here. Raises StoreUnavailable."""

    def __init__(
        self, store: LogStore, desk: DeskStore, auditor: Auditor, places: Sequence[LogPlace]
    ) -> None:
        self._store = store
        self._desk = desk
        self._auditor = auditor
        self._places = places

    async def of(self, division: str) -> dict[str, Any] | None:
        """JSON-ready; None if the division has no log here. `log_verified` is computed now.

        {division, records, size, gaps, kinds, verdicts, bank_outcomes, policies, notices,
        misbehaviours, log_verified, logs: [{bank, origin, size, records, verified, reason}]}
        """
        places = [place for place in self._places if place.division == division]
        if not places:
            return None
        counts: Counter[tuple[str, str]] = Counter()
        notices = 0
        logs: list[dict[str, Any]] = []
        for place in places:
            audit = await self._auditor.audit(place)
            counts.update(await self._store.tallies(division, place.bank))
            notices += await self._desk.count_notices(division, place.bank)
            logs.append(
                {
                    "bank": place.bank,
                    "origin": place.origin,
                    "size": audit.size,
                    "records": audit.records,
                    "verified": audit.holds,
                    "reason": audit.reason,
                }
            )
        refused = sum(log["misbehaviours"] for log in await self._desk.logs(division))
        return {
            "division": division,
            "records": sum(log["records"] for log in logs),
            "size": sum(log["size"] for log in logs),
            "gaps": sum(log["size"] - log["records"] for log in logs),
            "kinds": _measured(counts, "kind"),
            "verdicts": dict.fromkeys(VERDICTS, 0) | _measured(counts, "outcome"),
            "bank_outcomes": _measured(counts, "bank_outcome"),
            "policies": _measured(counts, "policy"),
            "notices": notices,
            "misbehaviours": refused,
            "log_verified": all(log["verified"] for log in logs),
            "logs": logs,
        }


def _measured(counts: Counter[tuple[str, str]], measure: str) -> dict[str, int]:
    return {value: count for (name, value), count in sorted(counts.items()) if name == measure}

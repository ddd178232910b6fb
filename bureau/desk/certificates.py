"""The certificates that the bureau itself can see: its own, and those of the parties it trusts.

Cases, approvals and revocation lists are the authority's, on a gateway's operators' port.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import attrs
import structlog

from certs.files import Mark, mark_of
from certs.keys import load_certificates
from certs.revocation import lists_in
from certs.signatories import life_under
from certs.signing.signer import holder_of
from certs.signing.suites import public_of, suite_of
from gateway.domain.certificates import alert_of, list_alert_of

WARN_DAYS = 30
URGENT_DAYS = 7
PARTY = "参与方 party"
LOOK_S = 60.0
FILES_KNOWN_MAX = 8192

_log = structlog.get_logger("bureau.certificates")


@attrs.frozen(kw_only=True)
class Held:
    use: str
    file: str
    subject: str
    serial: str
    holder: str
    """Its party's URI; an authority's subject."""
    not_before: dt.datetime
    not_after: dt.datetime
    by: str = ""
    """The authority over it, where that ends first (or with it): then `not_after` is its end."""
    suite: str = ""
    """Of its key: of one holder, an SM2 certificate is not in the place of a P-256 one."""
    listed: bool = False
    """A revocation list: it lives for days, and beyond its end nobody passes."""

    def threshold(self, now: dt.datetime) -> int | None:
        """The alarm that is due: days, 0 once it has ended, None."""
        alarm = list_alert_of if self.listed else alert_of
        return alarm(self.not_before, self.not_after, now)

    def days_left(self, now: dt.datetime) -> int:
        """Whole days; negative once it has run out."""
        return (self.not_after - now).days


@attrs.frozen(kw_only=True)
class Ending:
    """One that ends soon or has ended, with nothing in its place."""

    held: Held
    threshold: int
    """Days (60, 30, 14, 7, 1); 0: it has ended."""

    @property
    def urgent(self) -> bool:
        """Whether the desk's first page says it: ours in a month, a party's in a week."""
        return self.threshold <= (URGENT_DAYS if self.held.use == PARTY else WARN_DAYS)


def endings(held: Iterable[Held], now: dt.datetime) -> list[Ending]:
    """Soonest first. What ends beside a later one of the same holder and suite, valid already, is
    kept for what it signed, and is not told."""
    whole = sorted(held, key=lambda one: one.not_after)
    last = {_place(each): each.not_after for each in whole if each.not_before <= now}
    found = []
    for each in whole:
        threshold = each.threshold(now)
        if threshold is not None and last.get(_place(each), each.not_after) <= each.not_after:
            found.append(Ending(held=each, threshold=threshold))
    return found


def _place(held: Held) -> tuple[str, str, str]:
    return held.use, held.holder, held.suite


class Warner:
    """Tells the operators' log once of each threshold that was passed."""

    def __init__(self, shelf: "Shelf", clock: Callable[[], dt.datetime]) -> None:
        self._shelf = shelf
        self._clock = clock
        self._told: set[tuple[str, int]] = set()

    async def run(self) -> None:
        while True:
            self.look(await asyncio.to_thread(self._shelf.held))
            await asyncio.sleep(LOOK_S)

    def look(self, held: Iterable[Held]) -> None:
        for one in endings(held, self._clock()):
            if (one.held.serial, one.threshold) in self._told:
                continue
            self._told.add((one.held.serial, one.threshold))
            tell = _log.warning if one.threshold else _log.error
            tell(
                "certificate.expiring" if one.threshold else "certificate.expired",
                use=one.held.use, holder=one.held.holder, file=one.held.file,
                days=one.threshold, ends=one.held.not_after.isoformat(), by=one.held.by,
            )  # fmt: skip


@attrs.frozen(kw_only=True)
class Shelf:
    """Where certificates lie: `own` by use; `parties`, a folder that is read anew each time."""

    own: Mapping[str, Path]
    parties: Path | None
    evidence: Path | None = None
    """The authorities that those of `signing` must be under: they count no longer than these."""
    signing: frozenset[str] = frozenset()
    lists: Mapping[str, Path] = attrs.field(factory=dict)
    """Files of revocation lists, by use."""

    def held(self) -> list[Held]:
        """Soonest to run out first. A file that cannot be read is left out."""
        found = [
            each
            for use, path in self.own.items()
            for each in _read(use, path, self.evidence if use in self.signing else None)
        ]
        found += [each for use, path in self.lists.items() for each in _read_lists(use, path)]
        if self.parties is not None and self.parties.is_dir():
            for path in sorted(self.parties.glob("*.pem")):
                found += _read(PARTY, path)
        return sorted(found, key=lambda each: each.not_after)


def _read(use: str, path: Path, over: Path | None = None) -> tuple[Held, ...]:
    try:
        return _held(use, path, over, mark_of([path, over]))
    except (ValueError, OSError):
        return ()


def _read_lists(use: str, path: Path) -> tuple[Held, ...]:
    try:
        return tuple(
            Held(
                use=use, file=path.name, subject=one.issuer, serial=f"{one.number}",
                holder=one.issuer, not_before=one.this_update, not_after=one.next_update,
                listed=True,
            )
            for one in lists_in(path.read_bytes())
        )  # fmt: skip
    except (ValueError, OSError):
        return ()


@lru_cache(maxsize=FILES_KNOWN_MAX)
def _held(use: str, path: Path, over: Path | None, mark: Mark) -> tuple[Held, ...]:
    """Of a file as it is at this mark: the first page asks at each visit, and they change seldom.
    Raises ValueError, OSError, which are not remembered."""
    authorities = load_certificates(over) if over is not None else ()
    certificates = load_certificates(path)
    found = tuple(
        Held(
            use=use, file=path.name, subject=each.subject.rfc4514_string(),
            serial=f"{each.serial_number:x}", holder=holder_of(each),
            not_before=each.not_valid_before_utc, not_after=each.not_valid_after_utc,
            suite=_suite(each),
        )
        for each in certificates
    )  # fmt: skip
    if not authorities:
        return found
    return tuple(map(partial(_under, authorities), found, certificates))


def _under(authorities: Sequence[Any], held: Held, certificate: Any) -> Held:
    """With the end that whoever proves it sees. Raises ValueError if none of these issued it."""
    life = life_under(authorities, certificate)
    if life.authority.not_valid_after_utc > held.not_after:
        return held
    by = f"{life.authority.subject.rfc4514_string()} ({life.authority.serial_number:x})"
    return attrs.evolve(held, not_after=life.not_after, by=by)


def _suite(certificate: Any) -> str:
    """Empty for a key that is in none of ours, an authority's among them."""
    try:
        return suite_of(public_of(certificate)).name
    except ValueError:
        return ""

"""The certificates that the bureau itself can see: its own, and those of the parties it trusts.

Cases, approvals and revocation lists are the authority's, on a gateway's operators' port.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from certs.keys import load_certificates

WARN_DAYS = 30
URGENT_DAYS = 7


@attrs.frozen(kw_only=True)
class Held:
    use: str
    file: str
    subject: str
    serial: str
    not_after: dt.datetime

    def days_left(self, now: dt.datetime) -> int:
        """Whole days; negative once it has run out."""
        return (self.not_after - now).days


@attrs.frozen(kw_only=True)
class Shelf:
    """Where certificates lie: `own` by use; `parties`, a folder that is read anew each time."""

    own: Mapping[str, Path]
    parties: Path | None

    def held(self) -> list[Held]:
        """Soonest to run out first. A file that cannot be read is left out."""
        found = [each for use, path in self.own.items() for each in _read(use, path)]
        if self.parties is not None and self.parties.is_dir():
            for path in sorted(self.parties.glob("*.pem")):
                found += _read("参与方 party", path)
        return sorted(found, key=lambda each: each.not_after)


def _read(use: str, path: Path) -> Iterator[Held]:
    try:
        certificates = load_certificates(path)
    except (ValueError, OSError):
        return
    for each in certificates:
        yield Held(
            use=use, file=path.name, subject=each.subject.rfc4514_string(),
            serial=f"{each.serial_number:x}", not_after=each.not_valid_after_utc,
        )  # fmt: skip

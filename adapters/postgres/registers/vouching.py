"""What the program says of a version of the registers, for itself to believe later.

The table is the database role's to write; the key for people's data is the program's. A version
bears an HMAC of whoever proved its signature and applied it, and another of whoever wrote its
record (decision 0160).
"""

import datetime as dt
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from gateway.domain.records import canonical

Vouch = Callable[[bytes], bytes]
"""HMAC with a key that is not in the database."""

_SAID = ("version", "kind", "signer", "rows", "by_voucher")


def of_version(vouch: Vouch | None, division: str, row: Mapping[str, Any]) -> bytes | None:
    """`row`: as `register_snapshot` has it, the bureau's own number under `as_kept`. None: there is
    no key."""
    as_of: dt.datetime = row["as_of"]
    said = {name: row[name] for name in _SAID} | {
        "applied": division,
        "as_of": as_of.astimezone(dt.UTC).isoformat(),
        "digest": row["digest"].hex(),
        "feed_version": row["as_kept"],
    }
    return vouch(canonical(said)) if vouch else None


def of_record(vouch: Vouch | None, division: str, version: int) -> bytes | None:
    return vouch(canonical({"recorded": division, "version": version})) if vouch else None


def is_said(stored: bytes | None, by_us: bytes | None) -> bool:
    return stored is not None and by_us is not None and hmac.compare_digest(stored, by_us)

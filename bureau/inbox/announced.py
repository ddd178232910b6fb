"""Keys that a gateway announces in its log, before they sign (RECORDS: announced rotation)."""

from collections.abc import Iterable, Iterator

import msgspec

from gateway.domain.log import SealedRecord
from gateway.domain.records import RecordKind

_MARK = b'"kind":"%b"' % RecordKind.KEY_ANNOUNCED.encode()
"""Inside a JSON string its quotes would be escaped."""


class _Announced(msgspec.Struct):
    certificate: str = ""


def announced_keys(proven: Iterable[SealedRecord]) -> Iterator[bytes]:
    """Certificates (PEM) in records whose place in the log is proven. What a delivery repeats of
    before is not among them: it was not looked at again."""
    for record in proven:
        if _MARK in record.body and (found := _certificate(record.body)):
            yield found.encode("ascii", "replace")


def _certificate(body: bytes) -> str:
    """Empty if the bytes do not name one."""
    try:
        return msgspec.json.decode(body, type=_Announced).certificate
    except (ValueError, RecursionError):
        return ""

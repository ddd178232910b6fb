"""Keys that a gateway announces in its log, before they sign (RECORDS: announced rotation)."""

from collections.abc import Iterator

import orjson

from gateway.domain.log import Delivery
from gateway.domain.records import RecordKind

_MARK = b'"kind":"%b"' % RecordKind.KEY_ANNOUNCED.encode()
"""Inside a JSON string its quotes would be escaped."""


def announced_keys(delivery: Delivery) -> Iterator[bytes]:
    """Certificates (PEM), of records whose place in the log is proven."""
    for record in delivery.records:
        if _MARK in record.body:
            found = orjson.loads(record.body).get("certificate")
            if isinstance(found, str):
                yield found.encode("ascii", "replace")

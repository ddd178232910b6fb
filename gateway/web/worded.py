"""Replies of the road past aiohttp, as bytes of HTTP/1.1."""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from gateway.web.intake import Reply

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    b"Retry-After: 2\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
)
_BUSY_BODY = (
    b'{"type":"urn:treasury-gateway:fault:overloaded",'
    b'"title":"Not taken just now; try again later",'
    b'"status":503,"code":"overloaded","detail":"this party has too many connections","errors":[]}'
)
_STATUS = {
    status.value: b"%d %b" % (status, status.phrase.encode("ascii")) for status in HTTPStatus
}


def busy() -> bytes:
    """To a party that has its share of connections already."""
    return _BUSY % (len(_BUSY_BODY), _BUSY_BODY)


def written(reply: Reply, *, last: bool) -> bytes:
    """The reply as HTTP/1.1; `last`: the connection is closed after it."""
    more = b"Connection: close\r\n" if last else b""
    if reply.retry_after_s is not None:
        more += b"Retry-After: %d\r\n" % reply.retry_after_s
    return b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\nDate: %b\r\n%b\r\n%b" % (
        _STATUS[reply.status], reply.media_type.encode("ascii"), len(reply.body),
        _date(int(time.time())), more, reply.body,
    )  # fmt: skip


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    """IMF-fixdate (RFC 9110 5.6.7), worded once a second."""
    return formatdate(second, usegmt=True).encode("ascii")

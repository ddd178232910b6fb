"""Reading a request's body: bounded in size and time, never decompressed, whole or not at all."""

import asyncio

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.domain.faults import FaultCode, Unreadable

BODY_BYTES_MAX = 1 << 20
FEED_BYTES_MAX = 64 << 20
"""A feed from the bureau: some 150,000 rows. A larger snapshot is loaded from a file."""
BODY_DEADLINE_S = 5.0
MESSAGE_BYTES_MAX = 48 << 20
"""A message of 10,000 payments."""
MESSAGE_DEADLINE_S = 60.0


class BodyTooLarge(Unreadable):
    status = 413


class MediaTypeUnsupported(Unreadable):
    status = 415


async def read_body(
    request: web.Request, most: int = BODY_BYTES_MAX, deadline_s: float = BODY_DEADLINE_S
) -> bytes:
    """The request's bytes as sent. Raises Unreadable."""
    if most > BODY_BYTES_MAX:
        request = request.clone(client_max_size=most)
    if "Content-Encoding" in request.headers:
        raise MediaTypeUnsupported(
            FaultCode.CONTENT_ENCODING_REFUSED,
            "send the signed bytes themselves, without Content-Encoding",
        )
    if (request.content_length or 0) > most:
        raise _too_large(most)
    try:
        if request.content.is_eof():  # it came whole, with its head: nothing to wait for
            return await request.read()
        async with asyncio.timeout(deadline_s):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large(most) from error
    except TimeoutError as error:
        raise Unreadable(
            FaultCode.BODY_INCOMPLETE, f"the body did not arrive within {deadline_s:g} s"
        ) from error
    except (ClientPayloadError, HttpProcessingError, ConnectionError) as error:
        raise Unreadable(FaultCode.BODY_INCOMPLETE, "the body ended before its time") from error


def _too_large(most: int) -> BodyTooLarge:
    return BodyTooLarge(FaultCode.BODY_TOO_LARGE, f"a body may have at most {most} bytes")

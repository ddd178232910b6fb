"""Reading a request's body: bounded in size and time, never decompressed, whole or not at all."""

import asyncio

from aiohttp import ClientPayloadError, web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.domain.faults import FaultCode, Unreadable

BODY_BYTES_MAX = 1 << 20
BODY_DEADLINE_S = 5.0


class BodyTooLarge(Unreadable):
    status = 413


class MediaTypeUnsupported(Unreadable):
    status = 415


async def read_body(request: web.Request) -> bytes:
    """The request's bytes as sent. Raises Unreadable."""
    if "Content-Encoding" in request.headers:
        raise MediaTypeUnsupported(
            FaultCode.CONTENT_ENCODING_REFUSED,
            "send the signed bytes themselves, without Content-Encoding",
        )
    if (request.content_length or 0) > BODY_BYTES_MAX:
        raise _too_large()
    try:
        if request.content.is_eof():  # it came whole, with its head: nothing to wait for
            return await request.read()
        async with asyncio.timeout(BODY_DEADLINE_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    except TimeoutError as error:
        raise Unreadable(
            FaultCode.BODY_INCOMPLETE, f"the body did not arrive within {BODY_DEADLINE_S:g} s"
        ) from error
    except (ClientPayloadError, HttpProcessingError, ConnectionError) as error:
        raise Unreadable(FaultCode.BODY_INCOMPLETE, "the body ended before its time") from error


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(FaultCode.BODY_TOO_LARGE, f"a body may have at most {BODY_BYTES_MAX} bytes")

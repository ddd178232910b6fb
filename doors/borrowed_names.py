"""By which names a port on loopback may be asked for."""

import ipaddress
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def no_borrowed_name(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses who asks an operators' port by such a name."""
    here = request.transport.get_extra_info("sockname") if request.transport else None
    if here and _by_borrowed_name(request.headers.get("Host"), here[0]):
        raise web.HTTPMisdirectedRequest(text="ask by number, or for localhost")
    return await handler(request)


def _by_borrowed_name(asked: str | None, here: str) -> bool:
    """Whether whoever asks at the address `here` says a name that is not this machine's.

    On loopback nobody but this machine asks, and it does so by number or as `localhost`. A page in
    an operator's browser whose own name has been made to mean 127.0.0.1 asks under that name.
    `asked`: the Host header, which every browser says.
    """
    return asked is not None and _is_loopback(here) and not _is_our_own(asked)


def _is_our_own(asked: str) -> bool:
    try:
        name = _name_in(asked)
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False


def _name_in(asked: str) -> str:
    """Without the port (RFC 9110 section 7.2)."""
    if not asked.startswith("["):
        return asked.partition(":")[0].lower()
    address, closed, _port = asked[1:].partition("]")
    return address if closed else ""


def _is_loopback(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback

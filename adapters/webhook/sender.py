"""One signed message to one address of somebody else's: `gateway.ports.Webhook`.

Who sets an address could make us knock at our own doors (SSRF). So: https only; every address that
the name resolves to must be a public one, unless the host is named in `inside`; the connection goes
to the very addresses that were looked at; redirects are not followed; no answer is kept.
"""

import asyncio
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.domain.faults import Undelivered

DEADLINE_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024
CONNECTIONS = 4
SIGNATURE_HEADER = "Signature-JWS"

_PLAIN_URL = re.compile(r"https://[0-9A-Za-z._:\[\]-]+(?:[/?][!-~]*)?")
"""Nothing that HTTP clients rewrite before they connect: IDNA makes `127。0。0。1` an address."""

_INWARD = tuple(map(ipaddress.ip_network, (
    "::/3", "3ffe::/16", "3fff::/20", "4000::/2", "8000::/1", "192.0.0.0/24", "192.88.99.0/24",
)))  # fmt: skip
"""What Python calls global although it leads inward or nowhere: NAT64 (64:ff9b::/96 holds any IPv4
address, our own too), IPv4-compatible and translated, site-local, relays, documentation. Of IPv6
only 2000::/3 is given to hosts (RFC 4291, IANA)."""

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to addresses. Raises OSError."""


class Forbidden(Undelivered):
    forbidden = True


@attrs.frozen
class _Vetted(AbstractResolver):
    """Answers with public addresses only, or with any for a host that is named as inside."""

    inside: frozenset[str]
    lookup: Lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self.lookup(host, port)
        if host not in self.inside:
            inward = [address for address in addresses if not _is_public(address)]
            if inward or not addresses:
                raise Forbidden(f"{host} is not outside: {', '.join(inward) or 'no address'}")
        return [
            ResolveResult(
                hostname=host, host=address, port=port, proto=0, flags=socket.AI_NUMERICHOST,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
            )
            for address in addresses
        ]  # fmt: skip

    async def close(self) -> None:
        return None


async def system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookSender:
    """`sign` is our detached JWS over the exact bytes, by which the receiver knows us."""

    def __init__(
        self, sign: Callable[[bytes], str], tls: ssl.SSLContext, *,
        inside: frozenset[str] = frozenset(), lookup: Lookup = system_lookup,
    ) -> None:  # fmt: skip
        self._sign = sign
        self._tls = tls
        self._inside = inside
        self._lookup = lookup
        self._session: aiohttp.ClientSession | None = None

    async def send(self, url: str, body: bytes) -> None:
        """POST `application/json`; taken if the answer is 2xx. Raises Undelivered."""
        if not _PLAIN_URL.fullmatch(url):
            raise Forbidden("an address is ASCII without blanks; a Chinese name begins with xn--")
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or parts.username or parts.password:
            raise Forbidden("an address is https://host[:port]/path, without a name in it")
        if _is_number(parts.hostname) and parts.hostname not in self._inside:
            raise Forbidden("an address names a host, not a number")
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: self._sign(body)}
        try:
            async with self._opened().post(
                url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await answer.content.read(ANSWER_BYTES_MAX)
                if not 200 <= answer.status < 300:
                    raise Undelivered(f"status {answer.status}")
        except Forbidden:
            raise
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _reason(error) from error

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()
        self._session = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                ssl=self._tls, limit=CONNECTIONS, resolver=_Vetted(self._inside, self._lookup),
                use_dns_cache=False,
            )  # fmt: skip
            timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
            )  # fmt: skip
        return self._session


def public_tls(authority: Path | None = None) -> ssl.SSLContext:
    """The system's authorities, or another (PEM): a receiver's certificate is not one of ours."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _reason(error: BaseException) -> Undelivered:
    """aiohttp wraps what the resolver raised."""
    cause: Any = error
    while cause is not None:
        if isinstance(cause, Undelivered):
            return cause
        cause = cause.__cause__ or cause.__context__
    return Undelivered(type(error).__name__)


def _is_public(address: str) -> bool:
    """Routable for everybody: no loopback, private, link-local, multicast or special one."""
    try:
        number = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(number, ipaddress.IPv6Address):
        inner = number.ipv4_mapped or number.sixtofour or (number.teredo or (None, None))[1]
        if inner is not None:
            return _is_public(str(inner))
    inward = any(number in network for network in _INWARD if network.version == number.version)
    return number.is_global and not number.is_multicast and not inward


def _is_number(host: str) -> bool:
    """Any spelling of an address, `2130706433` and `0x7f.1` too: resolvers take them for one."""
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")

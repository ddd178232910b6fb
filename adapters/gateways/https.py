"""Signed feeds to one gateway over mutual TLS; it proves nothing, the gateway does."""

import ssl

import aiohttp
import msgspec
import orjson

from gateway.domain.faults import FeedRefused, GatewayUnavailable

DEADLINE_S = 10.0
SLOWEST_BYTES_A_SECOND = 2**20
"""What a feed takes on its way, and to be applied, is granted beside: a gateway takes one of 64 MiB
within a minute (docs/registers.md), and one that never came in time would be sent for ever."""
CONNECT_DEADLINE_S = 5.0
ANSWER_BYTES_MAX = 4 * 2**20
"""A gateway hands back what it took in one body of 1 MiB, as a text within JSON."""
CODE_CHARS_MAX = 64
WORDS_CHARS_MAX = 300
"""Of what is wrong with an answer: aiohttp quotes eight thousand bytes of a header without end."""


class _Taken(msgspec.Struct):
    version: int


class HttpsGateway:
    """`url` is its door's origin, such as `https://host:8443`. One request, one connection: feeds
    are few, and a bureau has many gateways."""

    def __init__(self, url: str, ssl_context: ssl.SSLContext) -> None:
        if not url.startswith("https://"):
            raise ValueError("a gateway is reached over https only")
        self._url = url.rstrip("/")
        self._tls = ssl_context

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        """Hand a feed over; the version that the gateway holds now.

        Raises FeedRefused (its own words; sending the same again is useless), GatewayUnavailable.
        """
        told = await self.ask(kind, body, signature)
        try:
            return msgspec.json.decode(told, type=_Taken).version
        except (ValueError, RecursionError) as error:
            raise GatewayUnavailable(f"the answer is not readable: {error}") from error

    async def ask(self, kind: str, body: bytes, signature: str) -> bytes:
        """The same, with all that the gateway answers. Raises as `publish`."""
        headers = {"Content-Type": "application/json", "Signature-JWS": signature}
        deadline_s = DEADLINE_S + len(body) / SLOWEST_BYTES_A_SECOND
        timeout = aiohttp.ClientTimeout(total=deadline_s, sock_connect=CONNECT_DEADLINE_S)
        connector = aiohttp.TCPConnector(ssl=self._tls, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.post(
                    f"{self._url}/v1/feeds/{kind}", data=body, headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):  # fmt: skip
                told = await _whole(answer.content)
                status = answer.status
        except aiohttp.ConnectionTimeoutError as error:
            raise GatewayUnavailable(f"no connection within {CONNECT_DEADLINE_S:g} s") from error
        except TimeoutError as error:
            raise GatewayUnavailable(f"no whole answer within {deadline_s:.3g} s") from error
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            words = f"{type(error).__name__}: {error}"
            raise GatewayUnavailable(words[:WORDS_CHARS_MAX]) from error
        if status == 200:
            return told
        code, words, zh = said_of(status, told)
        if status == 503 or status >= 500:
            raise GatewayUnavailable(words)
        raise FeedRefused(words, code, zh)


async def _whole(content: aiohttp.StreamReader) -> bytes:
    """All of an answer that is not longer than it may be; of a longer one the beginning."""
    found = b""
    while len(found) < ANSWER_BYTES_MAX:
        piece = await content.read(ANSWER_BYTES_MAX - len(found))
        if not piece:
            break
        found += piece
    return found


def said_of(status: int, body: bytes) -> tuple[str, str, str]:
    """The problem's code, and all of it in words: English, and Chinese."""
    try:
        problem = orjson.loads(body)
        rows = "; ".join(f"{each['field']}: {each['en']}" for each in problem["errors"])
        words = f"{status} {problem['code']}: {problem['detail']}{'; ' if rows else ''}{rows}"
        zh = "；".join(f"{each['field']}：{each['zh']}" for each in problem["errors"])
        zh = f"{problem['title_zh']}{'：' if zh else ''}{zh}"
        return str(problem["code"])[:CODE_CHARS_MAX], words, zh
    except (ValueError, TypeError, KeyError):
        return "", f"{status} without a problem document", ""

"""Reads a posted form within bounds: what its size promises is all that it costs.

aiohttp's reader decodes a form in whatever character set the sender names (`punycode` took minutes
of the loop for two megabytes), unpacks parts that say they are packed, and walks through a preamble
line by line; whatever it does not know ends in an exception. A browser sends none of this.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias
from urllib.parse import parse_qsl, urlsplit

import attrs
from aiohttp import web
from multidict import MultiDict

FIELDS_MAX = 1000
TYPED_BYTES_MAX = 2 * 1024 * 1024
"""Of a form without files: it is decoded at once, in some milliseconds."""
SMALL_BYTES = 64 * 1024
LARGE_AT_ONCE = 8
LARGE_OF_ONE_AT_ONCE = 2
"""Of one person, so that nobody who sends slowly keeps the others' files out."""
SMALL_DEADLINE_S = 20.0
LARGE_DEADLINE_S = 180.0
HEAD_BYTES_MAX = 2048
"""Of a part."""
URL_ENCODED, PARTS = "application/x-www-form-urlencoded", "multipart/form-data"

_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=?-]{1,70}", re.ASCII)
_NAMED = re.compile(r'form-data; *name="([^"\r\n]*)"(?:; *filename="([^"\r\n]*)")?(?:;.*)?', re.I)
_PLAIN = ("", "binary", "7bit", "8bit")


@attrs.frozen(kw_only=True)
class File:
    """A file as it was handed in; `name` is what the sender calls it, and nothing more."""

    name: str
    body: bytes = attrs.field(repr=False)


Form: TypeAlias = "MultiDict[str | File]"


class Forms:
    """Reads forms; one for all visitors, for large ones have a number of places."""

    def __init__(self) -> None:
        self._large: Counter[str] = Counter()

    async def read(
        self, request: web.Request, bytes_max: int, whose: str = "", fields_max: int = FIELDS_MAX
    ) -> Form:
        """A form that came from our own pages. `whose`: the login, where somebody is signed in.

        Where the browser says from which site a form was sent, it must be this one.
        Raises HTTPForbidden, HTTPBadRequest, HTTPRequestEntityTooLarge, HTTPUnsupportedMediaType,
        HTTPRequestTimeout, HTTPServiceUnavailable.
        """
        _from_here(request)
        size = request.content_length
        if size is None or size > bytes_max:
            raise web.HTTPRequestEntityTooLarge(bytes_max, size or 0)
        kind = request.content_type
        if kind not in (URL_ENCODED, PARTS) or (request.charset or "utf-8").lower() != "utf-8":
            raise web.HTTPUnsupportedMediaType(reason="not a form in UTF-8")
        if kind == URL_ENCODED and size > TYPED_BYTES_MAX:
            raise web.HTTPRequestEntityTooLarge(TYPED_BYTES_MAX, size)
        with self._place(size, whose):
            body = await _body(request, size)
            try:
                if kind == PARTS:
                    return _parts(body, request.headers["Content-Type"], fields_max)
                return MultiDict(_typed(body, fields_max))
            except ValueError:
                raise web.HTTPBadRequest(reason="the form cannot be read") from None

    @contextmanager
    def _place(self, size: int, whose: str) -> Iterator[None]:
        if size <= SMALL_BYTES:
            yield
            return
        if self._large.total() >= LARGE_AT_ONCE or self._large[whose] >= LARGE_OF_ONE_AT_ONCE:
            raise web.HTTPServiceUnavailable(reason="too many files at once")
        self._large[whose] += 1
        try:
            yield
        finally:
            self._large[whose] -= 1


def _from_here(request: web.Request) -> None:
    origin = request.headers.get("Origin")
    try:
        told = urlsplit(origin).netloc if origin not in (None, "null") else request.host
    except ValueError:  # `http://[`
        told = None
    if told != request.host or (
        request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
    ):
        raise web.HTTPForbidden(reason="the form was sent from another site")


async def _body(request: web.Request, size: int) -> bytes:
    try:
        async with asyncio.timeout(SMALL_DEADLINE_S if size <= SMALL_BYTES else LARGE_DEADLINE_S):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="the form did not come in time") from None


def _typed(body: bytes, fields_max: int) -> list[tuple[str, str]]:
    text = body.decode("ascii")
    if text.count("&") >= fields_max:
        raise web.HTTPRequestEntityTooLarge(fields_max, fields_max)
    return parse_qsl(text, keep_blank_values=True, errors="strict")


def _parts(body: bytes, kind: str, fields_max: int) -> Form:
    """RFC 7578 as browsers write it. Raises ValueError."""
    mark = b"\r\n--" + _boundary(kind)
    before, *parts = (b"\r\n" + body).split(mark, fields_max + 1)
    if before or not parts:
        raise ValueError("there is something before the first part")
    if len(parts) > fields_max:
        raise web.HTTPRequestEntityTooLarge(fields_max, len(parts))
    if parts.pop().rstrip(b"\r\n") != b"--":
        raise ValueError("it does not end")
    form: Form = MultiDict()
    for part in parts:
        head, found, value = part.partition(b"\r\n\r\n")
        if not found or len(head) > HEAD_BYTES_MAX or not head.startswith(b"\r\n"):
            raise ValueError("a part without a head")
        name, filename = _named(head.decode())
        form.add(
            name, value.decode() if filename is None else File(name=filename, body=value)
        )  # fmt: skip
    return form


def _boundary(kind: str) -> bytes:
    for each in kind.split(";")[1:]:
        name, _, value = each.strip().partition("=")
        if name.lower() == "boundary" and _BOUNDARY.fullmatch(value.strip('"')):
            return value.strip('"').encode()
    raise ValueError("no boundary")


def _named(head: str) -> tuple[str, str | None]:
    """A part's name and its file's; None: what was typed."""
    lines = dict(_lines(head))
    for each in ("content-encoding", "content-transfer-encoding"):
        if lines.get(each, "").lower() not in _PLAIN:
            raise ValueError("a browser packs nothing")
    found = _NAMED.fullmatch(lines.get("content-disposition", ""))
    if found is None:
        raise ValueError("a part without a name")
    return _unquoted(found[1]), None if found[2] is None else _unquoted(found[2])


def _lines(head: str) -> Iterator[tuple[str, str]]:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def _unquoted(text: str) -> str:
    """The HTML standard's three escapes, and no others."""
    return text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")

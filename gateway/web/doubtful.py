"""What aiohttp's parser refuses to read, answered like every other refusal: a problem document."""

from typing import Any

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway.domain.faults import FaultCode, Unreadable
from gateway.web.intake import Intake

log = structlog.get_logger()

DETAIL = (
    "not a request of HTTP/1.1 that every reader understands in one way: a line too long, a"
    " doubtful length, a field that is none, or no HTTP at all; nothing of it was read"
)


class ProblemHandler(RequestHandler):
    """One connection of `server`, as it would make it itself but for the words of a refusal."""

    def __init__(self, server: web.Server, intake: Intake) -> None:
        # The server keeps what its runner was given to itself, and hands it to its own class only.
        super().__init__(server, loop=server._loop, **server._kwargs)
        self._refuse = intake.refuse

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:  # fmt: skip
        """aiohttp's own answer, the connection closed, with our words at 400. What it logs is not
        heard (configured/journal.py), so what broke of ours is told here."""
        plain = super().handle_error(request, status, exc, message)
        if status != 400:
            log.error("door.broken", status=status, error=type(exc).__name__)
            return plain
        reply = self._refuse(Unreadable(FaultCode.HTTP_MALFORMED, DETAIL), "", "/")
        headers: Any = {"Content-Type": reply.media_type}
        answer = web.Response(status=status, body=reply.body, headers=headers)
        answer.force_close()
        return answer

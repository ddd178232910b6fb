"""The operators' log: one JSON line an event on standard error, nothing of a person in it."""

import json
import logging
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import TextIO, cast

import orjson
import structlog

LINE_CHARS_MAX = 200


def configure_log() -> None:
    """Ours, and what libraries have to say, in the same shape."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Patient())),
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    # A malformed request is a stranger's affair: he is answered. aiohttp would write a trace of it
    # and quote what came, a one-time link in it too; what breaks of ours is told by `reception`.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


class _Libraries(logging.Handler):
    """What asyncio and others have to say: the first line, and the kind of an error, for the rest
    quotes what was at hand."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        said = record.getMessage().partition("\n")[0]
        structlog.get_logger().warning(
            "library.warned",
            library=record.name,
            severity=record.levelname.lower(),
            message=said[:LINE_CHARS_MAX],
            error=kind.__name__ if kind else None,
        )


def _json(fields: Mapping[str, object], **_: object) -> str:
    try:
        return orjson.dumps(fields, default=str).decode()
    except TypeError:  # half of a character has no UTF-8: what quotes it fails no sender
        return json.dumps(fields, default=str)


class _Patient:
    """Standard error, without failing whoever logs where its disk is full or nobody reads it:
    the log is no record."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()

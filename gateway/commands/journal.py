"""The operators' log: one JSON line per event, cheap because it is written on the way."""

import logging
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import structlog


def configure_log(file: str | None) -> None:
    """JSON lines to `file`, or to standard error. The library loggers say only what is wrong."""
    # Open for as long as the program runs, and unbuffered: a crash must not swallow its last words.
    out = cast(BinaryIO, Path(file).open("ab", buffering=0) if file else sys.stderr.buffer)  # noqa: SIM115
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.dict_tracebacks,
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(file=out),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING)
    # A malformed request is the client's affair: the door answers it, aiohttp need not shout.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def _dumps(event: dict[str, Any], **_: Any) -> bytes:
    return orjson.dumps(event, default=str)

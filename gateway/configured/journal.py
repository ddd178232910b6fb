"""The operators' log: one JSON line per event, cheap because it is written on the way.

An error is told by its kind and its places in the code. Values never: no local variables, and in
messages, which may quote what was sent, long numbers and Chinese words are blotted out.
"""

import datetime as dt
import json
import logging
import os
import re
import sys
import time
from collections.abc import MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
import structlog
from structlog.tracebacks import ExceptionDictTransformer

from adapters.folder.standard_streams import goes_nowhere

_TELLING = re.compile(r"[0-9]{6,}[0-9Xx]*|[\u3400-\u9fff\uf900-\ufaff·]{2,}")
MESSAGE_CHARS_MAX = 500
LOOK_S = 1.0
"""Between two looks whether the log's file is the one of its name still."""
NOWHERE = "standard error is closed or the null device, and gateway.log_file is not set"
_Filtering: Any = structlog.make_filtering_bound_logger(logging.INFO)
_RENDERED = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


class Renewed:
    """The log's file by its name: one that was moved away to be kept (logrotate), or deleted, would
    be written to for as long as the program runs, and nobody would read it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._opened()
        self._looked = time.monotonic()

    def write(self, line: bytes) -> int | None:
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._look()
        return self._file.write(line)

    def flush(self) -> None:
        """It is not buffered: a crash must not swallow its last words."""

    def close(self) -> None:
        self._file.close()

    def _look(self) -> None:
        try:
            same = os.path.samestat(self._path.stat(), os.fstat(self._file.fileno()))
        except FileNotFoundError:
            same = False
        if not same:
            before, self._file = self._file, self._opened()
            before.close()

    def _opened(self) -> BinaryIO:
        return cast(BinaryIO, self._path.open("ab", buffering=0))


class Lines:
    """Where the lines go. One that cannot be written is lost, and said to be: the log is no record,
    so a full disk or a broken pipe stops no payment and leaves no sender without its answer."""

    def __init__(self, out: BinaryIO, nowhere: str = "") -> None:
        """`nowhere`: why nobody can ever read what is written there."""
        self._out = out
        self._nowhere = nowhere
        self._torn = False
        self._trouble = ""
        self._since = 0.0

    def write(self, line: bytes) -> int:
        try:
            if self._torn:
                line = b"\n" + line
            written = self._out.write(line)
            self._out.flush()
            self._torn = written is not None and written < len(line)
        except (OSError, ValueError) as failed:  # ValueError: closed
            self._say(str(failed))
            return 0
        if self._torn:
            self._say("cut short: is the disk full?")
        else:
            self._trouble = ""
        return len(line)

    def flush(self) -> None:
        """Was done with the write, where its failing is seen."""

    def troubles(self) -> dict[str, str]:
        """`log_file` and what is wrong; empty once a line was written again."""
        if self._nowhere:
            return {"log_file": f"the lines of the log are lost: {self._nowhere}"}
        if not self._trouble:
            return {}
        lost_s = int(time.monotonic() - self._since)
        return {"log_file": f"lines of the log are lost since {lost_s} s: {self._trouble}"}

    def _say(self, words: str) -> None:
        self._since = self._since if self._trouble else time.monotonic()
        self._trouble = words


def unwritable(file: Path) -> str:
    """Why this user could write no log there; empty when it can. Makes nothing: a file made by who
    only looks would be that user's."""
    if file.is_dir():
        return f"{file}: a folder"
    if file.exists():
        return "" if os.access(file, os.W_OK) else f"{file}: not writable by this user"
    if os.access(file.parent, os.W_OK | os.X_OK):
        return ""
    return f"{file}: its folder is absent or not writable by this user"


def configure_log(file: Path | None, *, usual: bool = True) -> Lines:
    """JSON lines to `file`, or to standard error, ours and the libraries' warnings alike.

    Without what is `usual` for a command that says itself what it found.
    """
    opened = cast(BinaryIO, Renewed(file) if file else sys.stderr.buffer)
    lost = file is None and goes_nowhere(opened)
    out = Lines(opened, NOWHERE if lost else "")
    structlog.configure(
        processors=[_line],
        logger_factory=structlog.BytesLoggerFactory(file=cast(BinaryIO, out)),
        wrapper_class=_Lines if usual else structlog.make_filtering_bound_logger(logging.WARNING),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)
    # A malformed request is the client's affair: the door answers it, aiohttp need not shout.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    return out


def blotted(text: str) -> str:
    """Without long numbers and Chinese words: what is left tells no person and no account."""
    return _TELLING.sub("***", text)[:MESSAGE_CHARS_MAX]


class _Lines(_Filtering):  # type: ignore[misc]
    """Each instruction tells one line, and structlog's way to it costs more than the line."""

    def info(self, event: str, *args: Any, **fields: Any) -> Any:
        if args or self._context or self._processors != [_line]:  # as tests have it that listen
            return super().info(event, *args, **fields)
        return self._logger.msg(_line(self._logger, "info", {**fields, "event": event}))


class _Libraries(logging.Handler):
    """What asyncio and others have to say, in the same shape as our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0] if record.exc_info else None
        structlog.get_logger().warning(
            "library.warned",
            library=record.name,
            severity=record.levelname.lower(),
            message=blotted(record.getMessage()),
            error=kind.__name__ if kind else None,
        )


def _line(logger: Any, method: str, event: MutableMapping[str, Any]) -> bytes:
    """One event as it is written. One function and no chain of them: there is a line for each
    instruction, and only errors need more."""
    if event.get("exc_info"):
        event = _RENDERED(logger, method, event)
        _blot_errors(event)
    event["level"] = method
    seconds, rest = divmod(time.time_ns(), 1_000_000_000)
    event["timestamp"] = f"{_second(seconds)}.{rest // 1000:06d}Z"
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:  # half of a character has no UTF-8: what quotes it fails no sender
        return json.dumps(event, default=str).encode("ascii")


@lru_cache(maxsize=1)
def _second(since_1970: int) -> str:
    """Worded once a second."""
    return dt.datetime.fromtimestamp(since_1970, dt.UTC).isoformat()[:-6]


def _blot_errors(event: MutableMapping[str, Any]) -> None:
    for stack in event.get("exception") or ():
        stack["exc_value"] = blotted(stack["exc_value"])
        stack["exc_notes"] = [blotted(note) for note in stack.get("exc_notes") or ()]

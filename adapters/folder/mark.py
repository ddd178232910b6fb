"""The mark: a small file in which a host remembers how far each log had come, beside the database.

Several processes share it. It is replaced as a whole, by a rename, and is durable before anybody is
told that it was kept. What a checkpoint in it proves is not judged here.
"""

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from adapters.folder.durable import settle
from adapters.folder.lock import hand_over, hold, release
from gateway.domain.log import REST, Marked

BYTES_MAX = 4 << 20
ACTS_MAX = 50
UNKNOWN = Marked(checkpoint="unknown: the file was torn")
"""What a torn file said of a log: not that there was none."""
IN_USE = (
    "a gateway runs on this host, and would write what it knows over this within half a minute;"
    " stop every gateway of this host first"
)
_DECIMAL = re.compile("[0-9]{1,19}")


class InUse(ValueError):
    """A gateway of this host runs: it would write what it knows over an operator's word."""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An operator set the mark by hand."""

    at: str
    by: str
    reason: str
    origin: str
    size: int


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int = 1
    logs: dict[str, Marked] = {}
    by_hand: list[Act] = []


class MarkFile:
    """Fulfils gateway.workers.mark.MarkShelf. Blocking; call it from a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._taken = False
        self._held: int | None = None

    def take(self) -> dict[str, Marked]:
        """`read`, by a gateway, which keeps it from now on: nobody sets it by hand until `leave`,
        or until the process ends, however it ends."""
        self._taken = True
        try:
            self._hold()
        except BlockingIOError:
            raise
        except OSError:
            pass  # nor can it be written, which `keep` tells; what it says is as true
        return self.read()

    def leave(self) -> None:
        self._taken = False
        if self._held is not None:
            release(self._held)
        self._held = None

    def read(self) -> dict[str, Marked]:
        """Empty if there is no file yet. Raises OSError; ValueError if it is torn."""
        return self._decoded(self._raw()).logs

    def by_hand(self) -> list[Act]:
        """What operators did, oldest first. Raises OSError, ValueError."""
        return self._decoded(self._raw()).by_hand

    def keep(self, marks: Mapping[str, Marked], refused: Collection[str] = ()) -> None:
        """Raises OSError. A torn file is replaced: what it said is lost already, but that it said
        something of every log is not."""

        def grown(old: _Kept) -> _Kept:
            logs = dict(old.logs)
            for origin, mark in marks.items():
                there = logs.get(origin)
                logs[origin] = further(there, mark, refused) if there else mark
            return msgspec.structs.replace(old, logs=logs)

        if self._taken:
            self._hold()  # it could not be, when it was taken
        self._change(grown)

    def set_by_hand(self, origin: str, mark: Marked, act: Act) -> None:
        """Whatever was there, also a larger one. Raises OSError, InUse."""

        def settled(old: _Kept) -> _Kept:
            acts = [*old.by_hand, act][-ACTS_MAX:]
            return _Kept(logs={**old.logs, origin: mark}, by_hand=acts)

        with self._alone():
            self._change(settled)

    def prove_writable(self) -> None:
        """As `keep` would, and leave it as it is. Raises OSError."""
        with self._draft(_Kept()), self._locked():
            settle(self._path.parent)
        if self._path.exists():
            self._path.open("r+b").close()

    def _raw(self) -> bytes | None:
        """None if there is no file yet."""
        try:
            with self._path.open("rb") as file:
                return file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return None

    def _decoded(self, raw: bytes | None) -> _Kept:
        """Raises ValueError."""
        if raw is None:
            return _Kept()
        if len(raw) > BYTES_MAX:
            raise ValueError(f"{self._path.name} is larger than a mark can be")
        try:
            return msgspec.json.decode(raw, type=_Kept)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{self._path.name} is torn or no mark: {error}") from error

    def _changed(self, raw: bytes | None, change: Callable[[_Kept], _Kept]) -> _Kept | None:
        """None where nothing is to be written."""
        try:
            old = self._decoded(raw)
        except ValueError:
            old = _Kept(logs={REST: UNKNOWN})
        new = change(old)
        return new if new != old else None

    def _change(self, change: Callable[[_Kept], _Kept]) -> None:
        """Replace the file by what becomes of it; durable on return, whoever of several wrote it.

        What takes long, and where a process may be stopped or its disk hang, is done before the
        lock: nobody waits for it. Who finds that another was quicker writes once more, with it.
        """
        seen = self._raw()
        if new := self._changed(seen, change):
            with self._draft(new) as draft, self._locked():
                now = self._raw()
                if now == seen:
                    draft.replace(self._path)
                elif new := self._changed(now, change):
                    with self._draft(new) as again:
                        again.replace(self._path)
        settle(self._path.parent)

    @contextlib.contextmanager
    def _draft(self, kept: _Kept) -> Iterator[Path]:
        """Durable beside the file; gone afterwards, unless it was put in its place."""
        number, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        draft = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                hand_over(number, self._path.parent)
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            yield draft
        finally:
            draft.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes would lose each other's word. Raises OSError, also if another is at it."""
        lock = hold(self._beside("lock"), fcntl.LOCK_EX)
        try:
            yield
        finally:
            release(lock)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises OSError, InUse."""
        try:
            held = hold(self._beside("held"), fcntl.LOCK_EX, tries=1)
        except BlockingIOError as running:
            raise InUse(f"{IN_USE} ({running.strerror})") from None
        try:
            yield
        finally:
            release(held)

    def _hold(self) -> None:
        """Raises OSError; BlockingIOError while an operator sets it, which takes a moment."""
        if self._held is None:
            self._held = hold(self._beside("held"), fcntl.LOCK_SH)

    def _beside(self, what: str) -> Path:
        return self._path.with_name(f"{self._path.name}.{what}")


def further(old: Marked, new: Marked, refused: Collection[str]) -> Marked:
    """What the file says from then on."""
    claimed = -1 if old.checkpoint in refused else _size(old.checkpoint)
    checkpoint = new.checkpoint if _size(new.checkpoint) > claimed else old.checkpoint
    return Marked(checkpoint=checkpoint, forgot=old.forgot or new.forgot)


def _size(checkpoint: str) -> int:
    """What it claims; below every log if it claims nothing."""
    lines = checkpoint.split("\n", 2)
    return int(lines[1]) if len(lines) > 1 and _DECIMAL.fullmatch(lines[1]) else -1

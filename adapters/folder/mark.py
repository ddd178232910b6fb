"""The mark: a small file in which a host remembers how far each log had come, beside the database.

Several processes share it. It is replaced as a whole, by a rename, and is durable before anybody is
told that it was kept. What a checkpoint in it proves is not judged here.
"""

import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import msgspec

from gateway.domain.log import Marked

BYTES_MAX = 4 << 20
ACTS_MAX = 50
UNKNOWN = Marked(checkpoint="unknown: the file was torn")
"""What a torn file said of a log: not that there was none."""
IN_USE = (
    "a gateway runs on this host, and would write what it knows over this within half a minute;"
    " stop every gateway of this host first"
)
_MODE = 0o600
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
        self._held: int | None = None

    def take(self) -> dict[str, Marked]:
        """`read`, by a gateway, which keeps it from now on: nobody sets it by hand until `leave`,
        or until the process ends, however it ends."""
        try:
            self._hold()
        except BlockingIOError:
            raise
        except OSError:
            pass  # nor can it be written, which is told as such; what it says is as true
        return self.read()

    def leave(self) -> None:
        if self._held is not None:
            os.close(self._held)
        self._held = None

    def read(self) -> dict[str, Marked]:
        """Empty if there is no file yet. Raises OSError; ValueError if it is torn."""
        return self._read().logs

    def by_hand(self) -> list[Act]:
        """What operators did, oldest first. Raises OSError, ValueError."""
        return self._read().by_hand

    def keep(
        self, marks: Mapping[str, Marked], refused: Collection[str] = (), ours: Collection[str] = ()
    ) -> None:
        """Raises OSError. A torn file is replaced: what it said is lost already, but that it said
        something of `ours` is not."""
        with self._locked():
            old = self._whole(ours)
            logs = dict(old.logs)
            for origin, mark in marks.items():
                there = logs.get(origin)
                logs[origin] = _further(there, mark, refused) if there else mark
            if logs != old.logs:
                self._write(msgspec.structs.replace(old, logs=logs))

    def set_by_hand(self, origin: str, mark: Marked, act: Act, ours: Collection[str]) -> None:
        """Whatever was there, also a larger one. `ours` as in `keep`. Raises OSError, InUse."""
        with self._alone(), self._locked():
            old = self._whole(ours)
            acts = [*old.by_hand, act][-ACTS_MAX:]
            self._write(_Kept(logs={**old.logs, origin: mark}, by_hand=acts))

    def prove_writable(self) -> None:
        """Write a file beside it and take it away. Raises OSError."""
        with tempfile.NamedTemporaryFile(dir=self._path.parent, prefix=f".{self._path.name}."):
            pass
        if self._path.exists():
            self._path.open("r+b").close()

    def open_to_all(self) -> bool:
        """Whether anybody on this host may put another one there. Raises OSError."""
        folder, sticky = self._path.parent.stat().st_mode, stat.S_ISVTX
        exposed = folder & stat.S_IWOTH and not folder & sticky
        return bool(exposed or (self._path.exists() and self._path.stat().st_mode & stat.S_IWOTH))

    def _whole(self, ours: Collection[str]) -> _Kept:
        try:
            return self._read()
        except ValueError:
            return _Kept(logs=dict.fromkeys(ours, UNKNOWN))

    def _read(self) -> _Kept:
        try:
            with self._path.open("rb") as file:
                raw = file.read(BYTES_MAX + 1)
        except FileNotFoundError:
            return _Kept()
        if len(raw) > BYTES_MAX:
            raise ValueError(f"{self._path.name} is larger than a mark can be")
        try:
            return msgspec.json.decode(raw, type=_Kept)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ValueError(f"{self._path.name} is torn or no mark: {error}") from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Two processes would lose each other's word. Raises OSError, also if another is at it."""
        lock = self._beside("lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(lock)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises OSError, InUse."""
        held = self._beside("held")
        try:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUse(IN_USE) from None
            yield
        finally:
            os.close(held)

    def _hold(self) -> None:
        """Raises OSError; BlockingIOError while an operator sets it, which takes a moment."""
        if self._held is not None:
            return
        held = self._beside("held")
        try:
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            os.close(held)
            raise
        self._held = held

    def _beside(self, what: str) -> int:
        """Opened: an empty file that is never taken away. A link is not followed: whoever owns the
        folder would be given, by root, the file that it leads to."""
        path = self._path.with_name(f"{self._path.name}.{what}")
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, _MODE)
        try:
            seen = os.fstat(file)
            if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1:
                raise OSError(f"{path.name} is not a file of its own")
            self._hand_over(file)
        except BaseException:
            os.close(file)
            raise
        return file

    def _write(self, kept: _Kept) -> None:
        number, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        beside = Path(name)
        try:
            with os.fdopen(number, "wb") as file:
                self._hand_over(number)
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _hand_over(self, file: int) -> None:
        """What root wrote for an operator is the folder's owner's: a gateway is not root, and could
        neither read it nor replace it."""
        if os.geteuid() == 0:
            owner = self._path.parent.stat()
            os.fchown(file, owner.st_uid, owner.st_gid)


def _further(old: Marked, new: Marked, refused: Collection[str]) -> Marked:
    claimed = -1 if old.checkpoint in refused else _size(old.checkpoint)
    checkpoint = new.checkpoint if _size(new.checkpoint) > claimed else old.checkpoint
    return Marked(checkpoint=checkpoint, forgot=old.forgot or new.forgot)


def _size(checkpoint: str) -> int:
    """What it claims; below every log if it claims nothing."""
    lines = checkpoint.split("\n", 2)
    return int(lines[1]) if len(lines) > 1 and _DECIMAL.fullmatch(lines[1]) else -1

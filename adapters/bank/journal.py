"""The simulated core's books: an append-only file in which every effect stands before its answer.

One JSON line per submission that did something. A kill -9 loses nothing that was answered, and a
parked payment keeps its due time. A torn last line was never answered and is cut off.
"""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from adapters.bank.slips import Slip


class Entry(msgspec.Struct, frozen=True):
    """One submission. Times are seconds since 1970."""

    key: str
    fate: str
    sha256: str
    """Of the body, hexadecimal."""
    at: float
    due: float | None
    """When it takes (or took) effect; None if it was refused."""
    seen: float
    """From when on the enquiry desk knows of it."""
    reference: str
    reason: str | None = None
    lie: str = "none"
    slips: tuple[Slip, ...] = ()
    """What it was told to move."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Journal:
    """Append with `add`; what `then` does happens after the batch is on the disk."""

    def __init__(self, path: Path, *, fsync: bool = True) -> None:
        """Raises ValueError if a line other than the last, torn one cannot be read."""
        self._fsync = fsync
        self.by_key: dict[str, list[Entry]] = {}
        self.entries: list[Entry] = []
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        self._lines: list[bytes] = []
        self._then: list[Callable[[], None]] = []
        self._load(path)

    def add(self, entry: Entry, then: Callable[[], None]) -> bool:
        """True if this entry opens a batch: the caller then arranges for one `flush`."""
        self._keep(entry)
        self._lines.append(_encoder.encode(entry) + b"\n")
        self._then.append(then)
        return len(self._lines) == 1

    def flush(self) -> None:
        """Write the batch, wait for the disk, then answer."""
        lines, self._lines = self._lines, []
        waiting, self._then = self._then, []
        if not lines:
            return
        batch = b"".join(lines)
        if os.write(self._file, batch) != len(batch):
            raise OSError("the journal's disk is full")
        if self._fsync:
            os.fdatasync(self._file)
        for then in waiting:
            then()

    def close(self) -> None:
        self.flush()
        os.close(self._file)

    @property
    def count(self) -> int:
        return len(self.entries)

    def _keep(self, entry: Entry) -> None:
        self.entries.append(entry)
        self.by_key.setdefault(entry.key, []).append(entry)

    def _load(self, path: Path) -> None:
        data = path.read_bytes()
        whole = data.rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                self._keep(_decoder.decode(line))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{path}: line {number} is not an entry: {error}") from error

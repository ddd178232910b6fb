"""Many rows in little memory: a mapping that never changes, and gives its successor cheaply.

Rows lie as packed lines in shards of a few dozen each. A look-up searches one shard; a successor
copies the shards that it changes and shares all others, so that a million rows are neither rebuilt
for a delta nor locked against those who still read the version before.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar, overload

SHARD_ROWS = 24
"""On average, where the number of rows was foreseen."""
SHARDS_LEAST = 16
KNOWN_MAX = 4096
"""Rows that a table keeps as they were read: agencies and indicators are asked for all day."""
_START, _MIDDLE = b"\n", b"\t"
"""Around a key. Packed rows are JSON and keys are texts without control characters: neither can
hold them."""

T = TypeVar("T")
D = TypeVar("D")


class Rows(Mapping[str, T], Generic[T]):
    """By key; `read` makes the row, which nobody may change, of its packed bytes."""

    __slots__ = ("_count", "_known", "_mask", "_shards", "read")

    def __init__(self, shards: tuple[bytes, ...], count: int, read: Callable[[bytes], T]) -> None:
        self._shards = shards
        self._mask = len(shards) - 1
        self._count = count
        self._known: dict[str, T] = {}
        self.read = read

    def packed(self, key: object) -> bytes | None:
        """The row's packed bytes; None if there is none under this key."""
        if not isinstance(key, str):
            return None
        shard, mark = self._shards[hash(key) & self._mask], _mark(key)
        found = shard.find(mark)
        if found < 0:
            return None
        start = found + len(mark)
        end = shard.find(_START, start)
        return shard[start:] if end < 0 else shard[start:end]

    def __getitem__(self, key: str) -> T:
        packed = self.packed(key)
        if packed is None:
            raise KeyError(key)
        return self.read(packed)

    @overload
    def get(self, key: str, default: None = None, /) -> T | None: ...
    @overload
    def get(self, key: str, default: D, /) -> T | D: ...
    def get(self, key: str, default: Any = None, /) -> Any:
        known = self._known.get(key)
        if known is not None:
            return known
        packed = self.packed(key)
        return default if packed is None else self._kept(key, self.read(packed))

    def _kept(self, key: str, row: T) -> T:
        """Remembered for those who ask again; when there are too many, all are forgotten."""
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[key] = row
        return row

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and _mark(key) in self._shards[hash(key) & self._mask]

    def __iter__(self) -> Iterator[str]:
        for key, _ in self.lines():
            yield key

    def __len__(self) -> int:
        return self._count

    def lines(self) -> Iterator[tuple[str, bytes]]:
        """Every key with its packed row, in no order."""
        for shard in self._shards:
            for line in shard.split(_START)[1:]:
                key, _, packed = line.partition(_MIDDLE)
                yield key.decode(), packed

    @property
    def crowded(self) -> bool:
        """So many rows were added that look-ups get slow; make the table anew."""
        return self._count > 8 * SHARD_ROWS * len(self._shards)

    def changed(self, puts: Mapping[str, bytes], gone: Iterable[str] = ()) -> "Rows[T]":
        """The same rows but for these. To put and to take away one key is to put it."""
        touched: dict[int, bytearray] = {}
        count = self._count
        for key in (*gone, *puts):
            place = hash(key) & self._mask
            shard = touched.get(place)
            if shard is None:
                shard = touched[place] = bytearray(self._shards[place])
            count -= _cut(shard, key)
        for key, packed in puts.items():
            touched[hash(key) & self._mask] += _mark(key) + packed
            count += 1
        shards = list(self._shards)
        for place, shard in touched.items():
            shards[place] = bytes(shard)
        return Rows(tuple(shards), count, self.read)


class Building(Generic[T]):
    """Fills a table row by row, for as many rows as are expected; then `done`."""

    def __init__(self, expected: int, read: Callable[[bytes], T]) -> None:
        wanted = max(SHARDS_LEAST, expected // SHARD_ROWS)
        size = 1 << (wanted - 1).bit_length()
        self._shards = [bytearray() for _ in range(size)]
        self._mask = size - 1
        self._read = read
        self._count = 0

    def add(self, key: str, packed: bytes) -> None:
        """Each key once."""
        self._shards[hash(key) & self._mask] += b"\n%b\t%b" % (key.encode(), packed)
        self._count += 1

    def done(self) -> Rows[T]:
        shards: list[Any] = self._shards
        for place, shard in enumerate(shards):
            shards[place] = bytes(shard)  # one by one: never all of it twice
        self._shards = []
        return Rows(tuple(shards), self._count, self._read)


def _mark(key: str) -> bytes:
    return b"\n%b\t" % key.encode()


def _cut(shard: bytearray, key: str) -> int:
    """Take the key's line out; how many lines that were."""
    start = shard.find(_mark(key))
    if start < 0:
        return 0
    end = shard.find(_START, start + 1)
    del shard[start : len(shard) if end < 0 else end]
    return 1

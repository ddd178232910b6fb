"""Keeps signed policy books on disk: each whole or not at all, none ever overwritten."""

import re
from collections.abc import Iterator
from pathlib import Path

from adapters.folder.durable import settle
from certs.files import save_new

_NAME = re.compile(r"book-([0-9]{6,})\.json")


class BookStore:
    """A folder with one file per revision; the highest is the last good book."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, sealed: bytes, revision: int) -> Path:
        """Store a proven book. Raises FileExistsError if the revision is there, OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"book-{revision:06d}.json"
        save_new(path, sealed, 0o644)
        settle(self._folder)
        return path

    def last(self) -> bytes | None:
        """The highest revision's bytes; to be proven again by whoever reads them."""
        return next(self.newest_first(), None)

    def newest_first(self) -> Iterator[bytes]:
        """All that are kept, the highest revision first: the newest may not be due yet."""
        for _, path in self.kept_newest_first():
            yield path.read_bytes()

    def kept_newest_first(self) -> list[tuple[int, Path]]:
        """The same by revision and file, nothing read yet."""
        return sorted(self._kept(), reverse=True)

    def _kept(self) -> list[tuple[int, Path]]:
        if not self._folder.is_dir():
            return []
        found = ((_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return [(int(match[1]), path) for match, path in found if match]

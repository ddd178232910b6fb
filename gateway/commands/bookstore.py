"""Keeps signed policy books on disk: each whole or not at all, none ever overwritten."""

import os
import re
import secrets
from pathlib import Path

_NAME = re.compile(r"book-([0-9]{6,})\.json")


class BookStore:
    """A folder with one file per revision; the highest is the last good book."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, sealed: bytes, revision: int) -> Path:
        """Store a proven book. Raises FileExistsError if the revision is there, OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"book-{revision:06d}.json"
        draft = self._folder / f".{path.name}.{secrets.token_hex(4)}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            # A link, unlike a rename, fails when the name is taken.
            path.hardlink_to(draft)
        finally:
            draft.unlink()
        self._sync()
        return path

    def last(self) -> bytes | None:
        """The highest revision's bytes; to be proven again by whoever reads them."""
        newest = max(self._kept(), default=None)
        return newest[1].read_bytes() if newest else None

    def _kept(self) -> list[tuple[int, Path]]:
        if not self._folder.is_dir():
            return []
        found = ((_NAME.fullmatch(path.name), path) for path in self._folder.iterdir())
        return [(int(match[1]), path) for match, path in found if match]

    def _sync(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

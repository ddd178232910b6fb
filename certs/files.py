"""The files that a program lives by: written whole, which have changed, who may read or write."""

import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

Mark: TypeAlias = tuple[tuple[str, int, int, int], ...]


def mark_of(paths: Iterable[Path | None]) -> Mark:
    """Changes with the content: name, inode, size and time of each file; of a folder, its files'.

    A file that is not there counts as one that is empty; a folder that cannot be listed as another.
    """
    marks: list[tuple[str, int, int, int]] = []
    for path in paths:
        if path is None:
            continue
        try:
            files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
        except OSError:  # it is there and cannot be looked into now: whoever reads it anew says why
            marks.append((str(path), 0, 0, -1))
            continue
        for file in files:
            try:
                found = file.stat()
            except OSError:
                marks.append((str(file), 0, 0, 0))
            else:
                marks.append((str(file), found.st_ino, found.st_size, found.st_mtime_ns))
    return tuple(marks)


def save_new(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Whole or not at all, by default its owner's only. Raises FileExistsError."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, fails when the name is taken.
        path.hardlink_to(draft)
    except FileExistsError as error:
        raise FileExistsError(error.errno, error.strerror, str(path)) from None
    finally:
        draft.unlink()


def own_file(path: Path) -> bytes:
    """A secret's bytes. Raises OSError; ValueError if others than owner and group can read it."""
    if path.stat().st_mode & 0o027:
        raise ValueError(f"{path.name} is open to others than its owner; make it mode 0600")
    return path.read_bytes()


def open_to_all(path: Path) -> Path | None:
    """What anybody on this host may write: `path` itself, or a folder above it where another may be
    laid in its name. In a sticky folder everyone's files are their own. Raises OSError."""
    real = path.resolve()
    for each in dict.fromkeys((real, *path.absolute().parents, *real.parents)):
        mode = each.stat().st_mode if each.exists() else 0
        if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            return each
    return None

"""Whether a watched folder can be used: tried with a file of its own, which goes every way of a
document and is taken away again. Nothing else is made."""

import os
import pwd
import tempfile
from pathlib import Path

from adapters.folder.durable import settle
from adapters.folder.tray import PLACES

TRIAL = ".trial-"
"""Begins with a dot: no gateway takes it for a document."""
_WRITE, _ENTER = os.W_OK, os.X_OK  # the bits of a mode, too


def prove_usable(root: Path, user: int) -> None:
    """A document can be written, moved from place to place and made durable, by `user` too, who is
    not root where the gateway is not. What is absent has to be makeable: the gateway makes it.

    Raises OSError, with words for whoever tends the folder.
    """
    if not root.exists():
        _prove_for(_nearest(root), user)
        return
    places = [root / place for place in PLACES if (root / place).exists()]
    for folder in (root, *places):
        _prove_for(folder, user)
    for place in places:
        if place.is_symlink():
            raise NotADirectoryError(f"{place} is a link: none of the four is followed")
    _try(places or [root])


def made(root: Path) -> bool:
    return all((root / place).is_dir() for place in PLACES)


def _nearest(folder: Path) -> Path:
    return next(each for each in folder.absolute().parents if each.exists())


def _prove_for(folder: Path, user: int) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    for above in folder.absolute().parents:
        if not _may(above, user, _ENTER):
            raise PermissionError(f"{_name(user)} may not enter {above}")
    if not _may(folder, user, _WRITE | _ENTER):
        raise PermissionError(f"{_name(user)} may not write into {folder}")


def _try(places: list[Path]) -> None:
    number, name = tempfile.mkstemp(dir=places[0], prefix=TRIAL)
    trial = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(b"trial\n")
            file.flush()
            os.fsync(number)
        for place in (*places[1:], places[0]):
            try:
                trial = trial.rename(place / trial.name)
            except OSError as error:
                words = f"{trial.parent} to {place}: nothing can be moved: {error.strerror}"
                raise OSError(error.errno, words) from error
            settle(place)
    finally:
        trial.unlink(missing_ok=True)


def _may(folder: Path, user: int, wanted: int) -> bool:
    """Of us the system says it, with access lists and all groups; of another user the mode."""
    if user == os.geteuid():
        return os.access(folder, wanted, effective_ids=True)
    seen = folder.stat()
    if seen.st_uid == user:
        return (seen.st_mode >> 6) & wanted == wanted
    groups = _groups(user)
    return (seen.st_mode >> (3 if seen.st_gid in groups else 0)) & wanted == wanted


def _groups(user: int) -> list[int]:
    try:
        found = pwd.getpwuid(user)
    except KeyError:
        return []
    return os.getgrouplist(found.pw_name, found.pw_gid)


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"

"""A folder of day files: `incoming` -> `working` -> `done` or `failed`, each step one rename.

A document `NAME` comes with its signature beside it, `NAME.jws`: write both under names that begin
with a dot, then rename the signature first and the document last. After a crash whatever is in
`working` is taken up again; the gateway answers the same bytes as the first time, so nothing is
paid twice and no answer is lost.

Others may write into these folders, and so take the place of a name between two looks at it. So no
link is followed, the four folders' own names included, and whatever is no file is not waited for.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import attrs

SIGNATURE = ".jws"
ANSWER = ".answer"
PROBLEM = ".problem.json"
DOCUMENT_BYTES_MAX = 64 << 20
SIGNATURE_BYTES_MAX = 16 << 10
NAME_BYTES_MAX = 200
"""255 is what a file system takes, and the answer's name is longer than the document's."""
ANSWER_MODE = 0o640
_NO_FILE = (errno.ELOOP, errno.ENXIO)
"""Of a link, and of a socket."""
INCOMING, WORKING, DONE, FAILED = PLACES = ("incoming", "working", "done", "failed")


@attrs.frozen(kw_only=True)
class Document:
    name: str
    raw: bytes
    signature: str


class Unusable(ValueError):
    """The file cannot be read as a document; why, in words for whoever put it there."""


class Tray:
    """Blocking; call it from a thread. Raises OSError."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self) -> None:
        """Make the folders; they are the owner's and the group's only."""
        for place in PLACES:
            (self._root / place).mkdir(mode=0o770, parents=True, exist_ok=True)

    def taken_before(self) -> list[str]:
        """What a process that died had begun, oldest first."""
        with self._within(WORKING) as working:
            with os.scandir(working) as entries:
                signatures = [each.name for each in entries if each.name.endswith(SIGNATURE)]
            for signature in signatures:
                self._bring_together(signature, working)
            return _documents(working)

    def take(self, most: int) -> list[str]:
        """Move up to so many whole documents into `working`, oldest first; their names there."""
        taken: list[str] = []
        with self._within(INCOMING) as incoming, self._within(WORKING) as working:
            for found in _documents(incoming):
                if len(taken) >= most:
                    break
                if not _is_file(found + SIGNATURE, incoming):
                    continue
                try:
                    name = self._free_name(found, incoming)
                    _move(found + SIGNATURE, incoming, name + SIGNATURE, working)
                    _move(found, incoming, name, working)
                except FileNotFoundError:
                    continue  # another process was quicker
                taken.append(name)
            if taken:
                os.fsync(working)
        return taken

    def size(self, name: str) -> int:
        """In bytes, of a document in `working`."""
        with self._within(WORKING) as working:
            return os.stat(name, dir_fd=working, follow_symlinks=False).st_size

    def read(self, name: str) -> Document:
        """Raises Unusable: no file, too large, empty, or its signature is gone."""
        with self._within(WORKING) as working:
            raw = _content(name, working, DOCUMENT_BYTES_MAX)
            if len(raw) > DOCUMENT_BYTES_MAX:
                raise Unusable(f"more than {DOCUMENT_BYTES_MAX} bytes (文件过大)")
            try:
                signature = _content(name + SIGNATURE, working, SIGNATURE_BYTES_MAX)
            except FileNotFoundError as gone:
                raise Unusable(f"{name}{SIGNATURE} is not there (缺少签名文件)") from gone
        if not signature.isascii() or len(signature) > SIGNATURE_BYTES_MAX:
            raise Unusable(f"{name}{SIGNATURE} is no detached JWS (签名文件无效)")
        return Document(name=name, raw=raw, signature=signature.decode().strip())

    def answered(self, name: str, answer: bytes) -> None:
        """Keep the answer, then the document, in `done`: never one without the other."""
        self._end(name, DONE, name + ANSWER, answer)

    def refused(self, name: str, problem: bytes) -> None:
        """Keep why it never became an instruction, then the document, in `failed`."""
        self._end(name, FAILED, name + PROBLEM, problem)

    def _end(self, name: str, place: str, beside: str, body: bytes) -> None:
        draft = f".{beside}"
        with self._within(WORKING) as working, self._within(place) as folder:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(draft, dir_fd=folder)  # of a process that died, or somebody's link
            made = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(draft, made, ANSWER_MODE, dir_fd=folder), "wb") as file:
                # Who may read it the folder says, and the group is its: a program that is shut
                # tightly (`UMask=0077`) would keep the carrier's answers from the carrier.
                os.fchmod(file.fileno(), ANSWER_MODE)
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            _move(draft, folder, beside, folder)
            for each in (name, name + SIGNATURE):  # a document without it would be refused
                with contextlib.suppress(FileNotFoundError):
                    _move(each, working, each, folder)
            os.fsync(folder)

    @contextlib.contextmanager
    def _within(self, place: str) -> Iterator[int]:
        """A descriptor of one of the folders, which is that very one whatever its name leads to
        meanwhile."""
        folder = os.open(self._root / place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            yield folder
        finally:
            os.close(folder)

    def _free_name(self, name: str, incoming: int) -> str:
        """A name that was used before gets its moment behind it: no evidence is overwritten. So
        does one that could be the answer to another; one that no file beside it could have, or that
        cannot be written in a log, is replaced."""
        came = os.stat(name, dir_fd=incoming, follow_symlinks=False).st_mtime_ns
        if len(os.fsencode(name)) > NAME_BYTES_MAX or not name.isprintable():
            name = f"renamed-{hashlib.sha256(os.fsencode(name)).hexdigest()}"
        if self._used(name, (WORKING, DONE, FAILED)) or name.endswith((ANSWER, PROBLEM)):
            name = f"{name}.{came}"
        return name

    def _bring_together(self, signature: str, working: int) -> None:
        """A crash between two renames leaves a signature alone: to where its document is."""
        name = signature.removesuffix(SIGNATURE)
        if self._used(name, (WORKING,)):
            return
        for place in (INCOMING, DONE, FAILED):
            if self._used(name, (place,)):
                with self._within(place) as folder:
                    _move(signature, working, signature, folder)
                return

    def _used(self, name: str, places: tuple[str, ...]) -> bool:
        return any(os.path.lexists(self._root / place / name) for place in places)


def _documents(folder: int) -> list[str]:
    """Oldest first."""
    found = [
        (entry.stat(follow_symlinks=False).st_mtime_ns, entry.name)
        for entry in os.scandir(folder)
        if entry.is_file(follow_symlinks=False)
        and not entry.name.startswith(".")
        and not entry.name.endswith(SIGNATURE)
    ]
    return [name for _, name in sorted(found)]


def _is_file(name: str, folder: int) -> bool:
    try:
        return stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _content(name: str, folder: int, bytes_max: int) -> bytes:
    """One byte more than `bytes_max` of what is larger. Raises Unusable for what is no file;
    FileNotFoundError."""
    no_file = Unusable(f"{name} is no file of its own (不是普通文件)")
    try:
        number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        if error.errno in _NO_FILE:
            raise no_file from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise no_file
        with os.fdopen(number, "rb", closefd=False) as file:
            return file.read(bytes_max + 1)
    finally:
        os.close(number)


def _move(name: str, folder: int, to: str, place: int) -> None:
    os.rename(name, to, src_dir_fd=folder, dst_dir_fd=place)

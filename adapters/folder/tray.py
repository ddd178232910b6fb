"""A folder of day files: `incoming` -> `working` -> `done` or `failed`, each step one rename.

A document `NAME` comes with its signature beside it, `NAME.jws`: write both under names that begin
with a dot, then rename the signature first and the document last. After a crash whatever is in
`working` is taken up again; the gateway answers the same bytes as the first time, so nothing is
paid twice and no answer is lost.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import attrs

from adapters.folder.durable import settle

SIGNATURE = ".jws"
ANSWER = ".answer"
PROBLEM = ".problem.json"
DOCUMENT_BYTES_MAX = 64 << 20
SIGNATURE_BYTES_MAX = 16 << 10
NAME_BYTES_MAX = 200
"""255 is what a file system takes, and the answer's name is longer than the document's."""
ANSWER_MODE = 0o640
PLACES = ("incoming", "working", "done", "failed")


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
        self._places = tuple(root / place for place in PLACES)
        self._incoming, self._working, self._done, self._failed = self._places

    def prepare(self) -> None:
        """Make the folders; they are the owner's and the group's only."""
        for folder in self._places:
            folder.mkdir(mode=0o770, parents=True, exist_ok=True)

    def taken_before(self) -> list[str]:
        """What a process that died had begun, oldest first."""
        for signature in self._working.glob(f"*{SIGNATURE}"):
            self._bring_together(signature)
        return [path.name for path in self._documents(self._working)]

    def take(self, most: int) -> list[str]:
        """Move up to so many whole documents into `working`, oldest first; their names there."""
        taken: list[str] = []
        for path in self._documents(self._incoming):
            if len(taken) >= most:
                break
            signature = path.with_name(path.name + SIGNATURE)
            if not signature.is_file():
                continue
            name = self._free_name(path)
            try:
                signature.rename(self._working / (name + SIGNATURE))
                path.rename(self._working / name)
            except FileNotFoundError:
                continue  # another process was quicker
            taken.append(name)
        if taken:
            settle(self._working)
        return taken

    def size(self, name: str) -> int:
        """In bytes, of a document in `working`."""
        return (self._working / name).stat().st_size

    def read(self, name: str) -> Document:
        """Raises Unusable: too large, empty, or its signature is gone."""
        path = self._working / name
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise Unusable(f"more than {DOCUMENT_BYTES_MAX} bytes (文件过大)")
        try:
            with (self._working / (name + SIGNATURE)).open("rb") as file:
                signature = file.read(SIGNATURE_BYTES_MAX + 1)
        except FileNotFoundError as gone:
            raise Unusable(f"{name}{SIGNATURE} is not there (缺少签名文件)") from gone
        if not signature.isascii() or len(signature) > SIGNATURE_BYTES_MAX:
            raise Unusable(f"{name}{SIGNATURE} is no detached JWS (签名文件无效)")
        return Document(name=name, raw=path.read_bytes(), signature=signature.decode().strip())

    def answered(self, name: str, answer: bytes) -> None:
        """Keep the answer, then the document, in `done`: never one without the other."""
        self._end(name, self._done, name + ANSWER, answer)

    def refused(self, name: str, problem: bytes) -> None:
        """Keep why it never became an instruction, then the document, in `failed`."""
        self._end(name, self._failed, name + PROBLEM, problem)

    def _end(self, name: str, place: Path, beside: str, body: bytes) -> None:
        draft = place / f".{beside}"
        with draft.open("wb") as file:
            # Who may read it the folder says, and the group is its: a program that is shut tightly
            # (`UMask=0077`) would keep the carrier's answers from the carrier.
            os.fchmod(file.fileno(), ANSWER_MODE)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        draft.rename(place / beside)
        for each in (name, name + SIGNATURE):  # a document without its signature would be refused
            if (self._working / each).exists():
                (self._working / each).rename(place / each)
        settle(place)

    def _free_name(self, path: Path) -> str:
        """A name that was used before gets its moment behind it: no evidence is overwritten. So
        does one that could be the answer to another; one that no file beside it could have, or that
        cannot be written in a log, is replaced."""
        name = path.name
        if len(os.fsencode(name)) > NAME_BYTES_MAX or not name.isprintable():
            name = f"renamed-{hashlib.sha256(os.fsencode(name)).hexdigest()}"
        used = any((place / name).exists() for place in self._places[1:])
        if used or name.endswith((ANSWER, PROBLEM)):
            name = f"{name}.{path.stat().st_mtime_ns}"
        return name

    def _bring_together(self, signature: Path) -> None:
        """A crash between two renames leaves a signature alone: to where its document is."""
        name = signature.name.removesuffix(SIGNATURE)
        if (self._working / name).exists():
            return
        for place in (self._incoming, self._done, self._failed):
            if (place / name).exists():
                signature.rename(place / signature.name)
                return

    def _documents(self, folder: Path) -> Iterator[Path]:
        found = [
            (entry.stat().st_mtime_ns, entry.name)
            for entry in os.scandir(folder)
            if entry.is_file(follow_symlinks=False)
            and not entry.name.startswith(".")
            and not entry.name.endswith(SIGNATURE)
        ]
        return (folder / name for _, name in sorted(found))

"""How far the log had come, as the host of the gateways remembers it outside the database."""

from base64 import b64decode
from collections.abc import Collection, Mapping

from adapters.folder.mark import further
from gateway.domain.log import Marked
from tests.pipeline.fakes import DIVISION


class HostMark:
    """`gateway.workers.mark.MarkShelf`: a file of the host that all its processes share."""

    at_once = True
    """It blocks for no time (`loop.py`)."""

    def __init__(self) -> None:
        self.marks: dict[str, Marked] = {}

    def take(self) -> dict[str, Marked]:
        return dict(self.marks)

    def keep(self, marks: Mapping[str, Marked], refused: Collection[str]) -> None:
        for origin, mark in marks.items():
            before = self.marks.get(origin)
            self.marks[origin] = further(before, mark, refused) if before else mark

    def leave(self) -> None:
        return None

    @property
    def size(self) -> int:
        told = (mark.checkpoint for mark in self.marks.values() if mark.checkpoint)
        return max((size_and_root(each)[0] for each in told), default=0)

    @property
    def forgot(self) -> str:
        return next((mark.forgot for mark in self.marks.values() if mark.forgot), "")

    def seen(self) -> tuple[str, dict[str, int]]:
        """`Kept.told`."""
        return self.forgot, {DIVISION: self.size}


class OwnLog:
    """`gateway.workers.mark.OwnLog`: nobody forges checkpoints here."""

    origin = DIVISION

    def read(self, checkpoint: str) -> tuple[int, bytes]:
        return size_and_root(checkpoint)


def size_and_root(checkpoint: str) -> tuple[int, bytes]:
    _, size, root, *_ = checkpoint.splitlines()
    return int(size), b64decode(root)

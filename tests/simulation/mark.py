"""How far the log had come, as the host of the gateways remembers it outside the database."""

from base64 import b64decode
from collections.abc import Collection, Mapping

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
            if before is None or size_and_root(mark.checkpoint) > size_and_root(before.checkpoint):
                self.marks[origin] = mark

    def leave(self) -> None:
        return None

    @property
    def size(self) -> int:
        return max((size_and_root(m.checkpoint)[0] for m in self.marks.values()), default=0)


class OwnLog:
    """`gateway.workers.mark.OwnLog`: nobody forges checkpoints here."""

    origin = DIVISION

    def read(self, checkpoint: str) -> tuple[int, bytes]:
        return size_and_root(checkpoint)


def size_and_root(checkpoint: str) -> tuple[int, bytes]:
    _, size, root, *_ = checkpoint.splitlines()
    return int(size), b64decode(root)

"""Names in XML are kept by libxml2 for the life of a thread: few of one message, bounded of all.

Whatever an element, an attribute, a namespace or an indentation is called stays in the reader's own
dictionary when the tree is gone. A signed message of a megabyte of fresh names would take that
megabyte for ever, and a thousand such messages the machine. So names that were never met are few
in a message; and once many were met, what brings new ones is read by a thread of its own, which
takes its dictionary along when it ends. Nobody is refused for what others have sent.
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gateway.domain.faults import FaultCode, Unreadable

T = TypeVar("T")

NEW_BYTES_MAX = 32 * 1024
"""Of names in one message that no message before it had; our largest kinds have 12 KiB in all."""
MET_BYTES_MAX = 1024 * 1024
"""Of all names that are kept."""

_TAG = re.compile(rb"""<((?:[^<>"']+|"[^"<]*"|'[^'<]*')*)""")
_BLANKS = re.compile(rb">([ \t\r\n]{4,59})<")
_SPACE = re.compile(rb"""xmlns[^\s<>="']*\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_VALUE = re.compile(rb"\"[^\"]*\"|'[^']*'")


class Met:
    """The names that this process has let its reader keep."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._bytes = 0

    def keeps(self, raw: bytes, first: int | None = None) -> bool:
        """Whether its names may be kept; if not it is to be read `apart`.

        `first`: behind so many bytes a schema stops the reader at names that are none of its own;
        prefixes and indentations are looked for there too. Raises Unreadable (`not_xml`) before
        anything is read.
        """
        start = raw if first is None else raw[:first]
        told = set(_TAG.findall(start)) | set(_BLANKS.findall(start))
        new = {_name(one) for one in told - self._names} - self._names
        size = sum(map(len, new))
        if first is not None:
            for one in _behind(raw, first):
                if one not in new and one not in self._names:
                    new.add(one)
                    size += len(one)
                    if size > NEW_BYTES_MAX:
                        break
        if size > NEW_BYTES_MAX:
            raise Unreadable(
                FaultCode.NOT_XML,
                "the message has more names of elements than any of ours (元素名称过多)",
            )
        if self._bytes + size > MET_BYTES_MAX:
            return False
        self._names |= new
        self._bytes += size
        return True

    def read(self, raw: bytes, work: Callable[[], T]) -> T:
        """What `work` makes of `raw`. Raises Unreadable as `keeps`, and what `work` raises."""
        return work() if self.keeps(raw) else apart(work)


MET = Met()


def apart(work: Callable[[], T]) -> T:
    """By a thread of its own: the names that libxml2 keeps for a thread go with it."""
    with ThreadPoolExecutor(1) as one:
        return one.submit(work).result()


def each_apart(work: Callable[[], Iterator[T]]) -> Iterator[T]:
    """As `apart`, one after another as they are asked for; none of them is None."""
    with ThreadPoolExecutor(1) as one:
        each = one.submit(work).result()
        while (found := one.submit(lambda: next(each, None)).result()) is not None:
            yield found


def _behind(raw: bytes, first: int) -> Iterator[bytes]:
    for blanks in _BLANKS.finditer(raw, first):
        yield blanks[1]
    for space in _SPACE.finditer(raw, first):
        yield space[0]


def _name(tag: bytes) -> bytes:
    """Without the values of attributes; what names a namespace is a name."""
    return tag if b"=" not in tag or b"xmlns" in tag else _VALUE.sub(b"", tag)

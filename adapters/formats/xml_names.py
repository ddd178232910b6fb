"""Names in XML are kept by libxml2 for the life of a thread: who makes new ones up is refused.

Whatever an element, an attribute or an indentation is called stays in the reader's own dictionary
when the tree is gone. A signed message of a megabyte of fresh names would take that megabyte for
ever, and a thousand such messages the machine. So names that were never met are few in a message,
and bounded for the life of the process.
"""

import re

from gateway.domain.faults import FaultCode, Unreadable

NEW_BYTES_MAX = 32 * 1024
"""Of names in one message that no message before it had; our largest kinds have 12 KiB in all."""
MET_BYTES_MAX = 8 * 1024 * 1024
"""Of all names ever met. Beyond it only what is known is read, until the process starts again."""

_TAG = re.compile(rb"<([^<>]*)")
_BLANKS = re.compile(rb">([ \t\r\n]{4,59})<")
_VALUE = re.compile(rb"\"[^\"]*\"|'[^']*'")


class Met:
    """The names that this process has let its reader see."""

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._bytes = 0

    def look_through(self, raw: bytes) -> None:
        """Raises Unreadable (`not_xml`) before anything of it is read."""
        told = set(_TAG.findall(raw)) | set(_BLANKS.findall(raw))
        new = {_name(one) for one in told - self._names} - self._names
        if not new:
            return
        size = sum(map(len, new))
        if size > NEW_BYTES_MAX or self._bytes + size > MET_BYTES_MAX:
            raise Unreadable(
                FaultCode.NOT_XML,
                "the message has more names of elements than any of ours (元素名称过多)",
            )
        self._names |= new
        self._bytes += size


MET = Met()


def _name(tag: bytes) -> bytes:
    """Without the values of attributes; what names a namespace is a name."""
    return tag if b"=" not in tag or b"xmlns" in tag else _VALUE.sub(b"", tag)

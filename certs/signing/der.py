"""The little of DER (X.690) that SM2 certificates need and `cryptography` has no door for."""

from collections.abc import Iterator

SEQUENCE, INTEGER, BITS, OCTETS, OID, BOOLEAN = 0x30, 0x02, 0x03, 0x04, 0x06, 0x01
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
_LONG = 0x80


def element(tag: int, *contents: bytes) -> bytes:
    """Tag, length in the shortest form, contents."""
    body = b"".join(contents)
    if len(body) < _LONG:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG | len(length))) + length + body


def elements(data: bytes) -> Iterator[bytes]:
    """The elements side by side in `data`, whole. Raises ValueError for a cut or long form."""
    place = 0
    while place < len(data):
        _, end = _bounds(data, place)
        yield data[place:end]
        place = end


def contents(one: bytes) -> bytes:
    """What stands inside one element."""
    start, end = _bounds(one, 0)
    if end != len(one):
        raise ValueError("more than one element")
    return one[start:]


def integer(value: int) -> bytes:
    return element(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(each) for each in dotted.split("."))
    return element(OID, *(_base128(each) for each in (40 * first + second, *rest)))


def bit_string(data: bytes) -> bytes:
    return element(BITS, b"\x00", data)


def _base128(value: int) -> bytes:
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | _LONG)
    return bytes(reversed(digits))


def _bounds(data: bytes, place: int) -> tuple[int, int]:
    """Where the contents of the element at `place` begin and end."""
    if len(data) < place + 2:
        raise ValueError("an element is cut off")
    length, start = data[place + 1], place + 2
    if length >= _LONG:
        wide = length & 0x7F
        length = int.from_bytes(data[start : start + wide], "big")
        start += wide
    if len(data) < start + length:
        raise ValueError("an element is cut off")
    return start, start + length

"""What a record's own bytes must say: its place in the log as its number, and all of it one way."""

import orjson

from gateway.domain.records import canonical


def says_number(body: bytes, seq: int) -> bool:
    """Whether the bytes bear this number; no JSON string can hold `"seq":` with bare quotes.

    A search instead of a parse: the witness does it for every record. A nested `seq` (a correction
    names one) may answer too; the place in the tree is what counts, this only finds mistakes.
    """
    mark = b'"seq":%d' % seq
    return mark in body and (mark + b"," in body or mark + b"}" in body)


def sequence_number(body: bytes) -> int | None:
    """`seq` as the record itself says it, strictly parsed; None if it is no numbered record."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    seq = fields.get("seq") if isinstance(fields, dict) else None
    return seq if type(seq) is int and seq >= 0 else None


def reads_one_way(body: bytes, seq: int) -> bool:
    """Whether the bytes are the one spelling of a record with this number.

    Of any other spelling (a name twice, spaces, escapes, another order) two readers may make two
    things: one who searches, one who keeps the first of two names, one who keeps the last.
    """
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(fields, dict) or type(fields.get("seq")) is not int or fields["seq"] != seq:
        return False
    return canonical(fields) == body

"""Signed JSON documents beside instructions: read strictly, and no name twice.

Whoever reads a document that names something twice may take the other one; so nobody takes it.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.money import fen
from gateway.domain.once import NAME_CHARS_MAX, read_once

UNKNOWN_TOLD_MAX = 100
"""Of the fields that nobody knows: a document of a megabyte may have a hundred thousand."""
WORDS_CHARS_MAX = 300
"""Of what the decoder says, which names what it met in full."""

S = TypeVar("S", bound=msgspec.Struct)


def read_whole(raw: bytes, type: type[S], what: str) -> S:
    """`read_once`, or Unreadable with every field of its own that is not as it must be."""
    try:
        return read_once(msgspec.json.Decoder(type), raw)
    except (ValueError, RecursionError) as error:
        words = f"not {what}: {error}"[:WORDS_CHARS_MAX]
        wrong = tuple(_wrong_fields(raw, type))
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, words, wrong) from error


def refuse_wrong(found: Iterable[FieldError], what: str) -> None:
    """Raises Unreadable if there is any."""
    if errors := tuple(found):
        told = "; ".join(f"{each.field}: {each.en}" for each in errors)
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, f"not {what}: {told}", errors)


def wrong_amount(field: str, amount: str) -> Iterator[FieldError]:
    """Unless it is a text of yuan above zero."""
    try:
        if fen(amount) > 0:
            return
    except ValueError:
        pass
    yield FieldError(
        field=field, code="pattern", zh="应为大于零、两位小数、以元为单位的文本，如 \"12800.00\"",
        en='must be a text of yuan above zero with two decimals, such as "12800.00"',
    )  # fmt: skip


def unseemly(fields: Mapping[str, str]) -> Iterator[FieldError]:
    """Texts, by field, with what cannot be seen in them."""
    for name, text in fields.items():
        if not text.isprintable():
            yield FieldError(
                field=name, code="control_character", zh="含有控制字符或不可见字符",
                en="texts hold no control or invisible characters",
            )  # fmt: skip


def _wrong_fields(raw: bytes, type: type[msgspec.Struct]) -> Iterator[FieldError]:
    """Each by itself; nothing where the text is no JSON object at all."""
    try:
        tree = msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return
    if not isinstance(tree, dict):
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(type)}
    for name, field in fields.items():
        if name not in tree:
            if field.required:
                yield FieldError(field=name, code="required", zh="缺少必填字段", en="is required")
            continue
        try:
            msgspec.convert(tree[name], field.type)
        except msgspec.ValidationError as wrong:
            yield FieldError(field=name, code="type", zh="类型或取值不合规范", en=str(wrong))
    unknown = (name[:NAME_CHARS_MAX] for name in tree if name not in fields)
    for name in islice(unknown, UNKNOWN_TOLD_MAX):
        yield FieldError(field=name, code="unknown", zh="不认识的字段", en="is not a known field")
    if next(unknown, None) is not None:
        yield FieldError(
            field="", code="more_errors", zh="另有更多错误未列出", en="there are more errors"
        )

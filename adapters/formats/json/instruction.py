"""The canonical JSON instruction: strict parsing, answers and problems in JSON, and its schema.

Fast path: msgspec decodes, two byte counts prove that no name stood twice, and the instruction is
built. Whatever that path cannot vouch for is read again slowly, which lists all errors at once.
"""

from typing import Any

import msgspec

from adapters.formats.json.answer import answer_json
from adapters.formats.json.build import instruction_of
from adapters.formats.json.rules import contradictions
from adapters.formats.json.shape import InstructionWire
from adapters.formats.json.tree import tree_of
from adapters.formats.json.walk import Findings, errors_of
from adapters.formats.problem import problem_json
from adapters.formats.text_safety import plain
from gateway.domain.answer import Answer
from gateway.domain.faults import Fault, FaultCode, Unreadable
from gateway.domain.instruction import Instruction

BODY_BYTES_MAX = 1 << 20
"""A payroll of 499 persons takes about 200 KiB."""
COMMAS_MAX = 50_000
"""A payroll of 499 persons has some 10,000. A megabyte of `{},` took the loop 0.4 s to be refused
with its errors, and everybody's payments wait for it."""


class JsonFormat:
    """`gateway.ports.Format` for `contract/instruction.json`."""

    media_type = "application/json"
    problem_media_type = "application/problem+json"

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(InstructionWire)
        self._encoder = msgspec.json.Encoder()

    def parse(self, raw: bytes) -> Instruction:
        """Read one instruction from UTF-8 JSON.

        Raises Unreadable: body_too_large, not_json, field_duplicate, voucher_type_unsupported or
        instruction_invalid, with every error in `errors` (array places count from 0).
        """
        if len(raw) > BODY_BYTES_MAX:
            raise Unreadable(
                FaultCode.BODY_TOO_LARGE, f"an instruction has at most {BODY_BYTES_MAX} bytes"
            )
        try:
            wire = self._decoder.decode(raw)
            instruction = instruction_of(wire)
            if plain(raw) and self._holds_all(raw, wire):
                return instruction
        except (ValueError, RecursionError) as cause:  # a Contradiction is the first, too
            _refuse(raw)
            raise Unreadable(FaultCode.INSTRUCTION_INVALID, str(cause)) from cause
        _refuse(raw)
        return instruction

    def _holds_all(self, raw: bytes, wire: InstructionWire) -> bool:
        """Whether every string of `raw` survived decoding, so that no name stood twice.

        Without escapes (`plain`) each string of a JSON text has exactly two quotes, whatever the
        spacing. A repeated name loses at least its own string when decoded, and nothing is ever
        added (absent fields are not encoded): the counts are equal exactly if none was repeated.
        """
        return raw.count(b'"') == self._encoder.encode(wire).count(b'"')

    def answer(self, raw_in: bytes, answer: Answer) -> bytes:
        """`raw_in` is for formats that answer inside what they were sent."""
        return answer_json(answer)

    def problem(self, fault: Fault, instance: str) -> bytes:
        return problem_json(fault, instance)


def schema() -> dict[str, Any]:
    """JSON Schema (2020-12, OpenAPI 3.1) of the instruction: `$ref` root and `$defs`."""
    (root,), definitions = msgspec.json.schema_components(
        [InstructionWire], ref_template="#/$defs/{name}"
    )
    whole = msgspec.json.encode({**root, "$defs": definitions})
    # Inside the house the structs are called ...Wire; outside, what they describe.
    published: dict[str, Any] = msgspec.json.decode(whole.replace(b'Wire"', b'"'))
    return published


def _refuse(raw: bytes) -> None:
    """Read slowly and exactly; return only if nothing at all is wrong."""
    if raw.count(b",") > COMMAS_MAX:
        words = f"more than {COMMAS_MAX} parts: it is no instruction (内容项过多，不是支付指令)"
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, words)
    tree = tree_of(raw)
    found = errors_of(tree, InstructionWire)
    contradictions(tree, found)
    if found:
        raise Unreadable(_code_of(found), _detail_of(found), tuple(found))


def _code_of(found: Findings) -> FaultCode:
    codes = {error.code for error in found}
    if "duplicate" in codes:
        return FaultCode.FIELD_DUPLICATE
    if "voucher_type_unsupported" in codes:
        return FaultCode.VOUCHER_TYPE_UNSUPPORTED
    return FaultCode.INSTRUCTION_INVALID


def _detail_of(found: Findings) -> str:
    return f"the instruction has {len(found)} error(s) (指令有 {len(found)} 处错误)"

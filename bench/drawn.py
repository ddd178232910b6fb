"""The instructions that policies are measured on: as bytes, and as the facts the registers give."""

import attrs

from adapters.formats.json.instruction import JsonFormat
from adapters.formats.registers.division import read_registers
from bench.neutral import TODAY
from bench.workload import Workload
from deploy.demo.writers import json_of
from gateway.domain.facts import Facts
from gateway.domain.registers import Registers
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import identify

NOON_MINUTE = 720


@attrs.frozen
class Drawn:
    """Lawful instructions as they come in, and what the registers say of them."""

    raw: list[bytes]
    facts: list[Facts]
    registers: Registers


def drawn(count: int) -> Drawn:
    workload = Workload(1, TODAY)
    raw = [json_of(each) for each in workload.spread(count)]
    registers = read_registers(workload.registers())
    reader = JsonFormat()
    return Drawn(raw, [facts_from(one, reader, registers) for one in raw], registers)


def facts_from(raw: bytes, reader: JsonFormat, registers: Registers) -> Facts:
    """The gateway's own way from bytes to facts."""
    instruction = reader.parse(raw)
    parties = identify(instruction, registers)
    return facts_of(instruction, parties, registers, TODAY, minute=NOON_MINUTE)

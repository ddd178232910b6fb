"""What is judged of one instruction: its facts as a whole, and those of each of its details."""

import datetime as dt
from collections.abc import Sequence

from gateway.domain.instruction import Instruction, parts_of
from gateway.domain.parties import Parties
from gateway.domain.registers import Registers
from gateway.pipeline.decide import Case
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import as_known, identify


def cases_of(
    instruction: Instruction, parties: Parties, registers: Registers, on: dt.date,
    minute: int | None = None,
) -> Sequence[Case]:  # fmt: skip
    """The whole first, then each detail with its own payee, amount and purpose."""
    instruction = as_known(instruction, registers)
    whole = Case(facts=facts_of(instruction, parties, registers, on, minute=minute))
    if not instruction.details:
        return (whole,)
    details = zip(instruction.details, parts_of(instruction), strict=True)
    return (
        whole,
        *(
            Case(
                facts=facts_of(
                    part, identify(part, registers), registers, on, minute=minute, is_detail=True
                ),
                detail=detail.id,
            )
            for detail, part in details
        ),
    )

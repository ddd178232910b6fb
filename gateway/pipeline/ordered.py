"""What an instruction that the ledger holds has ordered: read once more from its own bytes."""

from collections.abc import Mapping

from gateway.domain.decision import restored
from gateway.domain.instruction import Instruction, paid_part
from gateway.domain.ledger import Standing
from gateway.ports import Format


def ordered(standing: Standing, formats: Mapping[str, Format]) -> Instruction:
    """As far as it was to be paid: of a batch that passed in part, that part."""
    whole = formats[standing.format].parse(standing.raw)
    return paid_part(whole, restored(standing.decided_now[0]).withheld)

"""An agency of the demo with the accounts it pays from and those it must not pay into."""

import attrs

from gateway.domain.instruction import Payee, Payer
from gateway.domain.registers import Agency


@attrs.frozen(kw_only=True)
class Body:
    """An agency with its own accounts: what it pays from, and what it must not pay into."""

    agency: Agency
    zero: Payer
    direct: Payer
    basic: Payer
    function: str
    staff: tuple[Payee, ...]
    payroll: Payee

    @property
    def code(self) -> str:
        return self.agency.code

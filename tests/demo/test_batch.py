"""A payroll as voucher 8207 on the real line: passed whole, held, passed in part, and paid once."""

from collections.abc import Iterator

import attrs
import pytest
from msgspec.structs import replace

from adapters.formats.voucher.division_codes import load_codes
from gateway.domain.answer import Answer
from gateway.domain.bank import BankConduct
from gateway.domain.codes import BusinessType, PayeeKind
from gateway.domain.decision import Outcome
from gateway.domain.instruction import Instruction, Payee, Received
from gateway.domain.registers import Registers
from gateway.pipeline.again import effect_then
from gateway.pipeline.line import Line
from tests.adapters.formats.voucher_write import voucher_envelope
from tests.demo.test_day import AT, FORMATS, Gateway, a_day

CODES = load_codes().of("220000000")
PARTIAL = BankConduct(idempotent=False, enquiry=True, horizon_s=6.0, partial=True)


def payrolls() -> Iterator[tuple[Instruction, str]]:
    """Those of the day that pass, with who sends them."""
    for item in a_day().items:
        if item.outcome == "passed" and not item.forged and not item.replay:
            found = FORMATS[item.format].parse(item.raw)
            if found.business_type is BusinessType.PAYROLL and len(found.details) > 1:
                yield found, item.sender


def as_8207(payroll: Instruction, number: str = "PL-1") -> Instruction:
    details = tuple(
        replace(each, payee=replace(each.payee, bank_code="", bank_name="示例银行"))
        for each in payroll.details
    )
    return replace(
        payroll, key=replace(payroll.key, voucher_type="8207", voucher_no=number),
        main_voucher=f"{payroll.key.voucher_type}/{payroll.key.voucher_no}", details=details,
        payee=Payee(kind=PayeeKind.ORGANISATION, account="", name=""), exemption=None,
        documents=(), items=(), gov_economic_code="",
    )  # fmt: skip


def without_last(registers: Registers, payroll: Instruction) -> Registers:
    """As if the last of the staff had never been filed."""
    person = payroll.details[-1].payee.person
    assert person
    rest = {id: row for id, row in registers.persons.items() if id != person.id_number}
    return attrs.evolve(registers, persons=rest)


class Street(Gateway):
    def settle_for(self, registers: Registers, *, partial: bool = False) -> None:
        rooms = self.line._rooms
        rooms.bank.conduct = PARTIAL  # type: ignore[misc]
        rooms.shelf.registers = registers  # type: ignore[attr-defined]
        served = frozenset({registers.division}) if partial else frozenset()
        self.line = Line(attrs.evolve(rooms, partial=served))

    async def send(self, order: Instruction, sender: str) -> Answer:
        raw = voucher_envelope(order, CODES)
        return await self.line.carry(
            Received(raw=raw, format="voucher", signature="s", party=sender)
        )


@pytest.fixture
async def street() -> Street:
    street = Street(a_day())
    await street.open()
    return street


@pytest.mark.slow
async def test_a_sound_payroll_passes_and_is_not_paid_again_by_its_main_voucher(
    street: Street,
) -> None:
    payroll, sender = next(payrolls())
    answer = await street.send(as_8207(payroll), sender)
    assert answer.decision.outcome is Outcome.PASS, answer.decision.findings
    again = await street.send(as_8207(payroll, "PL-2"), sender)
    assert again.decision.outcome is Outcome.HOLD
    assert "JL-034" in {each.policy for each in again.decision.findings}


@pytest.mark.slow
@pytest.mark.parametrize("partial", [False, True])
async def test_one_who_is_not_filed_holds_the_payroll_or_only_the_own_wage(
    street: Street, partial: bool
) -> None:
    payroll, sender = next(payrolls())
    street.settle_for(without_last(street.registers, payroll), partial=partial)
    answer = await street.send(as_8207(payroll), sender)
    last = payroll.details[-1].id
    assert ("JL-050", last) in {(f.policy, f.detail) for f in answer.decision.findings}
    assert answer.decision.outcome is (Outcome.PASS if partial else Outcome.HOLD)
    assert answer.decision.withheld == ((last,) if partial else ())
    kept, order = answer.decision, as_8207(payroll)
    demands, _ = effect_then(order, street.registers, None, kept, AT)
    wanted = {d.limit: d.amount_fen for d in demands}
    paid = payroll.amount_fen - (payroll.details[-1].amount_fen if partial else 0)
    assert set(wanted.values()) == {paid}, "of what passed in part, that part"
    copy = FORMATS["voucher"].answer(voucher_envelope(as_8207(payroll), CODES), answer)
    assert ("部分支付" in copy.decode("gbk")) is partial

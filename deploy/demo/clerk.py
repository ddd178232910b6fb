"""The clerk who fills in instructions: lifelike ones, in order, that a bank should pass."""

import datetime as dt
import math
from random import Random
from typing import Any

from msgspec.structs import replace

from deploy.demo.body import Body
from deploy.demo.codes import Purpose, purposes
from deploy.demo.world import FUND, World
from gateway.domain.codes import (
    ApprovalKind,
    BusinessType,
    CashReason,
    Exemption,
    FilingKind,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.instruction import (
    Detail,
    Document,
    Instruction,
    InstructionKey,
    Item,
    Payee,
)
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, Contract, Filing

COMPANIES_PER_TRADE = 6
CASH_SHARE = 0.15
"""Of experts' fees; within the limit of Art. 13(2)1 item 7."""
EXEMPT_SHARE = 0.03
"""Transfers into real-fund accounts with every paper in order (Art. 13(3))."""
CASH_LIMIT_FEN = 100_000
VEHICLES = "30231"
DESIGNATED_TRADES = frozenset({"酒店管理", "教育咨询", "汽车服务"})
_STANDARDS = {"30215": ("meeting", "二类", 65_000), "30216": ("training", "三类", 55_000)}
"""What meetings and trainings are held as: kind, class, and fen a person and day."""

_LECTURE_HOUR_FEN = 100_000

_CLAIMS = {
    "社保": Exemption.SOCIAL_INSURANCE,
    "医保": Exemption.SOCIAL_INSURANCE,
    "税务": Exemption.TAX_UNION_PAYROLL,
    "工会": Exemption.TAX_UNION_PAYROLL,
}


class Clerk:
    """Numbers vouchers `YYYYMMDD` + series (3 digits) + count (7 digits)."""

    def __init__(self, world: World, seed: int, series: int) -> None:
        self.world = world
        self.rng = Random(f"clerk/{seed}/{series}")
        self._series = series
        self._count = 0
        self._companies: dict[str, list[Payee]] = {}
        self._drawn: set[str] = set()
        """Agencies and people of today's cash: one draw each, so that none looks split."""

    def ordinary(self) -> Instruction:
        """One that passes, whatever else is paid before or after it that day."""
        if self.rng.random() < EXEMPT_SHARE:
            return self.rng.choice((self._service_purchase, self._advance_repayment))()
        body = self.body()
        purpose = self.rng.choice(purposes())
        if purpose.payee == "工资":
            return self._payroll(body, purpose)
        payee, amount = self._payee(purpose), self.amount(purpose.yuan_min, purpose.yuan_max)
        changes: dict[str, Any] = {"exemption": _CLAIMS.get(purpose.payee)}
        if purpose.payee == "专家" and self._draws_cash(body, payee, amount):
            changes |= {
                "settlement": Settlement.CASH, "cash_reason": CashReason.PERSONAL_LABOUR,
            }  # fmt: skip
        if payee.kind is PayeeKind.ORGANISATION:
            changes["documents"] = (self.invoice(),)
        if purpose.voucher_type == "5201":
            changes |= {"payer": body.direct, "contract_no": self.contract(body, payee, amount)}
        if purpose.payee in DESIGNATED_TRADES:
            self.world.vendors.add(payee.name)
        if purpose.dept_code in _STANDARDS:
            changes["items"] = (self.standard(purpose.dept_code, amount),)
        if "讲课费" in purpose.text:
            changes["items"] = (_lecture(amount),)
        return self.planned(
            self.draft(body, purpose.dept_code, payee, amount, purpose.text, **changes)
        )

    def draft(
        self, body: Body, dept_code: str, payee: Payee, amount: int, purpose: str, **changes: Any
    ) -> Instruction:  # fmt: skip
        """An instruction of this body on its own indicator; `changes` go on top."""
        indicator = self.world.indicator(body, dept_code)
        direct = changes.get("payer") == body.direct
        filled = Instruction(
            key=self._next_key("5201" if direct else "8202"),
            voucher_date=self.world.on - dt.timedelta(days=self.rng.randrange(4)),
            agency_code=body.code,
            agency_name=body.agency.name,
            payment_method=PaymentMethod.DIRECT if direct else PaymentMethod.AUTHORIZED,
            settlement=Settlement.TRANSFER,
            business_type=BusinessType.SINGLE,
            amount_fen=Fen(amount),
            payer=body.zero,
            payee=payee,
            indicator_id=indicator.id,
            fund_code=FUND,
            functional_code=indicator.functional_code,
            dept_economic_code=dept_code,
            gov_economic_code=indicator.gov_economic_code,
            project_code=indicator.project_code,
            purpose=purpose,
        )
        return replace(filled, **changes)

    def planned(self, instruction: Instruction) -> Instruction:
        """Note what it will take from its indicator, so that enough is granted."""
        planned = self.world.planned
        taken = planned.get(instruction.indicator_id, 0)
        planned[instruction.indicator_id] = taken + instruction.amount_fen
        if instruction.dept_economic_code == VEHICLES:
            driven, code = self.world.driven, instruction.agency_code
            driven[code] = driven.get(code, 0) + instruction.amount_fen
        return instruction

    def contract(self, body: Body, payee: Payee, amount: int) -> str:
        """Register a contract of the body with the payee, of which half will be paid now."""
        contract = Contract(
            contract_no=self.paper("HT"), agency=body.code, supplier=payee.name,
            account=payee.account, amount_fen=Fen(amount * 2), paid_fen=Fen(0), filing_no=None,
        )  # fmt: skip
        self.world.contracts[contract.contract_no] = contract
        return contract.contract_no

    def standard(self, dept_code: str, amount: int, *, over: bool = False) -> Item:
        """The persons and days that the amount is allowed for; one person-day short if `over`."""
        kind, class_, cap = _STANDARDS[dept_code]
        units = max(1, -(-amount // cap) - over)
        return Item(kind=kind, class_=class_, persons=units, days=1, reference=self.paper("TZ"))

    def body(self) -> Body:
        """A few agencies pay most of the day's bills."""
        bodies = self.world.bodies
        return bodies[int(len(bodies) * self.rng.random() ** 1.7)]

    def company(self, trade: str) -> Payee:
        known = self._companies.setdefault(trade, [])
        if len(known) < COMPANIES_PER_TRADE:
            known.append(self.world.company(trade))
        return self.rng.choice(known)

    def amount(self, yuan_min: int, yuan_max: int) -> int:
        """Fen; small sums are commoner than large ones, and most are whole yuan."""
        yuan = math.exp(self.rng.uniform(math.log(yuan_min), math.log(yuan_max)))
        return int(yuan) * 100 + (self.rng.randrange(100) if self.rng.random() < 0.4 else 0)

    def invoice(self) -> Document:
        number = "".join(self.rng.choices("0123456789", k=18))
        digest = f"{self.rng.getrandbits(256):064x}"
        return Document(kind="invoice", number=f"24{number}", sha256=digest)

    def paper(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}-{self.world.on.year}-{self._series:03d}{self._count:06d}"

    def another_number(self, key: InstructionKey) -> InstructionKey:
        """A voucher of the same kind under a new number."""
        return self._next_key(key.voucher_type)

    def _next_key(self, voucher_type: str) -> InstructionKey:
        self._count += 1
        return InstructionKey(
            division=self.world.division,
            fiscal_year=self.world.on.year,
            voucher_type=voucher_type,
            voucher_no=f"{self.world.on:%Y%m%d}{self._series:03d}{self._count:07d}",
        )

    def _draws_cash(self, body: Body, payee: Payee, amount: int) -> bool:
        if amount > CASH_LIMIT_FEN or {body.code, payee.account} & self._drawn:
            return False
        if self.rng.random() >= CASH_SHARE:
            return False
        self._drawn |= {body.code, payee.account}
        return True

    def _payee(self, purpose: Purpose) -> Payee:
        if purpose.payee == "专家":
            return self.rng.choice(self.world.experts)
        return self.world.special.get(purpose.payee) or self.company(purpose.payee)

    def _payroll(self, body: Body, purpose: Purpose) -> Instruction:
        details = tuple(
            Detail(
                id=str(number),
                payee=payee,
                amount_fen=Fen(self.amount(purpose.yuan_min, purpose.yuan_max)),
                purpose=purpose.text,
            )
            for number, payee in enumerate(body.staff, start=1)
        )
        return self.planned(
            self.draft(
                body, purpose.dept_code, body.payroll,
                sum(detail.amount_fen for detail in details), purpose.text,
                business_type=BusinessType.PAYROLL, details=details,
                exemption=Exemption.TAX_UNION_PAYROLL,
            )
        )  # fmt: skip

    def _service_purchase(self) -> Instruction:
        """Art. 13(3)1 with contract, invoice and filing: another agency is the contractor."""
        body, other = self.rng.sample(self.world.bodies, k=2)
        amount = self.amount(20_000, 180_000)
        contract = Contract(
            contract_no=self.paper("HT"), agency=body.code, supplier=other.agency.name,
            account=other.basic.account, amount_fen=Fen(amount * 2), paid_fen=Fen(0),
            filing_no=self.paper("BA"),
        )  # fmt: skip
        self.world.contracts[contract.contract_no] = contract
        filing = Filing(
            filing_no=contract.filing_no or "", kind=FilingKind.SERVICE_PURCHASE, agency=body.code,
            project_code=None, contract_no=contract.contract_no, date=self.world.on,
        )  # fmt: skip
        self.world.filings[filing.filing_no] = filing
        return self.planned(
            self.draft(
                body, "30227", self.world.filed_payee(other.basic), amount, "购买课题研究服务",
                exemption=Exemption.SERVICE_PURCHASE, contract_no=contract.contract_no,
                documents=(self.invoice(),),
            )
        )  # fmt: skip

    def _advance_repayment(self) -> Instruction:
        """Art. 13(3)5: what the basic account advanced returns to it, as the bureau approved."""
        body = self.body()
        amount = self.amount(2_000, 40_000)
        approval = Approval(
            approval_no=self.paper("SP"), kind=ApprovalKind.ADVANCE_REPAYMENT, agency=body.code,
            payee_account=body.basic.account, dept_economic_code="30213", amount_fen=Fen(amount),
            used_fen=Fen(0), valid_from=self.world.on - dt.timedelta(days=30),
            valid_to=self.world.on + dt.timedelta(days=60), document="吉财库批〔2026〕归垫",
        )  # fmt: skip
        self.world.approvals[approval.approval_no] = approval
        return self.planned(
            self.draft(
                body, "30213", self.world.filed_payee(body.basic), amount, "归垫维修款",
                exemption=Exemption.ADVANCE_REPAYMENT, approvals=(approval.approval_no,),
            )
        )  # fmt: skip


def _lecture(amount: int) -> Item:
    """So many hours of a professor, none above what the standard allows."""
    hours = -(-amount // _LECTURE_HOUR_FEN)
    price = Fen(-(-amount // hours))
    return Item(kind="lecture", class_="正高级职称", hours=hours, unit_price_fen=price)

"""Small truths that stand behind the ports in the line's own tests."""

import datetime as dt
from collections.abc import Callable

import attrs
from msgspec.structs import replace

from gateway.domain.bank import (
    BankAnswer,
    BankConduct,
    BankOutcome,
    EnquiryAnswer,
    EnquiryOutcome,
    LeftOut,
)
from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyKind,
    AgencyStatus,
    BusinessType,
    CarryOver,
    Expenditure,
    PayeeKind,
    PaymentMethod,
    Settlement,
)
from gateway.domain.commitment import Commitment
from gateway.domain.decision import Action, Finding, Light, Outcome
from gateway.domain.facts import Facts
from gateway.domain.instruction import Instruction, InstructionKey, Payee, Payer, Received
from gateway.domain.money import Fen
from gateway.domain.parties import Sender, sender_of
from gateway.domain.registers import Account, Agency, Indicator, Registers
from gateway.domain.windows import Measure, WindowAsk, WindowKey, WindowShare

NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)
DIVISION = "220000000"
SENDER = "spiffe://treasury.test/agency/220000000/101001"
ZERO_BALANCE, BASIC, SUPPLIER = "0710101011015200001234", "0710101011015200005678", "2200145010"
INDICATOR = "2200002026101001000001"
CASH = "JL-044.cash"


class FixedClock:
    def __init__(self) -> None:
        self.wall = NOW
        self.ticks = 0.0

    def now(self) -> dt.datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ticks


class OpenGate:
    """Believes every signature; the real proofs are the certs room's tests."""

    def authenticate(self, received: Received, now: dt.datetime) -> Sender:
        sender = sender_of(received.party)
        assert sender
        return sender

    def sign_receipt(self, payload: bytes) -> str:
        return payload.decode()

    def sign_document(self, body: bytes) -> str:
        return "signed"


class OpenCommitments:
    def commit(self, subject: str, field: str, value: str) -> Commitment:
        return Commitment(field=field, digest=f"#{len(value)}", salt="00", value=value)


@attrs.define
class FormatOfOne:
    """Understands any bytes as the one instruction it was given."""

    instruction: Instruction

    def parse(self, raw: bytes) -> Instruction:
        return self.instruction


@attrs.define
class OneShelf:
    registers: Registers

    def of(self, division: str, now: dt.datetime) -> Registers:
        return self.registers


@attrs.define
class BookOf:
    """Fires the given findings, JL-011 on a shortage, and JL-044 where the cash of five days comes
    to more than `cash_max` (None: knows no windows)."""

    findings: tuple[Finding, ...] = ()
    revision: str = "book-1"
    cash_max: int | None = None

    def decide(self, facts: Facts) -> tuple[Finding, ...]:
        found = self.findings
        if facts.indicator_available is not None:
            found += (finding("JL-011", Action.BLOCK),)
        drawn = facts.windows.get(CASH, 0) + facts.amount
        if self.cash_max is not None and drawn > self.cash_max:
            found += (finding("JL-044", Action.HOLD),)
        return found

    def asks(self, facts: Facts) -> tuple[WindowAsk, ...]:
        if self.cash_max is None:
            return ()
        since = facts.on - dt.timedelta(days=4)
        believed = facts.windows.get(CASH, 0)
        key = WindowKey(window=CASH, key=facts.agency_code)
        return (WindowAsk(key=key, measure=Measure.SUM, since=since, believed=believed),)

    def shares(self, facts: Facts, outcome: Outcome) -> tuple[WindowShare, ...]:
        if self.cash_max is None or outcome is not Outcome.PASS:
            return ()
        key = WindowKey(window=CASH, key=facts.agency_code)
        return (WindowShare(key=key, day=facts.on, value=facts.amount),)


class ObedientBank:
    """Answers as told and remembers every submission, in order."""

    def __init__(self, outcome: BankOutcome = BankOutcome.ACCEPTED) -> None:
        self.outcome = outcome
        self.enquiry = EnquiryOutcome.NOT_FOUND
        self.conduct = BankConduct(idempotent=False, enquiry=True, horizon_s=6.0)
        self.strain = ""
        self.submitted: list[InstructionKey] = []
        self.answers_within: Callable[[], None] = lambda: None
        """What passes between an enquiry's answer and whoever hears it."""

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        self.submitted.append(key)
        return BankAnswer(outcome=self.outcome, reference="R1", reason=None)

    async def reach(self) -> bool:
        return True

    async def enquire(self, key: InstructionKey) -> EnquiryAnswer:
        self.answers_within()
        return EnquiryAnswer(outcome=self.enquiry, reference="R2", reason=None)


def finding(policy: str, action: Action) -> Finding:
    return Finding(
        policy=policy,
        revision=1,
        article="第十三条",
        light=Light.RED,
        action=action,
        title_zh="标题",
        title_en="title",
        reason_zh="理由",
        reason_en="reason",
    )


def instruction(number: str = "1", amount: int = 30_000, **changes: object) -> Instruction:
    return replace(
        Instruction(
            key=InstructionKey(
                division=DIVISION, fiscal_year=2026, voucher_type="8202", voucher_no=number
            ),
            voucher_date=dt.date(2026, 3, 2),
            agency_code="101001",
            agency_name="吉林省示例厅本级",
            payment_method=PaymentMethod.AUTHORIZED,
            settlement=Settlement.TRANSFER,
            business_type=BusinessType.SINGLE,
            amount_fen=Fen(amount),
            payer=Payer(account=ZERO_BALANCE, name="吉林省示例厅", bank_code="103241001000"),
            payee=Payee(
                kind=PayeeKind.ORGANISATION,
                account=SUPPLIER,
                name="长春示例科技有限公司",
                bank_code="105241000022",
            ),
            indicator_id=INDICATOR,
            fund_code="111",
            functional_code="2010301",
            dept_economic_code="30213",
            gov_economic_code="50209",
            project_code="220000260000000000001",
            purpose="办公楼电梯维修",
        ),
        **changes,
    )


def received(raw: bytes = b"one") -> Received:
    return Received(raw=raw, format="json", signature="s", party=SENDER)


def registers(granted: int = 1_000_000) -> Registers:
    return Registers(
        division=DIVISION,
        version=1,
        as_of=NOW,
        agencies={
            "101": _agency("101", None),
            "101001": _agency("101001", "101"),
            "101002": _agency("101002", "101"),
            "101003": _agency("101003", "101001"),
        },
        accounts={
            ZERO_BALANCE: account(ZERO_BALANCE, "101001", AccountClass.ZERO_BALANCE),
            BASIC: account(BASIC, "101001", AccountClass.REAL_FUND),
        },
        indicators={INDICATOR: _indicator(granted)},
        plans=(),
        persons={},
        payee_classes={},
        contracts={},
        approvals={},
        filings={},
        three_public_budgets=(),
        blacklist_accounts=frozenset(),
        designated_vendors=frozenset(),
        calendar={},
    )


def account(number: str, agency: str, class_: AccountClass) -> Account:
    return Account(
        account=number,
        bank_code="103241001000",
        name="吉林省示例厅",
        agency=agency,
        class_=class_,
        is_basic=class_ is AccountClass.REAL_FUND,
        status=AccountStatus.ACTIVE,
        finance_approval="吉财账〔2023〕17号",
        central_bank_approval="J2410000000101",
        valid_from=dt.date(2023, 1, 1),
        valid_to=None,
        change_notice_date=None,
    )


def _agency(code: str, parent: str | None) -> Agency:
    return Agency(
        code=code,
        name=f"单位{code}",
        parent=parent,
        kind=AgencyKind.ADMINISTRATIVE,
        status=AgencyStatus.ACTIVE,
    )


def _indicator(granted: int) -> Indicator:
    return Indicator(
        id=INDICATOR,
        agency="101001",
        fiscal_year=2026,
        fund_code="111",
        functional_code="2010301",
        dept_economic_code="30213",
        gov_economic_code="50209",
        project_code="220000260000000000001",
        granted_fen=Fen(granted),
        posted_fen=Fen(0),
        frozen_fen=Fen(0),
        executable=True,
        carry_over=CarryOver.NONE,
        plan_controlled=False,
        expenditure=Expenditure.BASIC,
    )

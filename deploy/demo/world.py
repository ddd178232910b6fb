"""A small province: its agencies, accounts, indicators, people and papers, deterministic by seed.

Everything that the registers hold is built here as domain values; `registers()` closes them.
"""

import datetime as dt
from random import Random
from typing import Any

import msgspec

from deploy.demo.body import Body
from deploy.demo.codes import Department, departments, economic_items, words
from deploy.demo.numbers import account_number, bank_code, card_number, identity_number
from gateway.domain.codes import (
    AccountClass,
    AccountStatus,
    AgencyKind,
    AgencyStatus,
    CarryOver,
    Expenditure,
    PayeeClass,
    PayeeKind,
    ThreePublicCategory,
)
from gateway.domain.instruction import Payee, Payer, Person
from gateway.domain.legal_day import SHANGHAI
from gateway.domain.money import Fen
from gateway.domain.registers import (
    Account,
    Agency,
    Approval,
    Contract,
    FiledPerson,
    Filing,
    Indicator,
    Plan,
    Registers,
    ThreePublicBudget,
)

FUND = "111"
"""一般公共预算资金."""
AGENT_BANK_PREFIX = "313241"
EXPERTS = 60
STAFF = 6
GENEROUS_FEN = 200_000_000
RECEPTIONS_FEN = 5_000_000
_INSURERS = {
    "社保": ("吉林省示例社会保险事业管理局", PayeeClass.SOCIAL_INSURANCE),
    "医保": ("吉林省示例医疗保险事务中心", PayeeClass.MEDICAL_INSURANCE),
    "公积金": ("吉林省示例住房公积金管理中心", PayeeClass.HOUSING_FUND),
    "税务": ("待报解预算收入（吉林省示例税务局）", PayeeClass.TAX),
    "工会": ("吉林省示例总工会", PayeeClass.UNION),
}


class World:
    def __init__(self, seed: int, on: dt.date, division: str) -> None:
        self.rng = Random(f"world/{seed}")
        self.on = on
        self.division = division
        self.agencies: dict[str, Agency] = {}
        self.accounts: dict[str, Account] = {}
        self.indicators: dict[str, Indicator] = {}
        self.persons: dict[str, FiledPerson] = {}
        self.payee_classes: dict[str, PayeeClass] = {}
        self.payee_names: dict[str, str] = {}
        self.contracts: dict[str, Contract] = {}
        self.approvals: dict[str, Approval] = {}
        self.filings: dict[str, Filing] = {}
        self.blacklist: set[str] = set()
        self.vendors: set[str] = set()
        """Names of hotels, trainers and garages that the bureau has designated."""
        self.named: set[str] = set()
        """Names of companies: with two of one name, what is lawful of one would be of the other."""
        self.planned: dict[str, int] = {}
        """What the day is going to pay from each indicator, in fen."""
        self.meagre: dict[str, int] = {}
        """Indicators whose plan is less than they are granted: fen a month."""
        self.driven: dict[str, int] = {}
        """What the day is going to pay for each agency's vehicles, in fen."""
        self.bank = bank_code(self.rng, AGENT_BANK_PREFIX)
        self.special = {name: self._listed(*who) for name, who in _INSURERS.items()}
        self.experts = tuple(self.person("示例专家库", "专家") for _ in range(EXPERTS))
        self.tops: list[Body] = []
        self.bodies: list[Body] = []
        bureau = self._agency("100", "吉林省示例财政国库处", None, AgencyKind.ADMINISTRATIVE)
        self.treasury = self.filed_account(bureau, AccountClass.FISCAL_ZERO_BALANCE)
        """财政零余额账户: the one account that all direct payments are made from."""
        for department in departments():
            self._department(department)
        stopped = self._agency("113", "吉林省示例停拨单位", None, AgencyKind.INSTITUTION)
        self.agencies["113"] = msgspec.structs.replace(stopped, status=AgencyStatus.SUSPENDED)
        self.suspended = self._body(stopped, departments()[0].institution_function)
        """Under the measure of Art. 21(4): nothing is paid to it or by it."""

    def filed_account(
        self, agency: Agency, class_: AccountClass, *, basic: bool = False,
        status: AccountStatus = AccountStatus.ACTIVE,
    ) -> Payer:  # fmt: skip
        """Open and file one account (Art. 13(1))."""
        number = account_number(self.rng, "0710")
        count = len(self.accounts) + 1
        self.accounts[number] = Account(
            account=number,
            bank_code=self.bank,
            name=agency.name,
            agency=agency.code,
            class_=class_,
            is_basic=basic,
            status=status,
            finance_approval=f"吉财账〔2023〕{count}号",
            central_bank_approval=f"J2410{count:09d}",
            valid_from=dt.date(2023, 1, 1),
            valid_to=None,
            change_notice_date=None,
        )
        return Payer(account=number, name=agency.name, bank_code=self.bank)

    def indicator(self, body: Body, dept_code: str, *, series: str = "0") -> Indicator:
        """The body's own indicator of one item, made when it is first asked for."""
        year = self.on.year
        id = f"{self.division[:6]}{year}{body.code}{dept_code}{series}"
        if id not in self.indicators:
            basic = dept_code.startswith("301") or dept_code in ("30201", "30205", "30206", "30207")
            self.indicators[id] = Indicator(
                id=id,
                agency=body.code,
                fiscal_year=year,
                fund_code=FUND,
                functional_code=body.function,
                dept_economic_code=dept_code,
                gov_economic_code=economic_items()[dept_code].gov_code,
                project_code=f"{self.division[:6]}{year % 100}{body.code}P{dept_code}{series}",
                granted_fen=Fen(0),
                posted_fen=Fen(self.rng.randrange(0, 30_000_000)),
                frozen_fen=Fen(0),
                executable=True,
                carry_over=CarryOver.NONE,
                plan_controlled=basic,
                expenditure=Expenditure.BASIC if basic else Expenditure.PROJECT,
            )
        return self.indicators[id]

    def change_indicator(self, id: str, **changes: Any) -> None:
        self.indicators[id] = msgspec.structs.replace(self.indicators[id], **changes)

    def person(self, employer: str, position: str, *, filed: bool = True) -> Payee:
        """Somebody with an identity number and a bank card, filed under Art. 16 unless not."""
        rng = self.rng
        name = rng.choice(words("surname")) + "".join(rng.choices(words("given"), k=2))
        id_number, card = identity_number(rng, self.on), card_number(rng)
        title = rng.choice(words("title"))
        if filed:
            self.persons[id_number] = FiledPerson(
                id_number=id_number, name=name, employer=employer, position=position, title=title,
                accounts=(card,), official_cards=(),
            )  # fmt: skip
        return Payee(
            kind=PayeeKind.PERSON, account=card, name=name, bank_code=bank_code(rng, "103241"),
            bank_name=self._branch(),
            person=Person(id_number=id_number, employer=employer, position=position, title=title),
        )  # fmt: skip

    def company(self, trade: str) -> Payee:
        rng = self.rng
        chosen = f"{rng.choice(words('place'))}{rng.choice(words('brand'))}{trade}"
        name, number = f"{chosen}有限公司", 1
        while name in self.named:
            number += 1
            name = f"{chosen}{number}号有限公司"
        self.named.add(name)
        return self._organisation(name, account_number(rng, "2200", 17))

    def filed_payee(self, payer: Payer) -> Payee:
        """An agency's own account as somebody else's payee."""
        return Payee(
            kind=PayeeKind.ORGANISATION, account=payer.account, name=payer.name,
            bank_code=payer.bank_code, bank_name="松江银行长春分行",
        )  # fmt: skip

    def registers(self) -> Registers:
        """Close the books: every indicator is granted what the day will take, and more."""
        for id, row in self.indicators.items():
            if not row.granted_fen:
                needed = row.posted_fen + 2 * self.planned.get(id, 0) + GENEROUS_FEN
                self.change_indicator(id, granted_fen=Fen(-(-needed // 1_000_000) * 1_000_000))
        opening = dt.datetime.combine(self.on, dt.time(0), SHANGHAI)
        return Registers(
            division=self.division, version=1, as_of=opening, agencies=self.agencies,
            accounts=self.accounts, indicators=self.indicators, plans=tuple(self._plans()),
            persons=self.persons, payee_classes=self.payee_classes, contracts=self.contracts,
            approvals=self.approvals, filings=self.filings,
            three_public_budgets=tuple(self._three_public()),
            blacklist_accounts=frozenset(self.blacklist),
            designated_vendors=frozenset(self.vendors), calendar={},
        )  # fmt: skip

    def _department(self, department: Department) -> None:
        code = department.code
        top = self._agency(code, department.name, None, AgencyKind.ADMINISTRATIVE)
        self.tops.append(self._body(top, department.administrative_function))
        own = self._agency(f"{code}001", f"{department.name}本级", code, AgencyKind.ADMINISTRATIVE)
        self.bodies.append(self._body(own, department.administrative_function))
        for number, name in enumerate(department.bodies, start=2):
            below = self._agency(
                f"{code}{number:03d}", f"吉林省{name}", code, AgencyKind.INSTITUTION
            )
            self.bodies.append(self._body(below, department.institution_function))

    def _agency(self, code: str, name: str, parent: str | None, kind: AgencyKind) -> Agency:
        agency = Agency(code=code, name=name, parent=parent, kind=kind, status=AgencyStatus.ACTIVE)
        self.agencies[code] = agency
        return agency

    def _body(self, agency: Agency, function: str) -> Body:
        payroll = self._listed(f"{agency.name}工资代发专户", PayeeClass.PAYROLL)
        return Body(
            agency=agency,
            zero=self.filed_account(agency, AccountClass.ZERO_BALANCE),
            direct=self.treasury,
            basic=self.filed_account(agency, AccountClass.REAL_FUND, basic=True),
            function=function,
            staff=tuple(
                self.person(agency.name, self.rng.choice(words("position"))) for _ in range(STAFF)
            ),
            payroll=payroll,
        )

    def _listed(self, name: str, class_: PayeeClass) -> Payee:
        payee = self._organisation(name, account_number(self.rng, "2210", 18))
        self.payee_classes[payee.account] = class_
        self.payee_names[payee.account] = name
        return payee

    def _organisation(self, name: str, account: str) -> Payee:
        return Payee(
            kind=PayeeKind.ORGANISATION, account=account, name=name,
            bank_code=bank_code(self.rng, "402241"), bank_name=self._branch(),
        )  # fmt: skip

    def _branch(self) -> str:
        return f"{self.rng.choice(words('bank'))}长春{self.rng.choice(words('branch'))}"

    def _three_public(self) -> list[ThreePublicBudget]:
        """Vehicles for what the day takes and more; receptions as little as the times allow."""
        vehicles, receptions = ThreePublicCategory.VEHICLES, ThreePublicCategory.RECEPTION
        return [
            ThreePublicBudget(
                agency=code, fiscal_year=self.on.year, category=category,
                amount_fen=Fen(amount), posted_fen=Fen(0),
            )
            for code in self.agencies
            for category, amount in (
                (vehicles, 2 * self.driven.get(code, 0) + GENEROUS_FEN),
                (receptions, RECEPTIONS_FEN),
            )
        ]  # fmt: skip

    def _plans(self) -> list[Plan]:
        """Basic expenditure is planned evenly over the months so far."""
        return [
            Plan(
                indicator_id=row.id,
                month=month,
                amount_fen=Fen(
                    self.meagre.get(row.id, (row.granted_fen - row.frozen_fen) // self.on.month)
                ),
            )
            for row in self.indicators.values()
            if row.plan_controlled
            for month in range(1, self.on.month + 1)
        ]

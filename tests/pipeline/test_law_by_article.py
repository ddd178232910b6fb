"""Clauses of the regulation tried on whole instructions: registers, facts, policies, limits.

Each case is one that a policy alone cannot show, since its facts come from elsewhere.
"""

import datetime as dt
from collections.abc import Mapping

import attrs
from msgspec.structs import replace

from gateway.domain.codes import (
    AccountClass,
    ApprovalKind,
    BusinessType,
    CarryOver,
    CashReason,
    Exemption,
    PayeeKind,
    Settlement,
)
from gateway.domain.decision import Finding, Outcome
from gateway.domain.instruction import Detail, Instruction, Payee, Person
from gateway.domain.masking import as_read
from gateway.domain.money import Fen
from gateway.domain.registers import Approval, FiledPerson, Registers
from gateway.pipeline.explain import explain
from gateway.pipeline.facts import facts_of
from gateway.pipeline.identify import as_known, identify
from tests.pipeline.fakes import INDICATOR, account, instruction, registers
from tests.policies.shipped import BOOK

MONDAY = dt.date(2026, 3, 2)
OWN_OTHER = "0710101011015200009999"


def told(order: Instruction, shelf: Registers) -> tuple[Outcome, Mapping[str, Finding]]:
    decision = explain(order, shelf, BOOK, MONDAY).decision
    return decision.outcome, {each.policy: each for each in decision.findings}


def with_indicator(**changes: object) -> Registers:
    shelf = registers()
    return attrs.evolve(
        shelf, indicators={INDICATOR: replace(shelf.indicators[INDICATOR], **changes)}
    )


def approval(kind: ApprovalKind, number: str, amount: int = 1_000_000) -> Approval:
    return Approval(
        approval_no=number, kind=kind, agency="101001", payee_account=None,
        dept_economic_code=None, amount_fen=Fen(amount), used_fen=Fen(0),
        valid_from=dt.date(2026, 1, 1), valid_to=dt.date(2026, 12, 31), document="d",
    )  # fmt: skip


def with_approvals(*rows: Approval, shelf: Registers | None = None) -> Registers:
    return attrs.evolve(shelf or registers(), approvals={row.approval_no: row for row in rows})


# --- Art. 10(3)14: frozen money is told apart from money that is not there ------------


def test_money_that_is_frozen_is_refused_as_frozen_and_not_as_over_the_budget() -> None:
    outcome, found = told(instruction(amount=30_000), with_indicator(frozen_fen=Fen(990_000)))
    assert outcome is Outcome.BLOCK and set(found) == {"JL-014"}
    assert found["JL-014"].article == "10(3)14"
    assert "9,900.00元已由财政部门冻结" in found["JL-014"].reason_zh
    assert "100.00 yuan are left" in found["JL-014"].reason_en


def test_to_the_fen_what_even_the_thaw_would_not_give_is_over_the_budget() -> None:
    shelf = with_indicator(frozen_fen=Fen(990_000))
    assert set(told(instruction(amount=1_000_000), shelf)[1]) - {"JL-015"} == {"JL-014"}
    outcome, found = told(instruction(amount=1_000_001), shelf)
    assert outcome is Outcome.BLOCK and set(found) - {"JL-015"} == {"JL-011"}
    assert found["JL-011"].article == "10(3)3; 14"


def test_a_recoverable_carry_over_is_refused_once_whatever_the_ledger_says() -> None:
    shelf = with_indicator(carry_over=CarryOver.RECOVERABLE)
    outcome, found = told(instruction(), shelf)
    assert outcome is Outcome.BLOCK and set(found) == {"JL-014"}
    assert "冻结" not in found["JL-014"].reason_zh


# --- Art. 13(4): an advance from another account, approved, goes back to it -----------


def repayment(*approvals: str) -> Instruction:
    return instruction(
        payee=Payee(
            kind=PayeeKind.ORGANISATION, account=OWN_OTHER, name="吉林省示例厅",
            bank_code="105241000022",
        ),
        business_type=BusinessType.ADVANCE_REPAYMENT, exemption=Exemption.ADVANCE_REPAYMENT,
        approvals=approvals, purpose="归还垫付的电梯维修款",
    )  # fmt: skip


def test_an_approved_advance_from_another_account_is_repaid_to_it_and_to_no_other() -> None:
    shelf = registers()
    other = replace(account(OWN_OTHER, "101001", AccountClass.REAL_FUND), is_basic=False)
    shelf = attrs.evolve(shelf, accounts={**shelf.accounts, OWN_OTHER: other})
    shelf = with_approvals(
        approval(ApprovalKind.ADVANCE_REPAYMENT, "GD-1"),
        approval(ApprovalKind.ADVANCE_FROM_OTHER_ACCOUNT, "DF-1"),
        shelf=shelf,
    )
    assert told(repayment("GD-1", "DF-1"), shelf) == (Outcome.PASS, {})
    supplier = replace(repayment("GD-1", "DF-1"), payee=instruction().payee)
    outcome, found = told(supplier, shelf)
    assert outcome is Outcome.BLOCK and set(found) == {"JL-031"}
    outcome, found = told(repayment("GD-1"), shelf)
    assert outcome is Outcome.BLOCK and set(found) == {"JL-020", "JL-031"}
    outcome, found = told(repayment("DF-1"), shelf)
    assert outcome is Outcome.BLOCK and set(found) == {"JL-020", "JL-030"}


# --- Art. 13(2)1: cash --------------------------------------------------------------


def cash(amount: int, *approvals: str, **changes: object) -> Instruction:
    changes = {"cash_reason": CashReason.WAGES, **changes}
    return instruction(
        amount=amount, settlement=Settlement.CASH, dept_economic_code="30101",
        gov_economic_code="50101", purpose="发放工资", approvals=approvals, **changes,
    )  # fmt: skip


def wages(**changes: object) -> Registers:
    return with_indicator(dept_economic_code="30101", gov_economic_code="50101", **changes)


def test_cash_goes_to_persons_and_not_to_a_company() -> None:
    outcome, found = told(cash(50_000), wages())
    assert outcome is Outcome.BLOCK and set(found) == {"JL-041"}
    assert "现金只可支付给个人" in found["JL-041"].reason_zh


def test_cash_drawn_in_the_agencys_own_name_says_for_whom() -> None:
    own = Payee(
        kind=PayeeKind.ORGANISATION, account="-", name="吉林省示例厅", bank_code="105241000022"
    )
    assert told(cash(100_000, payee=own), wages()) == (Outcome.PASS, {})
    outcome, found = told(cash(100_001, payee=own), wages())
    assert outcome is Outcome.HOLD and set(found) == {"JL-044"}
    assert found["JL-044"].article == "13(2)1⑦"
    shelf = with_approvals(
        approval(ApprovalKind.CASH_FINANCE, "XJ-1"), approval(ApprovalKind.CASH_BANK, "XJ-2"),
        shelf=wages(),
    )  # fmt: skip
    assert told(cash(100_001, "XJ-1", "XJ-2", payee=own), shelf) == (Outcome.PASS, {})
    assert told(cash(100_001, "XJ-1", payee=own), shelf)[0] is Outcome.HOLD


def test_an_approval_that_is_used_up_is_refused_under_the_paragraph_it_was_given_under() -> None:
    own = Payee(
        kind=PayeeKind.ORGANISATION, account="-", name="吉林省示例厅", bank_code="105241000022"
    )
    for kind, article in (
        (ApprovalKind.CASH_SPECIAL, "13(2)1⑧"),
        (ApprovalKind.CASH_FINANCE, "13(2)1⑦"),
        (ApprovalKind.OTHER_TRANSFER, "13(3)6"),
        (ApprovalKind.ADVANCE_REPAYMENT, "13(3)5"),
        (ApprovalKind.ADVANCE_FROM_OTHER_ACCOUNT, "13(4)"),
    ):
        order = cash(60_000, "PZ-1", payee=own)
        twice = replace(order, approvals=("PZ-1", "PZ-1"))  # named twice it is used twice
        shelf = with_approvals(approval(kind, "PZ-1", 100_000), shelf=wages())
        outcome, found = told(twice, shelf)
        assert outcome is Outcome.BLOCK and found["JL-033"].article == article, kind


def paid(number: str, card: str = "6228230123456789018", name: str = "李某某") -> Payee:
    return Payee(
        kind=PayeeKind.PERSON, account=card, name=name, bank_code="105241000022",
        person=Person(id_number=number, employer="吉林省示例厅", position="", title=""),
    )  # fmt: skip


TEN = "22010419850615003X"


def test_the_check_digit_ten_is_one_person_in_either_letter() -> None:
    """Else one person is two, each below the limit that blocks."""
    own = Payee(
        kind=PayeeKind.ORGANISATION, account="-", name="吉林省示例厅", bank_code="105241000022"
    )
    rows = tuple(
        Detail(id=str(n), payee=paid(number, card), amount_fen=Fen(60_000), purpose="发放工资")
        for n, (number, card) in enumerate(
            ((TEN, "6228230123456789018"), (TEN.lower(), "6228230123456789026")), 1
        )
    )
    order = cash(120_000, payee=own, details=rows, business_type=BusinessType.PAYROLL)
    outcome, found = told(order, wages())
    assert outcome is Outcome.BLOCK and "1,200.00" in found["JL-042"].reason_zh


def test_cash_of_a_day_is_counted_by_the_person_whatever_account_or_spelling_is_given() -> None:
    keys = set()
    for payee in (
        paid(TEN), paid(TEN.lower()), paid(TEN, card="6228230123456789026"),
        paid(TEN, name="李 某某"), paid(TEN, name="李某某\u3000"),
    ):  # fmt: skip
        order = cash(80_000, payee=payee)
        facts = facts_of(order, identify(order, wages()), wages(), MONDAY)
        keys |= {a.key.key for a in BOOK.asks(facts) if a.key.window == "JL-044.to_person"}
        keys |= {
            each.key.key for each in BOOK.shares(facts, Outcome.PASS)
            if each.key.window == "JL-044.to_person"
        }  # fmt: skip
    assert len(keys) == 1 and TEN not in keys.pop()


def test_a_filed_person_is_found_by_either_letter() -> None:
    row = FiledPerson(
        id_number=TEN, name="李某某", employer="吉林省示例厅", position="", title="",
        accounts=("6228230123456789018",), official_cards=(),
    )  # fmt: skip
    shelf = attrs.evolve(wages(), persons={TEN: row})
    for number in (TEN, TEN.lower()):
        order = cash(80_000, payee=paid(number))
        assert facts_of(order, identify(order, shelf), shelf, MONDAY).persons_unfiled == 0


# --- Art. 10(3): what words say ---------------------------------------------------------


def test_a_word_is_found_whatever_stands_between_its_characters_for_the_eye_alone() -> None:
    plain = told(instruction(purpose="购买礼品"), registers())[1]
    assert "JL-082" in plain
    for purpose in ("购买礼 品", "购买礼\u3000品", "购买礼\u00a0品", "购买礼\u2003 品"):
        assert "JL-082" in told(instruction(purpose=purpose), registers())[1], purpose
    assert as_read("⼆〇二六年（⽀出）：ＡＢ１ ２") == "二〇二六年（支出）：AB1 2"
    assert as_read("长春 ABC Ltd") == "长春ABC Ltd"


# --- lists of accounts ------------------------------------------------------------------

BARRED = "22001450100050009999"


def test_an_account_written_with_hyphens_is_the_account_that_the_lists_know() -> None:
    """A bank core reads over them; the lists would not."""
    shelf = attrs.evolve(
        registers(),
        accounts={
            **registers().accounts, OWN_OTHER: account(OWN_OTHER, "101001", AccountClass.REAL_FUND)
        },
        blacklist_accounts=frozenset({BARRED, "1-2"}),
    )  # fmt: skip

    def paid_to(number: str, order: Instruction | None = None) -> tuple[Outcome, set[str]]:
        payee = Payee(
            kind=PayeeKind.ORGANISATION, account=number, name="示例公司", bank_code="105241000022"
        )
        outcome, found = told(replace(order or instruction(), payee=payee), shelf)
        return outcome, set(found)

    for number, policy in ((OWN_OTHER, "JL-020"), (BARRED, "JL-009"), ("1-2", "JL-009")):
        assert paid_to(number) == (Outcome.BLOCK, {policy})
    for at in (1, 4, 19):
        assert paid_to(f"{OWN_OTHER[:at]}-{OWN_OTHER[at:]}") == paid_to(OWN_OTHER)
        assert paid_to(f"{BARRED[:at]}-{BARRED[at:]}") == paid_to(BARRED)
    assert paid_to("0710-1010110152000088")[0] is Outcome.PASS


def test_a_persons_account_with_a_hyphen_is_still_a_persons() -> None:
    card = "6228230123456789018"
    shelf = attrs.evolve(
        registers(),
        accounts={**registers().accounts, card: account(card, "", AccountClass.PERSONAL)},
    )
    written = "6228-2301-2345-6789-018"
    payee = Payee(kind=PayeeKind.ORGANISATION, account=written, name="李某某", bank_code="1")
    order = replace(instruction(), payee=payee)
    parties = identify(order, shelf)
    assert parties.personal == {written, card}, "hidden in the record, judged as a person's"
    facts = facts_of(as_known(order, shelf), parties, shelf, MONDAY)
    assert facts.payee_kind is PayeeKind.PERSON and facts.payee_account == card

"""Reserved fields of a voucher: references and papers of Art. 13, persons of Art. 16."""

import pytest

from adapters.formats.voucher.payments import VoucherFormat
from gateway.domain.codes import CashReason, Exemption, PayeeKind
from tests.adapters.formats.test_voucher_format import errors
from tests.adapters.formats.voucher_samples import INNER, envelope

FORMAT = VoucherFormat()


def test_reserved_fields_carry_the_references_of_article_13() -> None:
    inner = INNER.replace(
        "<Hold2></Hold2>", "<Hold2>EX=1;CT=HT-2026-0031;AP=SP-2026-0102;CR=1</Hold2>"
    )
    instruction = FORMAT.parse(envelope(inner))
    assert instruction.exemption is Exemption.SERVICE_PURCHASE
    assert instruction.cash_reason is CashReason.WAGES
    assert instruction.contract_no == "HT-2026-0031"
    assert instruction.approvals == ("SP-2026-0102",)


def test_a_voucher_names_its_papers_in_its_header_and_beside_an_organisation() -> None:
    """Without them what Art. 13(3) asks papers for could never be paid by voucher."""
    detail = "<Hold1></Hold1><Hold2>IV=24222000000012345678;IV=2</Hold2></Detail>"
    inner = INNER.replace("<Hold2></Hold2>", "<Hold2>EX=6;LB=吉政发〔2022〕15号;PL=7;IV=2</Hold2>")
    documents = FORMAT.parse(envelope(inner.replace("</Detail>", detail))).documents
    assert [(paper.kind, paper.number, paper.sha256) for paper in documents] == [
        ("invoice", "2", ""),
        ("legal_basis", "吉政发〔2022〕15号", ""),
        ("payroll_list", "7", ""),
        ("invoice", "24222000000012345678", ""),
    ]


@pytest.mark.parametrize("text", ["IV=", "IV=1;LB", "IV=1;EX=1", "IV=1;IV"])
def test_papers_that_are_not_of_the_documented_form_are_refused(text: str) -> None:
    inner = INNER.replace("</Detail>", f"<Hold2>{text}</Hold2></Detail>")
    assert errors(inner) == {"Detail[1].Hold2": "reserved_field"}


def test_a_persons_employer_is_no_paper() -> None:
    holds = "<Hold1>PK=person;ID=220104198506152036</Hold1><Hold2>IV=1</Hold2></Detail>"
    instruction = FORMAT.parse(envelope(INNER.replace("</Detail>", holds)))
    assert instruction.documents == ()
    assert instruction.payee.person is not None and instruction.payee.person.employer == "IV=1"


def test_a_detail_says_that_its_payee_is_a_person() -> None:
    holds = "<Hold1>PK=person;ID=220104198506152036</Hold1><Hold2>某院</Hold2></Detail>"
    payee = FORMAT.parse(envelope(INNER.replace("</Detail>", holds))).payee
    assert payee.kind is PayeeKind.PERSON
    assert payee.person is not None
    assert (payee.person.id_number, payee.person.employer) == ("220104198506152036", "某院")


def test_a_payroll_s_payees_are_persons_unless_a_detail_says_otherwise() -> None:
    inner = INNER.replace("<BusinessTypeCode>1", "<BusinessTypeCode>3")
    (detail,) = FORMAT.parse(envelope(inner)).details
    assert detail.payee.kind is PayeeKind.PERSON
    assert detail.payee.person is None

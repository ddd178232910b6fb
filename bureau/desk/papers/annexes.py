"""Annexes 1 and 2 of the regulation, word for word: what is printed there stands here unchanged.

The regulation prints each blank's meaning behind it in brackets (（收款单位）, （支付凭证号）...);
that is part of its words and is kept. Of a payment that passed with a warning one word differs,
for it was not 拦截 (docs/decisions/0086).
"""

import datetime as dt

import attrs

from bureau.desk.papers.paper import Kind, Paper, Paragraph, blank, day_blanks


@attrs.frozen(kw_only=True)
class Payment:
    """The payment that a notice speaks of."""

    applied: dt.date
    payee: str
    voucher_no: str
    purpose: str
    intercepted: bool = True
    """False: it passed with a warning."""


def interview(
    agency: str, payment: Payment, at: tuple[dt.date, str], number: tuple[int, int],
    issued: tuple[str, dt.date],
) -> Paper:  # fmt: skip
    """附1. `at`: day and room of the interview. `issued`: bureau's name and day."""
    day, room = at
    return Paper(
        kind=Kind.INTERVIEW,
        year=number[0],
        number=number[1],
        addressee=_addressee(agency),
        body=(
            (
                *_suspicion(payment),
                "为核实有关情况，我单位邀请你单位相关财务人员两位，于", *day_blanks(day),
                "到我单位", blank(room), "（房间号）进行约谈，请按时来访。",
            ),
            ("此通知书，请受约谈单位负责人签字并加盖公章后，返还我单位存档。",),
        ),
        signatures=("受约谈单位负责人签字：", "受约谈单位公章："),
        issuer=issued[0],
        day=issued[1],
    )  # fmt: skip


def onsite(
    agency: str, payment: Payment, sent: tuple[str, int], number: tuple[int, int],
    issued: tuple[str, dt.date],
) -> Paper:  # fmt: skip
    """附2. `sent`: who leads, and how many go."""
    return Paper(
        kind=Kind.ONSITE,
        year=number[0],
        number=number[1],
        addressee=_addressee(agency),
        body=(
            (
                *_suspicion(payment),
                "为核实有关情况，我单位将派出", blank(sent[0]), "等", blank(sent[1]),
                "名同志，前往你单位进行实地核证，请给予支持配合。",
            ),
            ("此通知书，请被核证单位负责人签字并加盖公章后，返还我单位存档。",),
        ),
        signatures=("被核证单位负责人签字：", "被核证单位公章："),
        issuer=issued[0],
        day=issued[1],
    )  # fmt: skip


def _addressee(agency: str) -> Paragraph:
    return (blank(agency), "（预算单位）：")


def _suspicion(payment: Payment) -> Paragraph:
    found = "拦截" if payment.intercepted else "预警"
    return (
        "你单位于", *day_blanks(payment.applied), "申请向", blank(payment.payee),
        "（收款单位）支付的第",
        blank(payment.voucher_no), "号（支付凭证号）", blank(payment.purpose),
        f"（支付摘要）的支付业务涉嫌违规，现已被预算管理一体化系统监控{found}。",
    )  # fmt: skip

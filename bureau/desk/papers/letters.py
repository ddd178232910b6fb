"""The other documents of a case: requests, letters, sheets, orders, bulletins."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from bureau.desk.casework.moves import CONCERNS
from bureau.desk.casework.state import Order
from bureau.desk.casework.words import AMOUNT_ZH, MEASURE_ZH, Measure
from bureau.desk.papers.annexes import Payment
from bureau.desk.papers.capitals import money_zh
from bureau.desk.papers.established import Established, Ordered
from bureau.desk.papers.paper import Kind, Paper, Paragraph, blank, day_zh, ended

RULES = "《吉林省预算执行动态监控管理办法（2022修订）》（吉财库〔2022〕1136号）"
PAYMENTS_LISTED = 30
BY = "（含当日）前"
"""The day itself is in time, as the desk counts it (`Order.missed`); a bare 前 leaves that open."""
BY_HAND = "　" * 8
"""Room for what is filled in by hand."""
ANONYMOUS = "某预算单位"


@attrs.frozen(kw_only=True)
class Concerned:
    """Whom and what a document is about, as the case file has it."""

    case: str
    name: str
    """The agency's or bank's."""
    superior: str
    known_as: tuple[str, ...] = ()
    """Other names under which it was told of: a bulletin says none of them."""
    payments: tuple[Payment, ...]
    amounts: tuple[int, ...]
    """Fen, of each payment."""
    policies: tuple[str, ...]
    """`JL-020 禁止向实有资金账户划转`"""
    laws: tuple[str, ...] = ()
    """`第十条（三）11：“……”`, of each policy."""
    reason: str
    case_amount: int = 0
    """Fen, as the case was opened about it: what counts where it names no payment."""
    region: str = ""
    """The bureau's: 吉林省本级."""
    established: Established = Established()

    @property
    def amount(self) -> int:
        return sum(self.amounts)

    @property
    def involved_row(self) -> tuple[str, str]:
        """Of a table: how many payments and how much; of a case that names none, how much."""
        if self.payments:
            return "涉及支付业务", f"{len(self.payments)}笔，{money_zh(self.amount)}"
        return "涉及金额", money_zh(self.case_amount) if self.case_amount else "—"


@attrs.frozen(kw_only=True)
class Issue:
    """Number, bureau and day of a document that is being issued."""

    year: int
    number: int
    bureau: str
    day: dt.date


def document_request(about: Concerned, body: Mapping[str, Any], issue: Issue) -> Paper:
    return set_out(
        Kind.DOCUMENT_REQUEST, issue, about.name,
        (
            (
                f"根据{RULES}第十一条（二）2，为核实有关支付业务，请你单位提供下列材料：",
                blank(body["text"].rstrip("。")), "。",
            ),
            _by_when(body, "将上述材料报送我单位。提供的资料须完整、真实、合法、有效。"),
        ),
        rows=payments(about),
    )  # fmt: skip


def concern(about: Concerned, body: Mapping[str, Any], issue: Issue) -> Paper:
    return set_out(
        Kind.CONCERN, issue, about.name,
        (
            (
                "我单位在预算执行动态监控中发现，你单位", blank(CONCERNS[body["concern"]]),
                f"，共涉及支付业务{len(about.payments)}笔" if about.payments else "",
                "。现将疑点信息发送你单位及主管部门，请予关注。",
            ),
            (body["text"],),
        ),
        rows=payments(about),
        end=(_by_when(body, "说明情况，及时纠错纠偏，防范问题再次发生。"), _copied(about)),
    )  # fmt: skip


def joint(about: Concerned, body: Mapping[str, Any], issue: Issue) -> Paper:
    return set_out(
        Kind.JOINT, issue, str(body.get("person") or "同级审计、纪检监察机关"),
        (
            (
                f"根据{RULES}第十一条（二）5，现将", blank(about.name),
                "的监控疑点信息转送你单位，请协助共同调查核证。理由：",
                blank(body["ground"].rstrip("。")), "。",
            ),
            (body["text"],),
        ),
        rows=payments(about),
    )  # fmt: skip


def handling_sheet(
    about: Concerned, orders: Sequence[Order], text: str, signers: tuple[str, str], issue: Issue,
    *, appeal_to: Sequence[str] = ("", ""),
) -> Paper:  # fmt: skip
    """违规问题处理单, Art. 11(5). `signers`: who proposed and who approved. `appeal_to`: who
    reviews the decision, and which court; a blank to be filled in by hand where it is not said."""
    rows = [
        ("案件编号", about.case),
        ("违规单位", about.name),
        about.involved_row,
        ("违反规定", "；".join(about.policies) or "—"),
        ("违规事实", about.reason),
    ]
    for order in orders:
        rows += _ordered(order)
    rows += [("处理意见", text), ("审核", signers[0]), ("审批", signers[1])]
    return set_out(
        Kind.HANDLING_SHEET, issue, about.name,
        ((f"根据{RULES}，对动态监控中核实确认的问题，处理如下：",),),
        rows=tuple(rows),
        end=(_appeal(orders, *appeal_to),),
        signatures=("被处理单位负责人签字：", "被处理单位公章："),
    )  # fmt: skip


def _ordered(order: Order) -> list[tuple[str, str]]:
    """What one order asks of its party: measure, amounts, and until when."""
    rows = [("处理方式", MEASURE_ZH[order.measure])]
    rows += [
        (zh, money_zh(getattr(order, name)))
        for name, zh in AMOUNT_ZH.items()
        if getattr(order, name)
    ]
    return [*rows, ("整改期限", day_zh(order.due))] if order.due else rows


def rectification_order(about: Concerned, order: Order, text: str, issue: Issue) -> Paper:
    due = day_zh(order.due) if order.due else ""
    return set_out(
        Kind.RECTIFICATION_ORDER, issue, about.name,
        (
            (f"经核实，你单位存在下列问题：{ended(about.reason)}",),
            (
                f"根据{RULES}第二十一条（三），责令你单位于", blank(due),
                f"{BY}予以纠正，并将纠正结果和相关佐证材料书面报送我单位。",
            ),
            (text,),
            ("逾期未落实的，将依据第二十一条（四）采取暂停拨付资金、撤销相关银行账户等处理措施。",),
            _copied(about),
        ),
        rows=payments(about),
    )  # fmt: skip


def suspension(about: Concerned, text: str, issue: Issue) -> Paper:
    return set_out(
        Kind.SUSPENSION, issue, about.name,
        (
            (
                f"你单位未在限期内落实我单位书面整改意见。根据{RULES}第二十一条（四），"
                "自即日起暂停向你单位拨付资金，至整改完成为止。",
            ),
            (text,),
        ),
    )  # fmt: skip


def bulletin(about: Concerned, orders: Sequence[Ordered], text: str, issue: Issue) -> Paper:
    """通报, Art. 11(4), 21(5): a typical case, without names: what was found, the law, what was
    ordered. Of what people wrote only the text for this bulletin: in the rest of a file anybody
    may be named, and not all names are known."""
    return set_out(
        Kind.BULLETIN, issue, "各预算主管部门",
        (
            (
                f"近期预算执行动态监控中核实确认，{ANONYMOUS}存在下列问题{_involving(about)}：",
            ),
            (ended(_without(about, about.reason)),),
            (_without(about, text),),
            ("请各部门引以为戒，组织自查自纠，规范和加强预算执行和财政资金管理。",),
        ),
        rows=(
            ("违反规定", "\n".join(about.policies) or "—"),
            *(("依据", law) for law in about.laws),
            *((f"处理决定第{each.number}项", f"{each.ordered}\n{each.outcome}") for each in orders),
        ),
    )  # fmt: skip


def _involving(about: Concerned) -> str:
    if about.payments:
        return f"，涉及支付业务{len(about.payments)}笔，金额{money_zh(about.amount)}"
    return f"，涉及金额{money_zh(about.case_amount)}" if about.case_amount else ""


def bank_notice(about: Concerned, orders: Sequence[Order], text: str, issue: Issue) -> Paper:
    rows = [row for order in orders for row in _ordered(order)]
    return set_out(
        Kind.BANK_NOTICE, issue, about.name,
        (
            (f"经核实，你行代理国库集中支付业务存在下列问题：{ended(about.reason)}",),
            (f"根据{RULES}第二十二条，处理如下：",),
        ),
        rows=(*payments(about), *rows, ("处理意见", text)),
        end=(_appeal(orders, "", ""),),
    )  # fmt: skip


def set_out(
    kind: Kind, issue: Issue, to: str, body: tuple[Paragraph, ...], *,
    rows: tuple[tuple[str, str], ...] = (), end: tuple[Paragraph, ...] = (),
    signatures: tuple[str, ...] = (),
) -> Paper:  # fmt: skip
    """The document around its body: number, addressee, issuer, day."""
    return Paper(
        kind=kind, year=issue.year, number=issue.number, addressee=(blank(to), "："), body=body,
        rows=rows, end=end, signatures=signatures, issuer=issue.bureau, day=issue.day,
    )  # fmt: skip


def payments(about: Concerned) -> tuple[tuple[str, str], ...]:
    """Rows of a document's table: each payment, and their sum."""
    pairs = list(zip(about.payments, about.amounts, strict=True))
    rows = [
        (
            f"{day_zh(payment.applied)}\n第{payment.voucher_no}号",
            f"收款单位：{payment.payee}\n金额：{money_zh(amount)}\n摘要：{payment.purpose or '—'}",
        )
        for payment, amount in pairs[:PAYMENTS_LISTED]
    ]
    if len(pairs) > PAYMENTS_LISTED:
        rows.append(("其余", f"{len(pairs) - PAYMENTS_LISTED}笔，详见预算管理一体化系统"))
    if pairs:
        rows.append(("合计", money_zh(about.amount)))
    return tuple(rows)


def _by_when(body: Mapping[str, Any], rest: str) -> Paragraph:
    return ("请你单位于", blank(day_zh(dt.date.fromisoformat(body["due"]))), BY + rest)


def _copied(about: Concerned) -> Paragraph:
    return (f"抄送：{about.superior or '上级主管部门'}。",)


def _appeal(orders: Sequence[Order], review_to: str, court: str) -> Paragraph:
    """Art. 24 names the ways; their terms are of the laws that it refers to (依法)."""
    if any(order.measure.startswith("22") for order in orders):
        return ("对履行代理协议产生的争议，可依照代理协议申请仲裁或提起民事诉讼（第二十四条）。",)
    return (
        "对本处理决定不服的，可自收到本处理单之日起六十日内，依照《中华人民共和国行政复议法》向",
        blank(review_to or BY_HAND), "申请行政复议；或者自收到本处理单之日起六个月内，"
        "依照《中华人民共和国行政诉讼法》向", blank(court or BY_HAND),
        "提起行政诉讼（第二十四条）。",
    )  # fmt: skip


def _without(about: Concerned, text: str) -> str:
    """No name of agency or payee stands in a bulletin."""
    own = {about.name, *about.known_as} - {""}
    payees = {payment.payee for payment in about.payments} - own - {""}
    # The longest first: one name may be part of another.
    for name in sorted(own | payees, key=len, reverse=True):
        text = text.replace(name, ANONYMOUS if name in own else "某收款单位")
    return text


def is_bank(measure: Measure) -> bool:
    return measure.startswith("22")

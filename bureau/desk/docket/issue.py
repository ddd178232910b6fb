"""Which documents a move issues, and their text made ready to be numbered and set."""

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from bureau.desk.casework.made import Made
from bureau.desk.casework.state import Case
from bureau.desk.casework.words import APPEAL_TO, Against, Means, Measure, Move
from bureau.desk.interceptions import told_of
from bureau.desk.law import quoted_of
from bureau.desk.names import Names
from bureau.desk.papers import letters
from bureau.desk.papers.annexes import Payment, interview, onsite
from bureau.desk.papers.established import Established, standings
from bureau.desk.papers.letters import Concerned, Issue, is_bank
from bureau.desk.papers.paper import TO_OTHERS, Paper
from bureau.desk.papers.referral import referral
from bureau.desk.refusals import ActRefused
from gateway.domain.legal_day import legal_day

Setter = Callable[[bytes], bytes]
"""A layout's PDF; raises ValueError with the characters that cannot be printed."""
Write = Callable[[Issue], Paper]


@attrs.frozen(kw_only=True)
class Issued:
    """A document as it is kept."""

    number: int
    kind: str
    outside: bool
    issued_by: str
    issued_at: dt.datetime
    layout: bytes
    pdf: bytes
    digest: bytes


@attrs.frozen(kw_only=True)
class Making:
    """A document that only lacks its number."""

    year: int
    write: Write
    bureau: str
    by: str
    at: dt.datetime
    setter: Setter

    def __call__(self, number: int) -> Issued:
        """Raises ActRefused: a character has no glyph, and nothing is issued."""
        day = legal_day(self.at)
        paper = self.write(Issue(year=self.year, number=number, bureau=self.bureau, day=day))
        layout = paper.layout()
        try:
            pdf = self.setter(layout)
        except ValueError as error:
            which = "、".join(_named(each) for each in f"{error}")
            raise ActRefused(
                "glyph_missing",
                f"字库中没有这些字，不能印发：{which}",
                f"The font has no glyph for: {which}",
            ) from error
        return Issued(
            number=number, kind=paper.kind, outside=paper.kind not in TO_OTHERS,
            issued_by=self.by, issued_at=self.at, layout=layout, pdf=pdf,
            digest=hashlib.sha256(pdf).digest(),
        )  # fmt: skip


def _named(character: str) -> str:
    """A character with its code: one that cannot be printed can often not be seen either."""
    shown = character if character.isprintable() else ""
    return f"{shown}（U+{ord(character):04X}）"


def writes(about: Concerned, case: Case, made: Made, approver: str) -> list[Write]:
    """The documents that this move issues, in order; `case` is the one before the move."""
    if made.move is Move.VERIFY:
        return _verifying(about, made.body)
    if made.move is Move.APPROVE_REFERRAL and case.referral is not None:
        return [partial(referral, about, case.referral)]
    if made.move is Move.APPROVE_HANDLING:
        return _handling(about, case, made, approver)
    return []


def _verifying(about: Concerned, body: Mapping[str, Any]) -> list[Write]:
    means = Means(body["means"])
    if means is Means.DOCUMENT_REQUEST:
        return [partial(letters.document_request, about, body)]
    if means is Means.LETTER_OF_CONCERN:
        return [partial(letters.concern, about, body)]
    if means is Means.JOINT_INVESTIGATION:
        return [partial(letters.joint, about, body)]
    if means not in (Means.INTERVIEW, Means.ONSITE_VERIFICATION):
        return []
    if not about.payments:
        raise ActRefused(
            "payment_missing", "约谈和核证通知书须写明支付业务：本案没有关联支付凭证。",
            "The annexes name a payment; this case has none.",
        )  # fmt: skip
    first = next((each for each in about.payments if each.intercepted), about.payments[0])
    if means is Means.INTERVIEW:
        day, room = dt.date.fromisoformat(body["day"]), body["room"]
        return [lambda i: interview(about.name, first, (day, room), _no(i), (i.bureau, i.day))]
    # Art. 11(2)3: accountants may be entrusted; the annex has no other blank for them.
    agent = f"（受托：{body['agent']}）" if body.get("agent") else ""
    sent = body["leader"] + agent, int(body["persons"])
    return [lambda i: onsite(about.name, first, sent, _no(i), (i.bureau, i.day))]


def _handling(about: Concerned, case: Case, made: Made, approver: str) -> list[Write]:
    proposal = case.proposal
    assert proposal is not None
    text = str(made.body.get("proposed_text") or made.body.get("text") or "—")
    signers = str(made.body.get("proposed_by") or proposal.by), approver
    to = tuple(str(made.body.get(name, "")) for name in APPEAL_TO)
    sheet = partial(letters.handling_sheet, about, proposal.orders, text, signers, appeal_to=to)
    found: list[Write] = [sheet]
    if case.against is Against.BANK:
        bank_orders = [order for order in proposal.orders if is_bank(order.measure)]
        return [*found, partial(letters.bank_notice, about, bank_orders, text)]
    for order in proposal.orders:
        if order.measure is Measure.ORDER_RECTIFICATION:
            found.append(partial(letters.rectification_order, about, order, text))
        elif order.measure is Measure.SUSPEND:
            found.append(partial(letters.suspension, about, text))
        elif order.measure is Measure.BULLETIN:
            others = [o for o in (*case.orders, *proposal.orders) if o is not order]
            told = standings(others, made.day)
            found.append(partial(letters.bulletin, about, told, text))
    return found


def concerned(
    row: Mapping[str, Any], subjects: Sequence[Mapping[str, Any]], names: Names,
    titles: Mapping[str, str], known: Established,
) -> Concerned:  # fmt: skip
    """What a document says of a case: from its file, its payments and its moves. `titles`: each
    policy as it is cited."""
    of_agency, code = row["against"] == Against.AGENCY, row["agency_code"]
    bank = names.bank(row["bank"]) or "代理银行"
    name = row["agency_name"] if of_agency else f"{bank}（{row['bank']}）"
    superior = names.department(row["division"], code) if code else ""
    return Concerned(
        case=case_no(row["year"], row["number"]),
        name=name,
        superior="" if superior == name else superior,
        known_as=(names.agency(row["division"], code),),
        payments=tuple(_payment(each) for each in subjects),
        amounts=tuple(each["amount_fen"] for each in subjects),
        policies=tuple(f"{each} {titles.get(each, '')}".strip() for each in row["policies"]),
        laws=tuple(quoted_of()[each] for each in row["policies"] if each in quoted_of()),
        reason=row["reason"],
        case_amount=row["amount_fen"],
        region=names.division(row["division"]),
        established=known,
    )


def case_no(year: int, number: int) -> str:
    """As the regulation numbers its papers (annexes 1 and 2): 年 第 号."""
    return f"{year}年第{number}号"


def _payment(row: Mapping[str, Any]) -> Payment:
    return Payment(
        applied=legal_day(row["decided_at"]),
        payee=row["payee_name"] or "（个人）",
        voucher_no=row["voucher_no"],
        purpose=told_of(row["told_body"]) or "—",
        intercepted=row["outcome"] != "warned",
    )


def _no(issue: Issue) -> tuple[int, int]:
    return issue.year, issue.number

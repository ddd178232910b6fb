"""What the desk shows of interceptions (拦截): the list, and the card that says why."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec

from bureau.desk.people import Scope
from bureau.desk.policies.words import paper_zh
from bureau.desk.search import WARNED, Search
from bureau.inbox.glance import moment
from bureau.ports import DeskStore, LinePlace
from gateway.domain.money import yuan

PAGE_ROWS = 50
WORDS_AMONG = 10_000
"""Words without a key are looked for in so many of the newest lines that fit the rest."""


STATES_ZH = {
    "held": "挂起", "blocked": "拦截", "released": "已放行待支付", "paid": "已放行并支付",
    "unknown": "已放行，支付结果待查", "returned": "已放行，银行退回", "refunded": "已支付后退款",
    "refused": "不予放行", "expired": "逾期终止", "withdrawn": "发送方撤回", "warned": "预警放行",
}  # fmt: skip


@attrs.frozen(kw_only=True)
class Line:
    """One interception, or one payment that passed with a warning, as the list shows it."""

    division: str
    fiscal_year: int
    voucher_type: str
    voucher_no: str
    bank: str
    outcome: str
    """What was decided at first: held, blocked, or warned: it passed with a warning."""
    state: str
    """What has become of it since: a key of `STATES_ZH`."""
    agency_code: str
    agency_name: str
    payee_name: str
    amount: str
    """Yuan with two decimals."""
    policies: tuple[str, ...]
    reason_zh: str
    decided_at: dt.datetime
    noticed_at: dt.datetime | None
    """None: the bank recorded it but did not tell us (Art. 28(3))."""
    record_seq: int | None
    """None: told, but not yet in the log we hold (Art. 28(4))."""
    recorded_at: dt.datetime | None
    disagrees: bool
    """The notice that came is not the one the record says was sent."""


class Paper(msgspec.Struct):
    kind: str = ""
    zh: str = ""
    en: str = ""


class NearException(msgspec.Struct):
    id: str = ""
    article: str = ""
    title_zh: str = ""
    title_en: str = ""


class Finding(msgspec.Struct):
    """One policy that fired; a record alone gives the exception's id and the papers' kinds."""

    policy: str = ""
    revision: int = 0
    article: str = ""
    light: str = ""
    action: str = ""
    title_zh: str = ""
    title_en: str = ""
    reason_zh: str = ""
    reason_en: str = ""
    remedy_zh: str = ""
    remedy_en: str = ""
    mender: str = ""
    exception: NearException | str | None = None
    missing: list[Paper | str] = []


class _Payee(msgspec.Struct, frozen=True):
    name: str = ""
    account_masked: str = ""


class _Told(msgspec.Struct):
    purpose: str = ""
    payee: _Payee = _Payee()
    findings: list[Finding] = []
    held_until: int = 0
    withheld: list[str] = []


@attrs.frozen(kw_only=True)
class Card:
    """Everything that answers "why refused" (拒付理由) for one instruction."""

    line: Line
    amount_fen: int
    purpose: str
    account_masked: str
    findings: tuple[Finding, ...]
    held_until: dt.datetime | None
    """When the gateway ends the hold if nobody decides; None if its notice does not say so."""
    signer: str | None
    """Who signed the notice; None if none came."""
    readable: bool
    """False: what was received could not be read; the bytes are kept."""
    withheld: tuple[str, ...] = ()
    """Details of a batch that are not paid, where the others passed."""


@attrs.frozen(kw_only=True)
class Found:
    lines: list[Line] = attrs.field(factory=list)
    reach: LinePlace | None = None
    """Words were looked for in so many lines up to this one, and older ones fit the rest: whoever
    asks may go on from there. None: nothing was left out."""


async def searched(
    desk: DeskStore, division: str, scope: Scope, search: Search, *,
    before: LinePlace | None = None, limit: int = PAGE_ROWS,
) -> list[Line]:  # fmt: skip
    """The lines of `found`."""
    asked = await found(desk, division, scope, search, before=before, limit=limit)
    return asked.lines


async def found(
    desk: DeskStore, division: str, scope: Scope, search: Search, *,
    before: LinePlace | None = None, limit: int = PAGE_ROWS,
) -> Found:  # fmt: skip
    """What fits, newest first, of what a person of this scope may see; nothing if not understood.

    A person outside the bureau who asks for another's code finds nothing.
    """
    if search.errors or not _within(scope, search):
        return Found()
    outcome, state, find = search.outcome, search.state, desk.search
    if search.warned:
        if outcome not in (None, WARNED, "passed") or state not in (None, WARNED):
            return Found()
        outcome, state, find = None, None, desk.search_warned
    narrowed = (
        search.agency or scope.agency, scope.department, search.bank or scope.bank, search.policy,
        outcome, state, search.voucher, search.least, search.most, search.since,
        search.until, search.words,
    )  # fmt: skip
    rows = await find(division, before, narrowed, limit, WORDS_AMONG)
    last = rows[-1] if rows and search.words and rows[-1]["last_looked_at"] else None
    return Found(
        lines=[_line(row) for row in rows if row["fits"]],
        reach=line_place(_line(last)) if last else None,
    )


def line_place(line: Line) -> LinePlace:
    """Where a list goes on behind this line."""
    return line.decided_at, line.voucher_no, line.bank, line.voucher_type, line.fiscal_year


def _within(scope: Scope, search: Search) -> bool:
    return (scope.agency is None or search.agency in (None, scope.agency)) and (
        scope.bank is None or search.bank in (None, scope.bank)
    )


async def why_refused(
    desk: DeskStore, division: str, fiscal_year: int, voucher_type: str, voucher_no: str,
    bank: str | None = None,
) -> Card | None:  # fmt: skip
    """The card of one instruction; None if it was not intercepted or not told of."""
    row = await desk.interception(division, fiscal_year, voucher_type, voucher_no, bank)
    if row is None:
        return None
    told, readable = _told(row["notice_body"] or row["record_body"])
    return Card(
        line=_line(row),
        amount_fen=row["amount_fen"],
        purpose=told.purpose,
        account_masked=told.payee.account_masked,
        findings=tuple(told.findings),
        held_until=_moment(told.held_until),
        signer=row["notice_signer"],
        readable=readable,
        withheld=tuple(told.withheld),
    )


def told_of(body: bytes | None) -> str:
    """The purpose (支付摘要) of a payment, from its notice or record; empty if neither says it."""
    return _told(body)[0].purpose


def held_until_of(body: bytes | None) -> dt.datetime | None:
    """When a hold ends by itself, as its notice says (decision 0121)."""
    return _moment(_told(body)[0].held_until)


def _moment(microseconds: int) -> dt.datetime | None:
    return moment(microseconds) if microseconds else None


def exception_of(finding: Finding) -> NearException | None:
    """The exception that nearly fitted, in one shape whether a notice or a record named it."""
    if isinstance(finding.exception, str):
        return NearException(id=finding.exception)
    return finding.exception


def papers_of(finding: Finding) -> list[Paper]:
    """What is missing for it, likewise."""
    return [p if isinstance(p, Paper) else Paper(kind=p, zh=paper_zh(p)) for p in finding.missing]


def _told(body: bytes | None) -> tuple[_Told, bool]:
    try:
        return msgspec.json.decode(body or b"", type=_Told), True
    except (ValueError, RecursionError):
        return _Told(), False


def _line(row: Mapping[str, Any]) -> Line:
    fields = {field.name: row[field.name] for field in attrs.fields(Line) if field.name in row}
    fields["policies"] = tuple(row["policies"])
    return Line(**fields, amount=yuan(row["amount_fen"]))

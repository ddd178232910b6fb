"""camt.052, .053 and .054: what the bank's books say, as a Statement of movements (Art. 10(4)).

`GrpHdr/MsgRcpt/Id/OrgId/Othr/Id` is the division that is reported to. A movement names its
instruction by `Refs/EndToEndId` (the voucher number) and by `Refs/Prtry`, `FiscalYear` and
`VoucherType`; one that names none is a movement without an instruction. Only booked entries count.
"""

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from lxml import etree

from adapters.formats.iso20022.cut import refuse
from adapters.formats.iso20022.read import CURRENCY
from adapters.formats.iso20022.xml import Message, parsed, seemly
from adapters.formats.json.walk import Findings
from gateway.domain.conduct import BankEntry, Direction, Statement
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey
from gateway.domain.legal_day import SHANGHAI, of_our_times
from gateway.domain.money import Fen

MESSAGES = {
    "camt.052.001.08": "BkToCstmrAcctRpt/Rpt",
    "camt.053.001.08": "BkToCstmrStmt/Stmt",
    "camt.054.001.08": "BkToCstmrDbtCdtNtfctn/Ntfctn",
}
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,2}))?", re.ASCII)
_DIVISION = re.compile("[0-9]{9}", re.ASCII)
_VOUCHER_NO = re.compile("[0-9A-Za-z-]{1,20}")
_YEAR, _TYPE = re.compile("20[0-9]{2}", re.ASCII), re.compile("[0-9]{4}", re.ASCII)
_DIRECTIONS = {"DBIT": Direction.DEBIT, "CRDT": Direction.CREDIT}
_NOON = dt.time(12)


class _Book:
    """Finds texts below an element by short paths of the message's own names."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def all(self, element: etree._Element, path: str) -> list[etree._Element]:
        return element.findall("/".join(self._message.tag(name) for name in path.split("/")))

    def text(self, element: etree._Element, path: str) -> str:
        found = self.all(element, path)
        return (found[0].text or "") if found else ""


def read_iso_statement(raw: bytes) -> tuple[str, Statement]:
    """The division and its movements. The message is valid by its published schema.

    Raises Unreadable: not_xml, dtd_refused, body_too_large, media_type_unsupported,
    instruction_invalid with every error.
    """
    message, root = parsed(raw)
    path = MESSAGES.get(message.name)
    if path is None:
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            f"{seemly(message.name)} is no statement; {', '.join(MESSAGES)} are (不受理的报文)",
        )
    book, found = _Book(message), Findings()
    body = root[0]
    division = book.text(body, "GrpHdr/MsgRcpt/Id/OrgId/Othr/Id")
    if not _DIVISION.fullmatch(division):
        found.note(
            "GrpHdr/MsgRcpt/Id/OrgId/Othr/Id", "pattern", "应为九位数字的行政区划代码",
            "must be a division code of nine digits",
        )  # fmt: skip
    entries: list[BankEntry] = []
    name = path.split("/")[1]
    for number, report in enumerate(book.all(body, name), 1):
        entries += _entries(book, report, division, f"{name}[{number}]", found)
    for id in repeated(entry.id for entry in entries)[:20]:
        found.note("Ntry/AcctSvcrRef", "repeated", f"流水号重复：{id}", f"stands twice: {id}")
    refuse(found)
    return division, Statement(id=book.text(body, "GrpHdr/MsgId"), entries=tuple(entries))


def repeated(ids: Iterable[str]) -> list[str]:
    """Those that stand more than once, each looked at once: a day may have tens of thousands."""
    return sorted(id for id, count in Counter(ids).items() if count > 1)


def _entries(
    book: _Book, report: etree._Element, division: str, place: str, found: Findings
) -> Iterator[BankEntry]:
    account = book.text(report, "Acct/Id/Othr/Id")
    if not account:
        found.note(f"{place}/Acct/Id/Othr/Id", "required", "缺少账号", "is required")
    for number, entry in enumerate(book.all(report, "Ntry"), 1):
        if book.text(entry, "Sts/Cd") != "BOOK":
            continue
        where = f"{place}/Ntry[{number}]"
        when = _booked(book, entry, where, found)
        whole = _amount(entry, book, where, found)
        rows = book.all(entry, "NtryDtls/TxDtls") or [entry]
        parts = [
            _amount(row, book, where, found) if book.all(row, "Amt") else whole for row in rows
        ]
        if None not in parts and whole is not None and sum(p or 0 for p in parts) != whole:
            found.note(f"{where}/Amt", "sum", "金额与明细合计不符", "is not the sum of its details")
        for row_number, (row, amount) in enumerate(zip(rows, parts, strict=True), 1):
            id = book.text(row, "Refs/AcctSvcrRef") or book.text(entry, "AcctSvcrRef")
            id = id or book.text(entry, "NtryRef")
            if not id:
                found.note(f"{where}/AcctSvcrRef", "required", "缺少流水号", "is required")
            if len(rows) > 1 and not book.text(row, "Refs/AcctSvcrRef"):
                id = f"{id}/{row_number}"
            direction = _DIRECTIONS[book.text(entry, "CdtDbtInd")]
            side = "Cdtr" if direction is Direction.DEBIT else "Dbtr"
            if amount is not None and when is not None:
                yield BankEntry(
                    division=division, id=id, booked_at=when, account=account,
                    direction=direction, amount_fen=amount,
                    key=_key(book, row, division, where, found), reference=id,
                    counter_account=book.text(row, f"RltdPties/{side}Acct/Id/Othr/Id"),
                    counter_name=book.text(row, f"RltdPties/{side}/Pty/Nm"),
                )  # fmt: skip


def _key(
    book: _Book, row: etree._Element, division: str, place: str, found: Findings
) -> InstructionKey | None:
    number = book.text(row, "Refs/EndToEndId")
    if number in ("", "NOTPROVIDED"):
        return None
    told = {book.text(each, "Tp"): book.text(each, "Ref") for each in book.all(row, "Refs/Prtry")}
    year, kind = told.get("FiscalYear", ""), told.get("VoucherType", "")
    if not (_YEAR.fullmatch(year) and _TYPE.fullmatch(kind) and _VOUCHER_NO.fullmatch(number)):
        found.note(
            f"{place}/Refs", "pattern", "应有凭证号及 FiscalYear、VoucherType",
            "a voucher number comes with its FiscalYear and VoucherType",
        )  # fmt: skip
        return None
    return InstructionKey(
        division=division, fiscal_year=int(year), voucher_type=kind, voucher_no=number
    )


def _amount(element: etree._Element, book: _Book, place: str, found: Findings) -> Fen | None:
    amount = book.all(element, "Amt")[0]
    match = _AMOUNT.fullmatch(amount.text or "")
    if match is None or amount.get("Ccy") != CURRENCY:
        found.note(
            f"{place}/Amt", "pattern", "应为不超过两位小数的人民币元",
            "must be CNY with at most two decimals",
        )  # fmt: skip
        return None
    return Fen(int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")))


def _booked(book: _Book, entry: etree._Element, place: str, found: Findings) -> dt.datetime | None:
    """A day alone is that legal day's noon; a time without a zone is Beijing's."""
    day, moment = book.text(entry, "BookgDt/Dt"), book.text(entry, "BookgDt/DtTm")
    try:
        read = dt.datetime.fromisoformat(moment) if moment else None
        if read is None and day:
            read = dt.datetime.combine(dt.date.fromisoformat(day), _NOON, SHANGHAI)
        if read is not None and of_our_times(read):
            return (read if read.tzinfo else read.replace(tzinfo=SHANGHAI)).astimezone(dt.UTC)
    except ValueError:
        pass
    found.note(f"{place}/BookgDt", "date", "缺少或不是真实的记账日期", "must be a real date")
    return None

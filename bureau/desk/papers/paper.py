"""One document as its text, before it is set: one value makes both PDF and editable form."""

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import attrs

from gateway.domain.records import canonical


class Kind(StrEnum):
    """Stored, never renamed. The first two are annexes 1 and 2 of the regulation."""

    INTERVIEW = "interview"
    ONSITE = "onsite"
    DOCUMENT_REQUEST = "document_request"
    CONCERN = "concern"
    JOINT = "joint"
    HANDLING_SHEET = "handling_sheet"
    RECTIFICATION_ORDER = "rectification_order"
    SUSPENSION = "suspension"
    BULLETIN = "bulletin"
    REFERRAL = "referral"
    BANK_NOTICE = "bank_notice"


KIND_ZH = {
    Kind.INTERVIEW: "预算执行动态监控约谈通知书",
    Kind.ONSITE: "预算执行动态监控实地核证通知书",
    Kind.DOCUMENT_REQUEST: "预算执行动态监控调阅材料通知书",
    Kind.CONCERN: "预算执行动态监控关注函",
    Kind.JOINT: "预算执行动态监控部门协查函",
    Kind.HANDLING_SHEET: "预算执行动态监控违规问题处理单",
    Kind.RECTIFICATION_ORDER: "预算执行动态监控责令整改意见书",
    Kind.SUSPENSION: "预算执行动态监控暂停拨付资金通知书",
    Kind.BULLETIN: "预算执行动态监控情况通报",
    Kind.REFERRAL: "预算执行动态监控违规问题移交函",
    Kind.BANK_NOTICE: "代理银行预算执行动态监控违规问题处理通知书",
}
TO_OTHERS = frozenset({Kind.JOINT, Kind.REFERRAL})
"""Addressed to other departments about the case's party, who never sees them."""
DRAFT = 0
"""In the place of its number: a document that is looked at before it is issued, and marked so."""
Piece = str | tuple[str]
"""Printed text, or (in a tuple) what was filled into a blank."""
Paragraph = tuple[Piece, ...]


@attrs.frozen(kw_only=True)
class Paper:
    kind: Kind
    year: int
    number: int
    addressee: Paragraph
    body: tuple[Paragraph, ...]
    rows: tuple[tuple[str, str], ...] = ()
    """A table of two columns between body and end."""
    end: tuple[Paragraph, ...] = ()
    """After the table: what is asked of the addressee."""
    signatures: tuple[str, ...] = ()
    """Lines that the addressee fills in by hand."""
    issuer: str
    day: dt.date

    @property
    def title(self) -> str:
        return KIND_ZH[self.kind]

    @property
    def reference(self) -> str:
        if self.number == DRAFT:
            return "草稿：未编号、未印发"
        return f"编号：{self.year}年第{self.number}号"

    def text(self) -> str:
        """Every character that will be set, for the glyphs' check and for reading."""
        paragraphs = (self.addressee, *self.body, *self.end)
        lines = ["".join(_plain(piece) for piece in paragraph) for paragraph in paragraphs]
        cells = [cell for row in self.rows for cell in row]
        day = day_zh(self.day)
        return "\n".join(
            [self.reference, self.title, *lines, *cells, *self.signatures, self.issuer, day]
        )

    def layout(self) -> bytes:
        """Canonical JSON for the setter: blanks as {"blank": text}."""
        return canonical(
            {
                "reference": self.reference,
                "title": self.title,
                "addressee": _pieces(self.addressee),
                "body": [_pieces(each) for each in self.body],
                "rows": [[_lines(cell) for cell in row] for row in self.rows],
                "end": [_pieces(each) for each in self.end],
                "signatures": list(self.signatures),
                "issuer": self.issuer,
                "day": day_zh(self.day),
                "date": [self.day.year, self.day.month, self.day.day],
                **({"draft": True} if self.number == DRAFT else {}),
            }
        )


def blank(value: object) -> Piece:
    return (str(value),)


def ended(text: str) -> str:
    """With one full stop, whether or not it was written with its own."""
    return text.rstrip("。") + "。"


def day_zh(day: dt.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def day_blanks(day: dt.date) -> Paragraph:
    return (blank(day.year), "年", blank(day.month), "月", blank(day.day), "日")


def _plain(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece[0]


def _pieces(paragraph: Sequence[Piece]) -> list[str | Mapping[str, Any]]:
    return [
        _lines(piece) if isinstance(piece, str) else {"blank": _lines(piece[0])}
        for piece in paragraph
    ]


def _lines(text: str) -> str:
    """What was typed before the desk took a browser's line ends for its own is printed too."""
    return text.replace("\r\n", "\n")

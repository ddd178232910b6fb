"""What the message interface has no element for, in its reserved fields (docs/formats.md).

A mini form of `KEY=value` parts joined by `;`. Header Hold1 is the indicator id, header Hold2 the
references of Art. 13; Detail Hold1 says that a payee is a person, Hold2 to Hold4 who (Art. 16). An
organisation's Hold2 names papers, as the header's may (decision 0159).
"""

from collections.abc import Mapping
from typing import TypeVar

import attrs

from adapters.formats.json.walk import Findings
from gateway.domain.codes import CashReason, Evidence, Exemption, PayeeKind
from gateway.domain.instruction import Document, Person

EXEMPTIONS = dict(zip("123456", Exemption, strict=True))
"""By the number of the item in Art. 13(3), so that a reference fits the field's 42 bytes."""

CASH_REASONS = {
    "1": CashReason.WAGES,
    "2": CashReason.PERSONAL_LABOUR,
    "3": CashReason.PERSONAL_PRIZE,
    "4": CashReason.WELFARE,
    "5": CashReason.FARM_PURCHASE,
    "6": CashReason.PETTY,
    "8": CashReason.APPROVED_SPECIAL,
}
"""By the number of the item in Art. 13(2)1; item 7 is a limit, not a reason."""

PAPERS = {
    "IV": Evidence.INVOICE,
    "LB": Evidence.LEGAL_BASIS,
    "PL": Evidence.PAYROLL_LIST,
}
"""Papers (Art. 9, 13) that no register proves, by number; the interface carries no digest."""

REFERENCES = "Hold2"
_APPROVALS_MAX = 20

_Code = TypeVar("_Code", Exemption, CashReason)


@attrs.frozen(kw_only=True)
class References:
    exemption: Exemption | None = None
    cash_reason: CashReason | None = None
    contract_no: str = ""
    approvals: tuple[str, ...] = ()
    documents: tuple[Document, ...] = ()


def references_of(text: str, found: Findings) -> References:
    """Read `EX=1;CT=HT-2026-0031;AP=SP-2026-0102;CR=1` of the header's Hold2 (AP and papers may be
    repeated; all may be absent)."""
    parts = _parts(text, {"EX", "CT", "AP", "CR", *PAPERS}, REFERENCES, found)
    return References(
        exemption=_coded(parts.get("EX"), EXEMPTIONS, "EX", found),
        cash_reason=_coded(parts.get("CR"), CASH_REASONS, "CR", found),
        contract_no="".join(parts.get("CT", [])),
        approvals=tuple(parts.get("AP", [])),
        documents=_documents(parts),
    )


def payee_of(
    holds: tuple[str, str, str, str], by_default: PayeeKind, place: str, found: Findings
) -> tuple[PayeeKind, Person | None]:
    """Read Hold1 to Hold4 of one detail: `PK=person;ID=…`, employer, position, title; of an
    organisation Hold2 may name papers (`papers_of`)."""
    parts = _parts(holds[0], {"PK", "ID"}, f"{place}Hold1", found)
    stated = parts.get("PK", [by_default.value])[0]
    kinds = [kind for kind in PayeeKind if kind.value == stated]
    if not kinds:
        _bad(f"{place}Hold1", "PK", found)
        return by_default, None
    id_number = "".join(parts.get("ID", []))
    if kinds[0] is PayeeKind.PERSON and (id_number or any(holds[1:])):
        employer, position, title = holds[1:]
        person = Person(id_number=id_number, employer=employer, position=position, title=title)
        return PayeeKind.PERSON, person
    if id_number or any(holds[2:]) or (holds[1] and not _names_papers(holds[1])):
        found.note(
            f"{place}Hold1", "contradiction", "有个人身份信息的收款人应填 PK=person",
            "a payee with a person's identity is PK=person",
        )  # fmt: skip
    return kinds[0], None


def papers_of(text: str, place: str, found: Findings) -> tuple[Document, ...]:
    """Read `IV=24222000000012345678`, the Hold2 of an organisation's detail."""
    if not _names_papers(text):
        return ()
    return _documents(_parts(text, {*PAPERS}, f"{place}Hold2", found))


def _names_papers(text: str) -> bool:
    return text.partition("=")[0] in PAPERS


def _documents(parts: Mapping[str, list[str]]) -> tuple[Document, ...]:
    return tuple(
        Document(kind=kind.value, number=number)
        for key, kind in PAPERS.items()
        for number in parts.get(key, ())
    )


def _parts(text: str, known: set[str], place: str, found: Findings) -> dict[str, list[str]]:
    parts: dict[str, list[str]] = {}
    for part in text.split(";") if text else ():
        key, equals, value = part.partition("=")
        once = key not in parts or key == "AP" or key in PAPERS
        if key not in known or not equals or not value.strip() or "=" in value or not once:
            _bad(place, key if key in known else "", found)
        elif key == "AP" and len(parts.get("AP", ())) == _APPROVALS_MAX:
            found.note(place, "too_many", "批准文号过多", "too many approvals")
        else:
            parts.setdefault(key, []).append(value)
    return parts


def _coded(
    values: list[str] | None, numbers: Mapping[str, _Code], key: str, found: Findings
) -> _Code | None:
    """A code by its number in the article, or by its own word."""
    if values is None:
        return None
    words: dict[str, _Code] = {str(member): member for member in numbers.values()}
    code = numbers.get(values[0]) or words.get(values[0])
    if code is None:
        _bad(REFERENCES, key, found)
    return code


def _bad(place: str, key: str, found: Findings) -> None:
    found.note(
        place, "reserved_field", f"预留字段格式不符{'：' if key else ''}{key}",
        f"the reserved field is not of the documented form{': ' if key else ''}{key}",
    )  # fmt: skip

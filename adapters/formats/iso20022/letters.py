"""Letters in ISO 20022: enquiries, recalls, returns and statements in, pacs.002, pain.002 and
camt.029 out (`gateway.pipeline.correspondence.Tongue`)."""

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from adapters.formats.iso20022 import status as iso_status
from adapters.formats.iso20022.enquiry import read_letter
from adapters.formats.iso20022.letter_forms import MESSAGES as ENQUIRIES
from adapters.formats.iso20022.reject import UNREFERENCED, reference_in
from adapters.formats.iso20022.schemas import NAMESPACE
from adapters.formats.iso20022.statement import MESSAGES as STATEMENTS
from adapters.formats.iso20022.statement import read_iso_statement
from adapters.formats.iso20022.status import Told, leaf, reason
from adapters.formats.iso20022.xml import plain_name
from gateway.domain.answer import Answer
from gateway.domain.conduct import Statement
from gateway.domain.correspondence import Letter, Resolution, Said, Taken
from gateway.domain.enquiries import (
    Original,
    OutcomeReport,
    PaymentReturn,
    Recall,
    RecallAnswer,
    RecallItem,
    RecallStatus,
    StatusEnquiry,
)
from gateway.domain.faults import Fault

Now = Callable[[], dt.datetime]

RESOLUTION = "camt.029.001.09"
_LOOKED_AT_BYTES = 1024
_KINDS = re.compile(
    rb"urn:iso:std:iso:20022:tech:xsd:"
    rb"(?:pacs\.028|pacs\.00[24]|camt\.056|camt\.029|camt\.05[234])\."
)
_NOT_PROVIDED = "NOTPROVIDED"
_CONFIRMATIONS = {
    frozenset({RecallStatus.ACCEPTED}): "CNCL",
    frozenset({RecallStatus.REFUSED}): "RJCR",
}
"""ISO ExternalInvestigationExecutionConfirmation1Code; what is neither all one nor the other is
partly done (PECR) or awaited (PDCR)."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class IsoLetters:
    format = "iso20022"

    def __init__(self, bank: str, now: Now = _now) -> None:
        """`bank`: our bank's code, who answers."""
        self._bank = escape(bank)
        self._now = now

    def takes(self, raw: bytes) -> bool:
        return _KINDS.search(raw[:_LOOKED_AT_BYTES]) is not None

    def read(self, raw: bytes) -> Letter:
        """Raises Unreadable: not_xml, dtd_refused, body_too_large, media_type_unsupported,
        instruction_invalid with every error."""
        name = plain_name(raw)
        if name in STATEMENTS and name not in ENQUIRIES:
            division, statement = read_iso_statement(raw)
            return Letter(id=statement.id, name=name, division=division, matter=statement)
        return read_letter(raw)

    def reply(self, letter: Letter, raw: bytes, said: Sequence[Said]) -> bytes:
        digest, at, matter = hashlib.sha256(raw).hexdigest(), self._now(), letter.matter
        if isinstance(matter, Recall):
            return self._resolution(letter, matter, said, digest)
        if isinstance(matter, StatusEnquiry):
            first = matter.payments[0]
            kind = "pain.002.001.10" if _is_pain(first) else "pacs.002.001.10"
            rows = [
                _told(_names(each, pain=kind.startswith("pain.")), words)
                for each, words in zip(matter.payments, said, strict=True)
            ]
            original = first.message_id or _NOT_PROVIDED, first.message_name or _NOT_PROVIDED
            return iso_status.written(kind, digest, (*original, len(rows)), rows, at)
        rows = _rows(matter, said)
        about = letter.id, letter.name, len(said)
        return iso_status.written("pacs.002.001.10", digest, about, rows, at, _words(said))

    def _resolution(
        self, letter: Letter, matter: Recall, said: Sequence[Said], digest: str
    ) -> bytes:
        agent = f"<Agt><FinInstnId><Othr><Id>{self._bank}</Id></Othr></FinInstnId></Agt>"
        at = self._now().astimezone(dt.UTC)
        resolved = [each for each in said if isinstance(each, Resolution)]
        assert len(resolved) == len(said), "every recall is resolved, one way or another"
        statuses = frozenset(each.status for each in resolved)
        partly = "PDCR" if RecallStatus.PENDING in statuses else "PECR"
        rows = "".join(
            _resolved(item, each) for item, each in zip(matter.payments, resolved, strict=True)
        )
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}{RESOLUTION}">'
            f"<RsltnOfInvstgtn><Assgnmt><Id>{digest[:35]}</Id><Assgnr>{agent}</Assgnr>"
            f"<Assgne>{agent}</Assgne><CreDtTm>{at:%Y-%m-%dT%H:%M:%SZ}</CreDtTm></Assgnmt>"
            f"<RslvdCase><Id>{escape(letter.id)}</Id><Cretr>{agent}</Cretr></RslvdCase>"
            f"<Sts><Conf>{_CONFIRMATIONS.get(statuses, partly)}</Conf></Sts>"
            f"<CxlDtls>{rows}</CxlDtls></RsltnOfInvstgtn></Document>"
        ).encode()


def message_id(raw: bytes) -> str:
    """The MsgId of a kept message or part; empty where it cannot be told."""
    found = reference_in(raw)
    return "" if found == UNREFERENCED else found


def _rows(matter: object, said: Sequence[Said]) -> list[Told]:
    """Of a statement none: it is taken whole."""
    if isinstance(matter, PaymentReturn):
        originals = [(each.original, each.id) for each in matter.payments]
        status = iso_status.DONE
    elif isinstance(matter, RecallAnswer | OutcomeReport):
        originals = [(each.original, "") for each in matter.payments]
        status = iso_status.TAKEN
    else:
        assert isinstance(matter, Statement)
        return []
    return [
        iso_status.taken(_names(original), status, id)
        if isinstance(words, Taken)
        else _told(_names(original), words, id)
        for (original, id), words in zip(originals, said, strict=True)
    ]


def _told(names: tuple[str, str, str, str], said: Said, status_id: str = "") -> Told:
    assert isinstance(said, Answer | Fault)
    return iso_status.told(names, said, status_id)


def _words(said: Sequence[Said]) -> str:
    return "; ".join(each.words for each in said if isinstance(each, Taken))


def _names(original: Original, *, pain: bool = False) -> tuple[str, str, str, str]:
    """A pain.002 has no place for a TxId."""
    transaction_id = "" if pain else original.transaction_id
    return _NOT_PROVIDED, original.instruction_id, original.end_to_end_id, transaction_id


def _is_pain(original: Original) -> bool:
    return original.message_name.startswith("pain.001")


def _resolved(item: RecallItem, said: Resolution) -> str:
    original = item.original
    group = ""
    if original.message_id:
        name = original.message_name or _NOT_PROVIDED
        group = (
            f"<OrgnlGrpInf>{leaf('OrgnlMsgId', original.message_id)}"
            f"{leaf('OrgnlMsgNmId', name)}</OrgnlGrpInf>"
        )
    kind = ("Cd", said.code) if said.code else ("Prtry", said.status.value)
    why = reason("CxlStsRsnInf", *kind, (said.words,))
    return (
        f"<TxInfAndSts>{leaf('CxlStsId', item.id)}{group}"
        f"{leaf('OrgnlInstrId', original.instruction_id)}"
        f"{leaf('OrgnlEndToEndId', original.end_to_end_id)}"
        f"{leaf('OrgnlTxId', original.transaction_id)}"
        f"<TxCxlSts>{said.status}</TxCxlSts>{why}</TxInfAndSts>"
    )

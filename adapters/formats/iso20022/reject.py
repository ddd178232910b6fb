"""admi.002.001.01: the answer to a message that never became an instruction, all errors in it."""

import datetime as dt
import re
from xml.sax.saxutils import escape

from adapters.formats.iso20022.schemas import NAMESPACE
from adapters.formats.problem import TITLES
from adapters.formats.remedies import remedy
from adapters.formats.text_safety import refused_in
from gateway.domain.faults import Fault

NAME = "admi.002.001.01"
UNREFERENCED = "NONREF"
"""Where the rejected message's own MsgId cannot be told: the body may not even be XML."""

_DATA_MAX, _PLACE_MAX, _DESCRIPTION_MAX = 20_000, 350, 350
_MESSAGE_ID = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?MsgId>([0-9A-Za-z/?:().,'+ -]{1,35})<")


def rejection(fault: Fault, reference: str, at: dt.datetime) -> bytes:
    """`reference`: the rejected message's MsgId, or UNREFERENCED."""
    zh, en = TITLES[fault.code]
    mend = "处理办法 {} / {}".format(*remedy(fault))
    errors = [f"{e.field}: {e.zh} / {e.en} [{e.code}]" for e in fault.errors]
    told = "\n".join([mend, *errors])
    place = fault.errors[0].field if fault.errors else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<Document xmlns="{NAMESPACE}{NAME}"><{NAME}><RltdRef><Ref>{escape(reference[:35])}</Ref>'
        f"</RltdRef><Rsn><RjctgPtyRsn>{fault.code.value[:35]}</RjctgPtyRsn>"
        f"<RjctnDtTm>{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}</RjctnDtTm>"
        f"{_leaf('ErrLctn', place, _PLACE_MAX)}"
        f"{_leaf('RsnDesc', f'{zh} / {en}: {fault.detail}', _DESCRIPTION_MAX)}"
        f"{_leaf('AddtlData', told, _DATA_MAX)}"
        f"</Rsn></{NAME}></Document>"
    ).encode()


def reference_in(raw: bytes) -> str:
    """The MsgId, looked for near the beginning without trusting the rest."""
    found = _MESSAGE_ID.search(raw[:4096])
    return found[1].decode("ascii") if found else UNREFERENCED


def _leaf(name: str, text: str, most: int) -> str:
    seemly = "".join(c if c == "\n" or not refused_in(c) else " " for c in text)[:most]
    return f"<{name}>{escape(seemly)}</{name}>" if seemly.strip() else ""

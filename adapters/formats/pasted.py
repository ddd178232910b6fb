"""An instruction that a person pasted: JSON, a MOF envelope, a voucher's own XML, or ISO 20022."""

import base64
from xml.sax.saxutils import quoteattr

from adapters.formats.accepted import accepted_formats
from adapters.formats.sniff import sniff
from adapters.formats.voucher.envelope import ENVELOPE_BYTES_MAX
from adapters.formats.voucher.fields import IDENTITY
from adapters.formats.voucher.xml import gbk_text, parsed
from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import Instruction

_READERS = accepted_formats()
_DECLARATION = '<?xml version="1.0" encoding="GBK"?>'


def read_pasted(text: str) -> Instruction:
    """What the text says, read by the readers of the door. Raises Unreadable with every error.

    A voucher's XML may stand alone and without its declaration: a person copies what is on the
    screen.
    """
    if len(text) > ENVELOPE_BYTES_MAX:
        raise Unreadable(FaultCode.BODY_TOO_LARGE, "too long (太长)")
    text = text.strip("\ufeff \t\r\n")
    if not text.startswith("<") or sniff(text.encode()[:4096]) == "iso20022":
        raw = text.encode()
    else:
        raw = _voucher(text if text.startswith("<?") else f"{_DECLARATION}\n{text}")
    format = sniff(raw)
    if format is None:
        raise Unreadable(
            FaultCode.MEDIA_TYPE_UNSUPPORTED,
            "既不是 JSON 支付指令，也不是凭证 XML / neither a JSON instruction nor a voucher's XML",
        )
    return _READERS[format].parse(raw)


def _voucher(text: str) -> bytes:
    """GBK, in an envelope of its own if it has none."""
    try:
        raw = text.encode("gbk")
    except UnicodeEncodeError as error:
        what = text[error.start : error.end][:5]
        raise Unreadable(FaultCode.NOT_GBK, f"“{what}”不是 GBK 字符 / not GBK") from None
    if "<MOF" in text[:512]:
        return raw
    root = parsed(gbk_text(raw, "the voucher"), "the voucher", plain_tags=True)
    said = {name: (root.findtext(name) or "").strip() for name in IDENTITY}
    attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in said.items())
    inner = base64.b64encode(raw).decode("ascii")
    envelope = (
        f"{_DECLARATION}<MOF><VoucherCount>1</VoucherCount><VoucherBody {attributes}>"
        f"<VoucherFlag>0</VoucherFlag><Voucher>{inner}</Voucher></VoucherBody></MOF>"
    )
    return envelope.encode("gbk")

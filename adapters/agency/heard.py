"""What an agency makes of the gateway's answer, in whatever format it asked."""

import base64
import re
from typing import Any

import attrs
import orjson

_POLICY = re.compile(r"JL-\d{3}")


@attrs.frozen(kw_only=True)
class Heard:
    outcome: str | None
    """passed | held | blocked; None for a fault."""
    fault: str | None = None
    """A fault's stable code (JSON), or its words (voucher)."""
    policies: tuple[str, ...] = ()
    bank: str | None = None
    reasons: tuple[str, ...] = ()


def heard_in(status: int, body: bytes, format: str) -> Heard:
    """Read an answer. Raises ValueError where it is none of ours."""
    if status != 200:
        return _fault(status, body, format)
    return _voucher(body) if format == "voucher" else _json(body)


def _json(body: bytes) -> Heard:
    fields: dict[str, Any] = orjson.loads(body)
    return Heard(
        outcome=fields["outcome"],
        policies=tuple(finding["policy"] for finding in fields["findings"]),
        bank=fields["bank"],
        reasons=tuple(finding["reason_zh"] for finding in fields["findings"]),
    )


def _voucher(body: bytes) -> Heard:
    """The return copy: what became of it stands in Attach, why not in XAddWord."""
    text = body.decode("gbk")
    attach = _element(text, "Attach")
    inner = base64.b64decode(_element(text, "Voucher")).decode("gbk")
    outcome = "passed"
    if attach.startswith("监控拦截"):
        outcome = "blocked"
    elif attach.startswith("挂起"):
        outcome = "held"
    policies = tuple(dict.fromkeys(_POLICY.findall(text + inner))) if outcome != "passed" else ()
    return Heard(outcome=outcome, policies=policies, reasons=(attach,) if attach else ())


def _fault(status: int, body: bytes, format: str) -> Heard:
    if not status:
        return Heard(outcome=None, fault="silence")
    if format == "voucher" and body.lstrip()[:1] == b"<":
        return Heard(outcome=None, fault=_element(body.decode("gbk"), "Attach"))
    fields: dict[str, Any] = orjson.loads(body)
    reasons = tuple(f"{e['field']}: {e['zh']} / {e['en']}" for e in fields.get("errors", []))
    return Heard(outcome=None, fault=str(fields["code"]), reasons=reasons or (fields["detail"],))


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""

"""What an agency makes of the gateway's answers, in either format."""

import base64
import re
from typing import Any

import attrs
import orjson

from deploy.demo.agency import GatewayAnswer
from deploy.demo.day import DayItem

_POLICY = re.compile(r"JL-\d{3}")


@attrs.frozen(kw_only=True)
class Heard:
    outcome: str | None
    """None for a fault."""
    fault: str | None
    policies: tuple[str, ...] = ()
    bank: str | None = None


def heard_in(item: DayItem, answer: GatewayAnswer) -> Heard:
    if answer.status != 200:
        return Heard(outcome=None, fault=_fault(item, answer))
    return _voucher(answer.body) if item.format == "voucher" else _json(answer.body)


def _json(body: bytes) -> Heard:
    fields: dict[str, Any] = orjson.loads(body)
    return Heard(
        outcome=fields["outcome"],
        fault=None,
        policies=tuple(finding["policy"] for finding in fields["findings"]),
        bank=fields["bank"],
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
    return Heard(outcome=outcome, fault=None, policies=policies)


def _fault(item: DayItem, answer: GatewayAnswer) -> str:
    if not answer.status:
        return "silence"
    if item.format == "voucher":
        return _element(answer.body.decode("gbk"), "Attach")
    return str(orjson.loads(answer.body)["code"])


def _element(text: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", text)
    return found[1] if found else ""

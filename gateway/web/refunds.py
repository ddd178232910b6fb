"""The bank's counter for money that came back: `POST /v1/bank/refunds`, JSON.

{"amount":"1200.00","payment":"division/year/type/number","reason","reference",
 "refund":"division/year/type/number"}
"""

import re
from collections.abc import Mapping
from typing import Annotated

import msgspec
import orjson
import structlog

from gateway.domain.faults import FaultCode, Unreadable
from gateway.domain.instruction import InstructionKey, Received
from gateway.domain.money import fen
from gateway.domain.refunds import Handed
from gateway.pipeline.refund import MoneyBack
from gateway.pipeline.returns import Returning
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Gatekeeper
from gateway.web.documents import decoded
from gateway.web.our_bank import bank_of, expect_served

PATH = "/v1/bank/refunds"
_KEY = re.compile(r"([0-9]{9})/([0-9]{4})/([0-9A-Za-z]{1,8})/([0-9A-Za-z-]{1,42})")

log = structlog.get_logger()

_Text = Annotated[str, msgspec.Meta(max_length=200)]


class MoneyBackTold(msgspec.Struct, forbid_unknown_fields=True):
    amount: str
    payment: str
    reason: _Text
    reference: _Text
    refund: str


class RefundCounter:
    def __init__(
        self, returning: Returning, gatekeeper: Gatekeeper, clock: Clock, origin: Origin,
        divisions: frozenset[str],
    ) -> None:  # fmt: skip
        self._returning = returning
        self._gatekeeper = gatekeeper
        self._clock = clock
        self._origin = origin
        self._divisions = divisions

    async def take(self, received: Received, _path: Mapping[str, str]) -> bytes:
        """`{refund, payment, result: refunded|repeated}`.

        Raises Unproven (not our bank), Unreadable, RefundRefused (with its alert raised),
        LedgerUnavailable.
        """
        now = self._clock.now()
        sender = bank_of(received, now, self._gatekeeper, self._origin)
        back = read_money_back(received.raw)
        expect_served(back.key.division, self._divisions)
        handed = Handed(raw=received.raw, signature=received.signature, party=sender.uri)
        result = await self._returning.take(back, handed)
        log.info("refund.taken", refund=str(back.key), payment=str(back.payment), result=result)
        return orjson.dumps(
            {"payment": str(back.payment), "refund": str(back.key), "result": result}
        )


def read_money_back(raw: bytes) -> MoneyBack:
    """Raises Unreadable."""
    try:
        told = decoded(raw, MoneyBackTold)
        if not (told.reason.isprintable() and told.reference.isprintable()):
            raise ValueError("texts hold no control or invisible characters")
        return MoneyBack(
            key=_key(told.refund), payment=_key(told.payment), amount_fen=fen(told.amount),
            reason=told.reason, reference=told.reference,
        )  # fmt: skip
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Unreadable(FaultCode.INSTRUCTION_INVALID, f"not a refund: {error}") from error


def _key(text: str) -> InstructionKey:
    match = _KEY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:80]}: a key is division/year/voucher type/voucher number")
    return InstructionKey(
        division=match[1], fiscal_year=int(match[2]), voucher_type=match[3], voucher_no=match[4]
    )

"""The bank's counter for money that came back: `POST /v1/bank/refunds`, JSON.

{"amount":"1200.00","payment":"division/year/type/number","reason","reference",
 "refund":"division/year/type/number"}
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec
import orjson
import structlog

from gateway.domain.faults import FieldError
from gateway.domain.instruction import InstructionKey, Received
from gateway.domain.money import fen
from gateway.domain.refunds import Handed
from gateway.pipeline.refund import MoneyBack
from gateway.pipeline.returns import Returning
from gateway.pipeline.tell import Origin
from gateway.ports import Clock, Gatekeeper
from gateway.web.documents import read_whole, refuse_wrong, unseemly, wrong_amount
from gateway.web.our_bank import bank_of, expect_served

PATH = "/v1/bank/refunds"
_WHAT = "a refund"
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
    """Raises Unreadable with every error and its field."""
    told = read_whole(raw, MoneyBackTold, _WHAT)
    key, payment = _key(told.refund), _key(told.payment)
    refuse_wrong(_wrong(told, {"refund": key, "payment": payment}), _WHAT)
    assert key and payment, "`_wrong` has refused it"
    return MoneyBack(
        key=key, payment=payment, amount_fen=fen(told.amount), reason=told.reason,
        reference=told.reference,
    )  # fmt: skip


def _wrong(told: MoneyBackTold, keys: Mapping[str, InstructionKey | None]) -> Iterator[FieldError]:
    for name, key in keys.items():
        if key is None:
            yield FieldError(
                field=name, code="pattern", zh="应为 区划/年度/凭证类型/凭证号",
                en="a key is division/year/voucher type/voucher number",
            )  # fmt: skip
    yield from wrong_amount("amount", told.amount)
    yield from unseemly({"reason": told.reason, "reference": told.reference})


def _key(text: str) -> InstructionKey | None:
    match = _KEY.fullmatch(text)
    return match and InstructionKey(
        division=match[1], fiscal_year=int(match[2]), voucher_type=match[3], voucher_no=match[4]
    )

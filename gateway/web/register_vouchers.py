"""The bureau's vouchers about registers at the voucher door: 5106, 5108, 5901, 5951.

They are no payments and never reach the line: proven like a feed, read with all their errors at
once, applied together or not at all, and answered with a return copy of the envelope.
"""

import asyncio
import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Protocol

import attrs
import structlog

from gateway.domain.faults import FaultCode, FieldError, Unreadable
from gateway.domain.instruction import Received
from gateway.domain.legal_day import legal_day
from gateway.domain.register_vouchers import TYPES, Handed
from gateway.domain.vouchers import Voucher
from gateway.web.entitled import Entitled

_TYPE = re.compile(rb"<VoucherBody\b[^<>]*\bVtCode\s*=\s*[\"'](%b)[\"']" % "|".join(
    sorted(TYPES)).encode())  # fmt: skip
HEAD_BYTES = 1024
"""The first voucher's type stands in so many bytes."""

log = structlog.get_logger()


class Applied(Protocol):
    @property
    def applied(self) -> bool: ...
    @property
    def version(self) -> int | None: ...
    @property
    def overdrawn(self) -> tuple[object, ...]: ...


class Registers(Protocol):
    async def apply_vouchers(self, handed: Handed) -> Applied:
        """All of them or nothing. Raises Unreadable, Conflicting, LedgerUnavailable."""
        ...


@attrs.frozen(kw_only=True)
class RegisterPapers:
    """`gateway.web.intake.Papers`."""

    registers: Registers
    entitled: Entitled
    read: Callable[[bytes], tuple[Voucher, ...]]
    answer: Callable[[bytes], bytes]
    """The envelope's return copy."""

    def takes(self, received: Received) -> bool:
        """Whoever sends it: who may not is told so, and not that the type is unknown."""
        return _TYPE.search(received.raw, 0, HEAD_BYTES) is not None

    async def take(self, received: Received) -> bytes:
        """Prove, read and apply an envelope; the same one again is answered as the first time.

        Raises Unproven, Unreadable (every line that is wrong, at once), Conflicting,
        LedgerUnavailable.
        """
        sender, now = self.entitled.sender(received)
        vouchers = await asyncio.to_thread(self.read, received.raw)  # payments go on meanwhile
        self.entitled.expect_own(sender, (voucher.key.division for voucher in vouchers))
        if errors := tuple(_wrong(vouchers, legal_day(now))):
            raise Unreadable(FaultCode.FEED_INVALID, "nothing was applied", errors)
        handed = Handed(
            vouchers=vouchers, raw=received.raw, signature=received.signature, party=sender.uri
        )
        became = await self.registers.apply_vouchers(handed)
        log.info(
            "registers.vouchers_applied" if became.applied else "registers.vouchers_replayed",
            division=vouchers[0].key.division, version=became.version,
            vouchers=[str(voucher.key) for voucher in vouchers], overdrawn=len(became.overdrawn),
        )  # fmt: skip
        return self.answer(received.raw)


def _wrong(vouchers: tuple[Voucher, ...], today: dt.date) -> Iterator[FieldError]:
    seen = Counter(voucher.key for voucher in vouchers)
    first = vouchers[0].key.division
    for number, voucher in enumerate(vouchers, 1):
        place = f"VoucherBody[{number}]." if len(vouchers) > 1 else ""
        if voucher.key.voucher_type not in TYPES:
            yield FieldError(
                field=f"{place}VtCode", code="voucher_type_unsupported",
                zh="不能与登记类凭证放在同一报文中",
                en="cannot stand among vouchers about registers",
            )  # fmt: skip
        if voucher.key.division != first:
            yield FieldError(
                field=f"{place}AdmDivCode", code="contradiction",
                zh="一个报文只能是一个区划的凭证", en="one envelope is of one division",
            )  # fmt: skip
        if seen[voucher.key] > 1:
            yield FieldError(
                field=f"{place}VoucherNo", code="repeated", zh="凭证号在报文中重复",
                en="stands more than once in the envelope",
            )  # fmt: skip
        if voucher.day > today:
            yield FieldError(
                field=f"{place}VouDate", code="date_in_future", zh="凭证日期晚于今天",
                en="is later than today",
            )  # fmt: skip

"""A bank core spoken to over HTTP/1.1, on kept connections: `gateway.ports.Bank`.

An instruction is written at most once, on one connection. If not a byte of it was written the
answer is NOT_TAKEN, which is proof; from the first byte on, anything but the bank's own word about
this very key is UNKNOWN (RELIABILITY 1), to be resolved by enquiry and never by sending again.
"""

import asyncio
import ssl

import attrs

from adapters.bank.answers import SILENT, UNKNOWN
from adapters.bank.circuit import Circuit, CircuitState
from adapters.bank.pool import NotSent, Pool, Unreachable
from adapters.bank.wire import JsonWire, Wire, deposit
from gateway.domain.bank import (
    RECALL_UNHEARD,
    BankAnswer,
    BankConduct,
    BankOutcome,
    EnquiryAnswer,
    LeftOut,
    RecallOrder,
    RecallReply,
)
from gateway.domain.enquiries import RecallStatus
from gateway.domain.instruction import InstructionKey

ENQUIRY_CONNECTIONS = 2
ENQUIRY_WAITING_MAX = 96
DEPOSIT_DEADLINE_S = 30.0
NO_RECALLS = "银行核心不办理撤销，款项请按退款办理 (this core takes no recalls; ask for a refund)"
UNREACHED = "银行核心无法连接 the bank core cannot be reached"
UNANSWERED = "银行核心没有应答 the bank core does not answer"
FULL = "银行核心暂不能再受理 the bank core takes no more just now"
NOT_SENT_ZH = "未能送达银行核心，未发生支付，请换号重报"


@attrs.define(eq=False)
class HttpBank:
    """Fulfils `gateway.ports.Bank`. `deadline_s` bounds each call whole, waiting included.

    Cancelling a call closes its connection. Ask `strain` before commit 1: what is passed after
    that and finds no connection comes back NOT_TAKEN.
    """

    host: str
    port: int
    ssl_context: ssl.SSLContext | None
    conduct: BankConduct
    connections: int
    deadline_s: float
    waiting_max: int
    circuit: Circuit = attrs.field(factory=Circuit)
    wire: Wire = attrs.field(factory=JsonWire)
    sent: int = attrs.field(default=0, init=False)
    unknown: int = attrs.field(default=0, init=False)
    not_sent: int = attrs.field(default=0, init=False)
    _payments: Pool = attrs.field(init=False)
    _enquiries: Pool = attrs.field(init=False)
    _host: str = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        def pool(size: int, waiting_max: int) -> Pool:
            return Pool(self.host, self.port, self.ssl_context, size, waiting_max)

        self._payments = pool(self.connections, self.waiting_max)
        self._enquiries = pool(ENQUIRY_CONNECTIONS, ENQUIRY_WAITING_MAX)
        self._host = f"{self.host}:{self.port}"

    @property
    def strain(self) -> str:
        """New work would find neither a connection nor a place to wait, or the bank is silent: then
        one call at a time finds out whether it still is."""
        if self.circuit.lost:
            return UNREACHED
        state = self.circuit_state
        tried = state is CircuitState.HALF_OPEN and self._payments.in_use > 0
        if tried or state is CircuitState.OPEN:
            return UNANSWERED
        return FULL if self._payments.full else ""

    @property
    def circuit_state(self) -> CircuitState:
        return self.circuit.state(asyncio.get_running_loop().time())

    @property
    def in_use(self) -> int:
        return self._payments.in_use

    @property
    def waiting(self) -> int:
        return self._payments.waiting

    async def submit(
        self, key: InstructionKey, raw: bytes, format: str, left_out: LeftOut | None = None
    ) -> BankAnswer:
        """Hand the same bytes over, once. NOT_TAKEN: proven not sent. UNKNOWN: no clear answer."""
        request = self.wire.submission(self._host, key, raw, format, left_out)
        began = asyncio.get_running_loop().time()
        try:
            reply = await self._payments.call(request, self.deadline_s)
        except NotSent as error:
            return self._was_not_sent(error, began)
        self.sent += 1
        answer = UNKNOWN if reply is None else self.wire.submitted(key, reply.status, reply.body)
        if answer is UNKNOWN:
            self.unknown += 1
            self.circuit.silent(asyncio.get_running_loop().time())
        else:
            self.circuit.answered(asyncio.get_running_loop().time())
        return answer

    async def deposit(self, digest: bytes, raw: bytes, format: str) -> bool:
        """Hand over a whole message, whose payments will then be named one by one.

        Nothing is paid by it, so it may be sent again. True: the bank has it.
        """
        request = deposit(self._host, digest, raw, format)
        try:
            reply = await self._enquiries.call(request, DEPOSIT_DEADLINE_S)
        except NotSent:
            return False
        return reply is not None and reply.status in (200, 201)

    async def enquire(self, key: InstructionKey) -> EnquiryAnswer:
        """Ask what became of `key`, on connections of its own. Never sends it again."""
        request = self.wire.enquiry(self._host, key)
        try:
            reply = await self._enquiries.call(request, self.deadline_s)
        except NotSent:
            return SILENT
        return SILENT if reply is None else self.wire.enquired(key, reply.status, reply.body)

    async def recall(self, order: RecallOrder) -> RecallReply:
        """Ask for a payment back, on the enquiries' connections. Nothing is paid by it: it may be
        asked again under its id. PENDING without a reason: no clear answer. REFUSED at once where
        the core takes no recalls."""
        request = self.wire.recall(self._host, order) if self.conduct.recall else None
        if request is None:
            return RecallReply(status=RecallStatus.REFUSED, reason=NO_RECALLS)
        try:
            reply = await self._enquiries.call(request, self.deadline_s)
        except NotSent:
            return RECALL_UNHEARD
        if reply is None:
            return RECALL_UNHEARD
        return self.wire.recalled(order, reply.status, reply.body)

    async def reach(self) -> bool:
        """Can the bank core be reached? A worker asks, so that no payment has to find out."""
        began = asyncio.get_running_loop().time()
        try:
            await self._enquiries.reach(self.deadline_s)
        except Unreachable as error:
            self._was_not_reached(error, began)
        else:
            self.circuit.reachable()
        return not self.circuit.lost

    async def aclose(self) -> None:
        await self._payments.aclose()
        await self._enquiries.aclose()

    def _was_not_sent(self, error: NotSent, began: float) -> BankAnswer:
        self.not_sent += 1
        if isinstance(error, Unreachable):
            self._was_not_reached(error, began)
        return BankAnswer(outcome=BankOutcome.NOT_TAKEN, reason=f"{NOT_SENT_ZH} ({error})")

    def _was_not_reached(self, error: Unreachable, began: float) -> None:
        if isinstance(error.__cause__, TimeoutError):
            self.circuit.unreachable(slow_since=began)
        else:
            self.circuit.unreachable()

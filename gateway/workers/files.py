"""Files: documents of a watched folder go the same ways as those at the door, by the same rules:
payments down the line, messages of many, letters about payments, vouchers that change registers."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs
import structlog

from gateway.domain.answer import Answer
from gateway.domain.faults import (
    Fault,
    FaultCode,
    LedgerUnavailable,
    Unreadable,
    Unready,
    broken,
)
from gateway.domain.instruction import Received
from gateway.domain.seldom import Lasting
from gateway.pipeline.batch import Tell
from gateway.pipeline.line import Line
from gateway.workers.office import Office

LOOK_S = 1.0
AT_ONCE_MAX = 32
LARGE_BYTES = 1 << 20
"""Of larger documents one at a time is in memory."""
PAUSE_S = 2.0
"""After a document that could not be decided now: the gateway or the bank is not ready."""

log = structlog.get_logger()


class Taken(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def raw(self) -> bytes: ...
    @property
    def signature(self) -> str: ...


class Tray(Protocol):
    """Blocking; every method raises OSError, `read` also ValueError for what is no document."""

    def prepare(self) -> None: ...
    def taken_before(self) -> list[str]: ...
    def take(self, most: int) -> list[str]: ...
    def size(self, name: str) -> int: ...
    def read(self, name: str) -> Taken: ...
    def answered(self, name: str, answer: bytes) -> None: ...
    def refused(self, name: str, problem: bytes) -> None: ...


class Wording(Protocol):
    def answer(self, raw_in: bytes, answer: Answer) -> bytes: ...
    def problem(self, fault: Fault, instance: str) -> bytes: ...


class Many(Protocol):
    """What is more than one instruction: messages of many payments, letters about payments."""

    def takes(self, received: Received) -> bool: ...
    async def carry(self, received: Received, tell: Tell) -> bytes:
        """Raises Fault."""
        ...


class Papers(Protocol):
    """Vouchers that are no payment."""

    def takes(self, received: Received) -> bool: ...
    async def take(self, received: Received) -> bytes:
        """Raises Fault, LedgerUnavailable."""
        ...


@attrs.frozen(kw_only=True)
class Ways:
    """Where a document may go: those of the doors, in their order."""

    line: Line
    wordings: Mapping[str, Wording]
    """By format."""
    sniff: Callable[[bytes], str | None]
    many: Many | None = None
    papers: tuple[Papers, ...] = ()


class Files:
    """Runs in the process that holds the office. `carrier`: the party whose folder it is; it
    carries what agencies of its division signed, as a channel at the door does."""

    def __init__(self, office: Office, tray: Tray, ways: Ways, carrier: str) -> None:
        self._office = office
        self._tray = tray
        self._ways = ways
        self._carrier = carrier
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._large = asyncio.Lock()
        self.troubles: dict[str, str] = {}
        self._stuck = Lasting()
        """Until a document comes to its end again: that some can be taken says nothing of a disk
        that has no room for their answers."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.carry_while_held()
                self.troubles.clear()  # whoever holds the office says how it goes on
            except* OSError as errors:  # what it left in the middle is taken up again
                self._tell(f"the folder cannot be used: {_first(errors)}")
            # Until Python 3.13 a group that ends by an error loses a stop that came with it.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError

    async def carry_while_held(self) -> None:
        """What a dead process left, then what comes, oldest first, until the office is lost. A
        document that has to wait keeps its place, not those of others.

        Raises OSError in a group.
        """
        names = deque[str]()
        async with asyncio.TaskGroup() as group:
            if self._office.held:
                await asyncio.to_thread(self._tray.prepare)
                names.extend(await asyncio.to_thread(self._tray.taken_before))
            while self._office.held:
                if not names:
                    names.extend(await asyncio.to_thread(self._tray.take, AT_ONCE_MAX))
                    self.troubles.pop("files", None)
                if names:
                    await self._places.acquire()
                    task = group.create_task(self._carry_to_end(names.popleft()))
                    task.add_done_callback(lambda _: self._places.release())
                else:
                    await asyncio.sleep(LOOK_S)

    async def _carry_to_end(self, name: str) -> None:
        """Until it is answered or refused; a gateway that is not ready is waited for."""
        large = await asyncio.to_thread(self._tray.size, name) > LARGE_BYTES
        while True:
            try:
                async with self._large if large else contextlib.nullcontext():
                    await self._carry_or_refuse(name)
            except (Unready, LedgerUnavailable) as reason:
                log.warning("file.postponed", file=name, reason=str(reason))
                if not self._office.held:
                    return
                await asyncio.sleep(PAUSE_S)
            else:
                self._stuck.over()
                return

    async def _carry_or_refuse(self, name: str) -> None:
        """One document on which we break must not end the gateway, and again at every start; the
        door answers 500 then. Raises as `_carry`."""
        try:
            await self._carry(name)
        except (Unready, LedgerUnavailable, OSError):
            raise
        except Exception:
            log.exception("file.broken", file=name)
            await self._refuse(name, broken(), self._ways.wordings["json"])

    async def _carry(self, name: str) -> None:
        """Raises Unready, LedgerUnavailable (to be tried again), OSError."""
        wording = self._ways.wordings["json"]
        try:
            document = await asyncio.to_thread(self._tray.read, name)
            format = self._ways.sniff(document.raw)
            if format is None or format not in self._ways.wordings:
                raise Unreadable(
                    FaultCode.MEDIA_TYPE_UNSUPPORTED,
                    "neither JSON nor a voucher envelope nor ISO 20022",
                )
            wording = self._ways.wordings[format]
            received = Received(
                raw=document.raw,
                format=format,
                signature=document.signature,
                party=self._carrier,
            )
            if await self._carried_as_no_single_payment(name, received):
                return
            answer = await self._ways.line.carry(received)
        except Unready:
            raise
        except Fault as fault:
            await self._refuse(name, fault, wording)
        except ValueError as unusable:
            reason = Unreadable(FaultCode.BODY_INCOMPLETE, str(unusable))
            await self._refuse(name, reason, wording)
        else:
            body = wording.answer(document.raw, answer)
            await asyncio.to_thread(self._tray.answered, name, body)
            log.info(
                "file.answered", file=name, instruction=str(answer.key),
                outcome=answer.decision.outcome, replayed=answer.replayed,
            )  # fmt: skip

    async def _carried_as_no_single_payment(self, name: str, received: Received) -> bool:
        """Asked in the door's order. Raises Fault, LedgerUnavailable."""
        for papers in self._ways.papers if received.format == "voucher" else ():
            if papers.takes(received):
                await asyncio.to_thread(self._tray.answered, name, await papers.take(received))
                log.info("file.answered", file=name, taken="registers")
                return True
        many = self._ways.many
        if many is None or not many.takes(received):
            return False
        told = Counter[str]()

        def tell(said: Answer | Fault, _seconds: float) -> None:
            told[str(said.decision.outcome if isinstance(said, Answer) else said.code)] += 1

        report = await many.carry(received, tell)
        await asyncio.to_thread(self._tray.answered, name, report)
        log.info("file.answered", file=name, payments=dict(told))
        return True

    async def _refuse(self, name: str, fault: Fault, wording: Wording) -> None:
        problem = wording.problem(fault, f"file:{name}")
        await asyncio.to_thread(self._tray.refused, name, problem)
        log.info("file.refused", file=name, fault=fault.code)

    def _tell(self, words: str) -> None:
        if self._stuck.due(asyncio.get_running_loop().time()):
            log.error("files.stuck", reason=words)
        self.troubles["files"] = words


def _first(errors: BaseExceptionGroup[OSError]) -> str:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return getattr(error, "strerror", None) or str(error)

"""The porter takes visitors in from the system and shakes hands with a few of them at a time.

Whoever has no certificate costs little until then: all that have come are accepted at once, so that
nobody waits behind a crowd in the system's own queue, where all are alike. The porter takes them by
address in turn, and where there are too many, the address that has most makes room.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any

from doors.by_address import ByAddress, network_of
from doors.memory import Crowds

BREATH_S = 0.05
"""When the system has no descriptor left: how long to wait before asking it again."""
ACCEPTED_AT_ONCE = 64
BEGUN_AT_ONCE = 2
"""Of either in one round of the loop. A handshake takes some 0.3 ms of it."""
_SHORT_OF = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

Shake = Callable[[socket.socket], Coroutine[Any, Any, None]]
"""Ends when the visitor is inside, or has failed to come in."""


class Porter:
    """Of a listening socket, which is his to close.

    `inside`: how many have come in; with those at the door never more than `visitors_max`.
    `vacates`: whether one of them could be sent away for somebody who comes.
    `told` hears why somebody was hung up on: `handshakes` (to make room for another one),
    `connections` (all are inside), `descriptors` (the system grants no more).
    """

    def __init__(
        self, listening: socket.socket, shake: Shake, inside: Callable[[], int],
        told: Callable[[str], None], *, visitors_max: int, handshakes_max: int,
        vacates: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        listening.setblocking(False)
        self._listening = listening
        self._shake = shake
        self._inside = inside
        self._vacates = vacates
        self._told = told
        self._visitors_max = visitors_max
        self._handshakes_max = handshakes_max
        self._waiting: ByAddress[socket.socket] = ByAddress()
        self._shaking: ByAddress[asyncio.Task[None]] = ByAddress()
        self._begins: asyncio.Handle | None = None
        self._crowds = Crowds(self._all)
        self._loop = asyncio.get_running_loop()
        self._listen()

    def went(self) -> None:
        """One of those inside has left."""
        self._crowds.went()

    async def close(self) -> None:
        """Accept no more, and end the handshakes; who is inside stays."""
        if self._listening.fileno() < 0:
            return
        self._loop.remove_reader(self._listening)
        self._listening.close()
        self._crowds.close()
        if self._begins:
            self._begins.cancel()
        for visitor in self._waiting:
            visitor.close()
        await asyncio.sleep(0)  # what has not begun would leave its visitor to nobody
        tasks = set(self._shaking)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _listen(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                visitor, address = self._listening.accept()
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno in _SHORT_OF:
                    self._told("descriptors")
                    self._loop.remove_reader(self._listening)
                    self._loop.call_later(BREATH_S, self._listen)
                # Whatever else is wrong is wrong with that one visitor, who has hung up.
                break
            visitor.setblocking(False)
            self._receive(visitor, network_of(str(address[0])))
        self._go_on()

    def _receive(self, visitor: socket.socket, network: str) -> None:
        self._waiting.add(visitor, network)
        self._crowds.came()
        at_door = len(self._waiting) + len(self._shaking)
        if self._all() <= self._visitors_max:
            return
        if at_door <= self._handshakes_max and self._vacates():
            return
        self._told("handshakes" if at_door > 1 else "connections")
        if self._waiting.most > self._shaking.most:
            oldest = self._waiting.oldest_of_most()
            self._waiting.discard(oldest)
            oldest.close()
        else:
            self._end_oldest()

    def _all(self) -> int:
        return self._inside() + len(self._waiting) + len(self._shaking)

    def _go_on(self) -> None:
        if self._begins is None and self._waiting:
            self._begins = self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._begins = None
        for _ in range(min(BEGUN_AT_ONCE, len(self._waiting))):
            if len(self._shaking) >= self._handshakes_max:
                self._told("handshakes")
                self._end_oldest()
            visitor, network = self._waiting.next_in_turn()
            task = self._loop.create_task(self._shake(visitor))
            self._shaking.add(task, network)
            task.add_done_callback(self._ended)
        self._go_on()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._shaking.discard(task)
        self._crowds.went()

    def _end_oldest(self) -> None:
        """It is forgotten in this moment, not when its task has ended: that takes the loop a few
        rounds, in which a crowd's next ones would all end the same one, and stay."""
        oldest = self._shaking.oldest_of_most()
        self._shaking.discard(oldest)
        oldest.cancel()

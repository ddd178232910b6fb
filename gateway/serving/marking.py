"""Wiring what remembers on this host how far each log had come."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from certs.trust import Trust
from gateway.configured.mark import mark_file, own_logs
from gateway.serving.house import House
from gateway.settings import Settings
from gateway.workers.mark import Marking


def marking_of(house: House, greet: Callable[[str], Awaitable[bool]]) -> Marking:
    """`greet`: as `Delivering.greet`."""
    marking = Marking(
        house.records, own_logs(house.settings, house.trust), mark_file(house.settings),
        greet, house.clock,
    )  # fmt: skip
    marking.behind, marking.ahead = house.unmarked, house.ahead
    marking.seen, marking.lost = house.kept.sealed, lambda: house.kept.forgot
    house.kept.told = partial(seen_here, house.settings, house.trust)
    return marking


def seen_here(settings: Settings, trust: Trust) -> tuple[str, dict[str, int]]:
    """What some process of this gateway here found lost, empty if none did; and how long they have
    seen each division's log. Nothing of both where no mark is kept. What that file says of another
    gateway's log is about another database, and what our key has not signed says nothing.

    Raises OSError, ValueError: nobody can tell. A torn file is whole again within half a minute."""
    file, lost, sizes = mark_file(settings), "", dict[str, int]()
    marks = file.read() if file else {}
    for division, own in own_logs(settings, trust).items():
        if mark := marks.get(own.origin):
            lost = lost or mark.forgot
            with suppress(ValueError):
                sizes[division] = own.read(mark.checkpoint)[0]
    return lost, sizes

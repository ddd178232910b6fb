"""What this bureau can prove of a bank that signed two histories of its log, ready to hand over."""

from collections.abc import Mapping
from typing import Any

from bureau.inbox.hashes import growth_of, root_at
from bureau.ports import LogPlace, LogStore
from certs.log.fork import Fork
from certs.log.note import parse_checkpoint, parse_note


async def fork_of(store: LogStore, place: LogPlace, seen: Mapping[str, Any]) -> Fork | None:
    """From a refused delivery that was kept; None if it is no fork that can be proven.

    Raises StoreUnavailable, ValueError (hashes are missing).
    """
    held, shown = seen["held_checkpoint"], seen["shown_checkpoint"]
    if seen["reason"] != "fork" or held is None:
        return None
    ours, theirs = (parse_checkpoint(parse_note(each).text) for each in (held, shown))
    if ours.size == theirs.size:
        return Fork(held=held, shown=shown)
    if theirs.size > ours.size:
        return None  # only the bank could show what its larger tree holds
    root = await root_at(store, place, theirs.size)
    path = await growth_of(store, place, theirs.size, ours.size)
    return Fork(held=held, shown=shown, root=root, path=path)

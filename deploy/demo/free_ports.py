"""Free ports for programs that start later and may start again on the same port.

A port that the kernel hands out (`bind` to 0) is one of those that it also gives to outgoing
connections: between the question and the program's start, or while a killed program is down, any
client's connection may take it. So we ask below that range; and from a block of ports that no other
process of this host asks from, or two demonstrations, or two halves of a test run, could meet.
"""

import random
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LINUX_FIRST_OUTGOING: Final = 32_768
_LOWEST: Final = 10_240
"""Below it are the ports of well-known services."""
_BLOCK: Final = 256
"""Ports that one process takes at a time."""

_held: dict[int, int] = {}
"""The first port of each block of ours, with the descriptor that keeps it ours: only the kernel
closes it, when we end. A socket object would be closed a little earlier, with a warning."""
_given: set[int] = set()


def free_port(host: str) -> int:
    """A TCP port of `host` that nobody listens on, that no outgoing connection is given, and that
    this process was not told before."""
    for port in _candidates():
        if port not in _given and _is_free(host, port):
            _given.add(port)
            return port
    raise OSError(f"no free port on {host} from {_LOWEST} to {_first_outgoing() - 1}")


def _candidates() -> Iterable[int]:
    """From the system's own randomness: two demonstrations with one seed must not meet."""
    chance = random.SystemRandom()
    for first in _blocks(chance):
        yield from chance.sample(range(first, first + _BLOCK), _BLOCK)


def _blocks(chance: random.SystemRandom) -> Iterator[int]:
    yield from tuple(_held)
    last = max(_first_outgoing(), _LOWEST + 2 * _BLOCK) - _BLOCK
    firsts = range(_LOWEST, last + 1, _BLOCK)
    yield from (first for first in chance.sample(firsts, len(firsts)) if _take(first))


def _take(first: int) -> bool:
    """A name of the host's network that ends with the process that holds it, however that ends."""
    if first in _held:
        return False
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0treasury-gateway ports {first}")
    except OSError:
        name.close()
        return False
    _held[first] = name.detach()
    return True


def _first_outgoing() -> int:
    try:
        return int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _LINUX_FIRST_OUTGOING


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True

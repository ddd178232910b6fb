"""Free ports for programs that start later and may start again on the same port.

A port that the kernel hands out (`bind` to 0) is one of those that it also gives to outgoing
connections: between the question and the program's start, or while a killed program is down, any
client's connection may take it. So we ask below that range.
"""

import random
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_OUTGOING: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LINUX_FIRST_OUTGOING: Final = 32_768
_LOWEST: Final = 10_240
"""Below it are the ports of well-known services."""
_MOST_TRIES: Final = 200

_given: set[int] = set()


def free_port(host: str) -> int:
    """A TCP port of `host` that nobody listens on, that no outgoing connection is given, and that
    this process was not told before."""
    for port in _candidates():
        if port not in _given and _is_free(host, port):
            _given.add(port)
            return port
    raise OSError(f"no free port on {host} from {_LOWEST} to {_first_outgoing() - 1}")


def _candidates() -> Sequence[int]:
    below = range(_LOWEST, max(_first_outgoing(), _LOWEST + 2 * _MOST_TRIES))
    # From the system's own randomness: two demonstrations with one seed must not meet.
    return random.SystemRandom().sample(below, _MOST_TRIES)


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

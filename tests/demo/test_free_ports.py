"""The demonstration's ports stay free between the question and the start of a program."""

import socket
from pathlib import Path

import pytest

from deploy.demo import free_ports
from deploy.demo.free_ports import free_port

HOST = "127.0.0.1"


def test_no_outgoing_connection_can_take_a_port_that_was_given() -> None:
    """The kernel takes the ports of outgoing connections from its own range only."""
    range_of_outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not range_of_outgoing.exists():
        pytest.skip("this kernel does not say which ports outgoing connections get")
    first, last = map(int, range_of_outgoing.read_text().split())
    assert not [port for port in (free_port(HOST) for _ in range(50)) if first <= port <= last]


def test_no_port_is_given_twice() -> None:
    given = [free_port(HOST) for _ in range(50)]
    assert len(set(given)) == len(given)


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    free = free_port(HOST)
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(free_ports, "_given", set())
        monkeypatch.setattr(free_ports, "_candidates", lambda: [port, free])
        assert free_port(HOST) == free


def test_without_a_free_port_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_ports, "_candidates", lambda: [])
    with pytest.raises(OSError, match="no free port"):
        free_port(HOST)

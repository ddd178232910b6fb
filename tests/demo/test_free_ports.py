"""The demonstration's ports stay free between the question and the start of a program."""

import os
import socket
import subprocess
import sys
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


@pytest.mark.slow
def test_two_processes_never_ask_for_the_same_ports() -> None:
    """Not even for one that is given but on which nobody listens yet."""
    ask = f"from deploy.demo.free_ports import *; print(free_port({HOST!r})); input()"
    others = [
        subprocess.Popen(
            [sys.executable, "-c", ask], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        theirs = [
            int(other.stdout.readline()) // free_ports._BLOCK for other in others if other.stdout
        ]
        ours = {free_port(HOST) // free_ports._BLOCK for _ in range(300)}
    finally:
        for other in others:
            other.communicate("\n")
    assert len(ours) >= 2, "one block did not do"
    assert not ours & set(theirs) and len(set(theirs)) == 2


def test_a_block_is_free_again_when_its_holder_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_ports, "_held", {})
    block = free_ports._LOWEST - 256
    assert free_ports._take(block)
    held = free_ports._held.pop(block)
    assert not free_ports._take(block)
    os.close(held)
    assert free_ports._take(block)
    os.close(free_ports._held[block])


def test_what_holds_a_block_ends_with_the_process_and_not_before_it() -> None:
    """An object would be told of as unclosed when Python ends, or be closed while we still live."""
    ask = f"from deploy.demo.free_ports import *; import gc; free_port({HOST!r}); gc.collect()"
    ran = subprocess.run(
        [sys.executable, "-W", "always", "-c", ask], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""


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

"""A bureau whose settings name another party's certificate does not start, and takes none later."""

import socket
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from bureau.inbox.own_names import refuse_other_names
from bureau.web.reception import door, site
from certs.keys import save_certificates
from tests.bureau.inbox.test_key_ring import BUREAU, GATEWAY, NOW, Desk


def test_both_certificates_are_one_bureaus(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    door, witness = desk.credentials.certificate, tmp_path / "own.pem"
    save_certificates(witness, [desk.own.certificate])
    refuse_other_names(door, witness)
    save_certificates(witness, [desk.gateway.certificate])
    with pytest.raises(ValueError, match=rf"^witness\.certificate: own\.pem .* {GATEWAY}, which"):
        refuse_other_names(door, witness)
    with pytest.raises(ValueError, match=r"^door\.certificate: own\.pem is"):
        refuse_other_names(witness, door)
    other = BUREAU.replace("220000000", "220100000")
    save_certificates(witness, [desk.key(other).certificate])
    with pytest.raises(ValueError, match="by one name"):
        refuse_other_names(door, witness)


async def test_a_running_bureau_keeps_its_own_before_anothers(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.ring.look()
    (tmp_path / "other").mkdir()
    others = desk.pki.credentials(tmp_path / "other", "gateway/ABC", NOW)
    others.certificate.replace(desk.credentials.certificate)
    others.key.replace(desk.credentials.key)
    with structlog.testing.capture_logs() as told:
        await desk.ring.look()
    assert [line["event"] for line in told] == ["keys.refused"]
    assert "gateway/ABC" in told[0]["reason"]


async def test_a_taken_port_is_told_with_its_setting(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=r"desk\.port: .*in use"):
            async with site(web.Application(), "127.0.0.1", port):
                pass
        with pytest.raises(OSError, match=r"door\.port: .*in use"):
            async with door(web.Application(), "127.0.0.1", port, desk.tls.server()):
                pass

"""Certificates that are away for a moment change nothing, and leave no warning afterwards."""

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from certs.signatories import read_signatories
from gateway.serving.keyring import KeyRing
from tests.bureau.inbox.test_key_ring import GATEWAY, Desk


def ring_over(folder: Path) -> KeyRing:
    parties = SimpleNamespace(authority=folder / "evidence.pem", folder=folder / "parties")
    parties.revocations = None
    made = KeyRing.__new__(KeyRing)
    desk = Desk(folder)
    settings = SimpleNamespace(parties=parties)
    made._house = cast("Any", SimpleNamespace(settings=settings, trust=desk.trust))
    made._marks, made.problems, made._told = {}, {}, {}
    return made


def known(ring: KeyRing) -> Mapping[str, Any]:
    return ring._house.trust.table.by_thumbprint


async def test_a_folder_that_is_away_is_not_one_in_which_nobody_stands(tmp_path: Path) -> None:
    """Every sender was told 403 `signer_unknown`, and the bureau was not believed."""
    ring = ring_over(tmp_path)

    async def look() -> None:
        await ring._take("parties", ring._parties_files(), ring._renew_parties)

    await look()
    before = dict(known(ring))
    assert GATEWAY in {party.sender.uri for party in before.values()}
    (tmp_path / "parties").rename(tmp_path / "elsewhere")
    await look()
    assert dict(known(ring)) == before
    assert "no such folder" in ring.problems["parties"]
    (tmp_path / "parties").mkdir()  # as of a disk that is not mounted
    await look()
    assert dict(known(ring)) == before
    assert "no certificate in" in ring.problems["parties"]
    (tmp_path / "parties").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "parties")
    await look()
    assert ring.problems == {}, "it is as it was: nothing is left to be told"
    assert dict(known(ring)) == before


def test_an_absent_folder_is_refused_at_the_start_too(tmp_path: Path) -> None:
    Desk(tmp_path)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_signatories(tmp_path / "evidence.pem", tmp_path / "absent")

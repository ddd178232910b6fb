"""A fork as a folder: what the bureau writes proves itself to anybody, and accuses nobody else."""

import asyncio
import base64
from pathlib import Path

import pytest
from typer.testing import CliRunner

from adapters.bureau.frame import framed
from bureau.desk.forks import ForkKeeper, fork_of
from bureau.inbox.receive import DeliveryRefused
from certs.keys import save_certificates
from certs.log.fork import Fork, write_fork
from gateway.commands.command_line import app
from gateway.domain.log import Delivery
from tests.bureau.words import DIVISION, GATEWAY, Bureau, Chain, House, verdict
from tests.patience import until

pytestmark = pytest.mark.postgres


async def _refused(bureau: Bureau, delivery: Delivery) -> Fork | None:
    with pytest.raises(DeliveryRefused):
        await bureau.inbox.receive(GATEWAY, framed(delivery))
    [seen] = await bureau.desk.misbehaviours(DIVISION, 9)
    return await fork_of(bureau.log, bureau.place, seen)


def _verify(folder: Path, house: House, bureau: Bureau) -> int:
    save_certificates(folder.parent / "bank.pem", [house.gateway.certificate])
    save_certificates(folder.parent / "bureau.pem", [bureau.trust.own.certificate])
    argv = ["verify", "fork", str(folder), "--bank", str(folder.parent / "bank.pem"),
            "--bureau", str(folder.parent / "bureau.pem")]  # fmt: skip
    return CliRunner().invoke(app, argv).exit_code


async def test_two_trees_of_one_size_are_a_folder_that_exits_4(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    chain.seal([verdict(1), verdict(2)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    other = Chain(house.gateway)
    other.seal([verdict(1), verdict(3)])
    fork = await _refused(bureau, other.delivery())
    assert fork
    write_fork(tmp_path / "fork", fork)
    assert _verify(tmp_path / "fork", house, bureau) == 4


async def test_a_roll_back_is_proven_by_the_path_of_the_history_that_was_held(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    chain.seal([verdict(n) for n in range(600)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    rolled_back = Chain(house.gateway)
    rolled_back.seal([verdict(n) for n in range(300)])
    rolled_back.seal([verdict(7_000)])
    fork = await _refused(bureau, rolled_back.delivery())
    assert fork and fork.root
    folder = tmp_path / "fork"
    write_fork(folder, fork)
    assert _verify(folder, house, bureau) == 4
    proof = (folder / "proof").read_text()
    for spoiled in (proof.replace("old 301", "old 300"), proof.split("\n\n")[0], "", proof[:-80]):
        (folder / "proof").write_text(spoiled)
        code = _verify(folder, house, bureau)
        assert code == 1, spoiled
    (folder / "proof").unlink()
    assert _verify(folder, house, bureau) == 2


async def test_an_honest_log_cannot_be_accused(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path
) -> None:
    """Its own checkpoints, whatever is laid beside them, prove no fork."""
    chain.seal([verdict(1), verdict(2)])
    first = await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    chain.seal([verdict(3)])
    second = await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    older, newer = first.cosigned.checkpoint, second.cosigned.checkpoint
    leaf = chain.sealed[1].records[0].leaf_hash
    honest = {
        "twice the same": Fork(held=newer, shown=newer),
        "older, its true root": Fork(held=newer, shown=older, root=_root(older), path=[leaf]),
        "older, an invented root": Fork(held=newer, shown=older, root=leaf, path=[leaf]),
        "older, no path": Fork(held=newer, shown=older, root=leaf, path=[]),
        "altered": Fork(held=newer, shown=newer.replace("\n3\n", "\n4\n")),
        "another log": Fork(held=newer, shown=newer.replace(f"/log/{DIVISION}", "/log/220100000")),
    }
    for name, fork in honest.items():
        folder = tmp_path / name.replace(" ", "-").replace(",", "")
        write_fork(folder, fork)
        assert _verify(folder, house, bureau) == 1, name


def _root(note: str) -> bytes:
    return base64.b64decode(note.split("\n")[2])


async def test_what_only_the_bank_could_show_is_not_called_a_fork(
    bureau: Bureau, chain: Chain, house: House
) -> None:
    """Another history that is larger than ours: kept as altered, and no folder is made of it."""
    chain.seal([verdict(1)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    other = Chain(house.gateway)
    other.seal([verdict(2)])
    other.seal([verdict(3)])
    assert await _refused(bureau, other.delivery(0, 1)) is None


async def test_a_fork_is_on_disk_soon_after_it_was_seen_and_only_once(
    bureau: Bureau, chain: Chain, house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bureau.desk.forks.REST_S", 0.0)
    keeper = ForkKeeper(tmp_path / "forks", bureau.log, bureau.desk, [bureau.place])
    task = asyncio.create_task(keeper.run(bureau.bell))
    chain.seal([verdict(1), verdict(2)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    other = Chain(house.gateway)
    other.seal([verdict(1), verdict(3)])
    assert await _refused(bureau, other.delivery())
    await until(lambda: [*(tmp_path / "forks").glob("*/shown")])
    task.cancel()
    (folder,) = (tmp_path / "forks").iterdir()
    assert _verify(folder, house, bureau) == 4
    assert await keeper.write() == []

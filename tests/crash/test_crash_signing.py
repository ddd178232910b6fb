"""T12, T13: kill -9 between signing and storing, again and again: one tree of each size, ever."""

import asyncio
import datetime as dt
import os
import random
import sys
from pathlib import Path

import asyncpg
import pytest

from adapters.postgres.migrate import migrate
from bureau.wiring import MIGRATIONS
from certs.authority import issue, request
from certs.keys import generate_key, save_certificates, save_key
from certs.signing.encoding import b64
from gateway.domain.records import unnumbered
from gateway.domain.tree import leaf_hash
from tests.certs.conftest import DOMAIN, PASSPHRASE, make_pki
from tests.certs.oracles import root_of_leaves
from tests.crash.signing_child import BATCHES

pytestmark = [pytest.mark.slow, pytest.mark.postgres]
LIVES = int(os.environ.get("CRASH_LIVES", "1"))
"""How often the process dies at each point; 1 for the suite, more for the long proof."""
POINTS = ("signed", "stored", "told")
DIVISION = "220000000"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    at = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    pki = make_pki(at)
    for name, path in (("gateway", "gateway/103"), ("bureau", f"bureau/{DIVISION}")):
        key = generate_key()
        leaf = issue(pki.evidence, request(key, f"{DOMAIN}/{path}"), at)
        save_certificates(folder / f"{name}.pem", [leaf])
        save_key(folder / f"{name}.key", key, PASSPHRASE)
    return folder


async def _life(what: str, dsn: str, keys: Path, die_at: str, after_s: float = 0) -> list[str]:
    """One life of the process; what left it, also if it was killed from outside."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.crash.signing_child", what, dsn, str(keys),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"DIE_AT": die_at},
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if after_s:
        try:
            async with asyncio.timeout(after_s):
                await child.wait()
        except TimeoutError:
            child.kill()
    out, _ = await child.communicate()
    assert child.returncode in (0, -9), out
    assert (child.returncode == -9) or not die_at
    return out.decode().splitlines()


def _one_root_each(told: list[str]) -> dict[int, str]:
    roots: dict[int, set[str]] = {}
    for line in told:
        size, root = line.split(" ")
        roots.setdefault(int(size), set()).add(root)
    assert [size for size, found in roots.items() if len(found) > 1] == []
    return {size: found.pop() for size, found in roots.items()}


async def test_no_two_trees_of_one_size_are_ever_signed_and_sent_across_a_kill_9(
    database: str, keys: Path
) -> None:
    """T12. Between lives a record that committed late slips in before those that waited, so that
    the next life signs another tree of the size that died unsent."""
    await migrate(database)
    owner = await asyncpg.connect(database)
    told: list[str] = []
    number = 10_000
    for point in POINTS * LIVES:
        for _ in range(5):
            number += 10
            await _wait_for_number(owner, number)
        told += await _life("seal", database, keys, point)
        await _wait_for_number(owner, number - 49)
    told += await _life("seal", database, keys, "")
    sent = _one_root_each(told)
    rows = await owner.fetch("SELECT seq, body, leaf_hash FROM log_record ORDER BY seq")
    stored = await owner.fetch("SELECT size, text FROM log_checkpoint ORDER BY size")
    await owner.close()
    assert [row["seq"] for row in rows] == list(range(6 * len(POINTS) * LIVES))
    leaves = [row["leaf_hash"] for row in rows]
    assert leaves == [leaf_hash(row["body"]) for row in rows]
    for size, root in sent.items():
        assert root == b64(root_of_leaves(leaves[:size])), size
    assert set(sent) <= {row["size"] for row in stored}
    for row in stored:
        assert row["text"].split("\n")[2] == b64(root_of_leaves(leaves[: row["size"]]))


async def _wait_for_number(owner: asyncpg.Connection, number: int) -> None:
    body = unnumbered({"kind": "verdict", "n": number})
    await owner.execute(
        "INSERT INTO pending_record (division, id, kind, subject, body)"
        " OVERRIDING SYSTEM VALUE VALUES ($1, $2, 'verdict', '', $3)",
        DIVISION, number, body,
    )  # fmt: skip


async def test_a_witness_cosigns_one_history_however_many_offer_it_and_wherever_it_is_killed(
    database: str, keys: Path
) -> None:
    """T13: the held size is checked and moved in one act, also between two processes at once."""
    await migrate(database, MIGRATIONS)
    told: list[str] = []
    chance = random.Random(13)
    for point in POINTS * LIVES:
        told += await _life("witness", database, keys, point)
    for _ in range(LIVES):
        lives = [
            _life("witness", database, keys, "", after_s=chance.uniform(0.5, 2.0)) for _ in range(2)
        ]
        for lines in await asyncio.gather(*lives):
            told += lines
    told += await _life("witness", database, keys, "")
    sent = _one_root_each(told)
    owner = await asyncpg.connect(database)
    bodies = await owner.fetch("SELECT body FROM log_record ORDER BY seq")
    rows = await owner.fetch("SELECT size, cosigned FROM log_checkpoint ORDER BY size")
    held = await owner.fetchval("SELECT size FROM log")
    await owner.close()
    histories = {row["body"].split(b'"history":"')[1][:1] for row in bodies}
    assert len(histories) == 1 and held == len(bodies) == 2 * BATCHES
    leaves = [leaf_hash(row["body"]) for row in bodies]
    stored = {row["size"]: row["cosigned"].split("\n")[2] for row in rows}
    assert sent.items() <= stored.items()
    assert stored == {size: b64(root_of_leaves(leaves[:size])) for size in stored}

"""`mark show` and `mark set` on a real stage: whatever the file has become, there is a way out."""

import asyncio
import json
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from adapters.folder.mark import MarkFile
from certs.log.note import log_origin
from certs.trust import Trust
from deploy.demo.stage import BANK_CODE, Stage
from gateway.serving.marking import seen_here
from gateway.settings import read_settings
from tests.commands.staged import Ran, run
from tests.commands.test_tending import DIVISION, settings_of

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

LOST = "the database has lost what it had committed: 3 payments"


def marking(stage: Stage, tmp_path: Path) -> tuple[Path, Path]:
    """Settings with a mark of their own, and where that is."""
    mark = tmp_path / "log.mark"
    settings = settings_of(stage, tmp_path, ('mark = "log.mark"', f'mark = "{mark}"'))
    return settings, mark


def setting(stage: Stage, settings: Path, *more: str, told: int = 0, dsn: str = "") -> Ran:
    who = ("--division", DIVISION, "--told", told, "--by", "Li", "--reason", "by telephone")
    database = {"GATEWAY_DATABASE": dsn} if dsn else {}
    return run(stage, "mark", "set", "--settings", settings, *who, *more, more=database)


def test_check_says_what_a_start_without_a_mark_will_need(stage: Stage, tmp_path: Path) -> None:
    settings = settings_of(stage, tmp_path, ('mark = "log.mark"', ""))
    said = run(stage, "serve", "--settings", settings, "--check")
    assert said.code == 0 and "warning: mark: witness.mark is not set" in said.err
    assert "passes nothing until it is heard" in said.err.replace("\n", " ")


def test_a_torn_mark_is_told_and_replaced_by_an_operator(stage: Stage, tmp_path: Path) -> None:
    settings, mark = marking(stage, tmp_path)
    mark.write_bytes(b'{"logs": {"lo')
    shown = run(stage, "mark", "show", "--settings", settings)
    assert shown.code == 1 and "torn" in shown.out
    refused = setting(stage, settings, told=1)
    assert refused.code == 1 and "torn" in refused.err and "--lower" in refused.err
    assert setting(stage, settings, "--lower", told=1).code == 0
    assert run(stage, "mark", "show", "--settings", settings).code == 0
    (act,) = json.loads(mark.read_bytes())["by_hand"]
    assert act["by"] == "Li" and act["size"] > 1


def test_what_others_seen_here_is_no_silence_where_it_cannot_be_read(
    stage: Stage, tmp_path: Path
) -> None:
    settings, mark = marking(stage, tmp_path)
    untouched = cast(Trust, None)
    mark.write_bytes(b"{")
    with pytest.raises(ValueError, match="torn"):
        seen_here(read_settings(settings), untouched)
    mark.unlink()
    mark.mkdir()
    with pytest.raises(IsADirectoryError):
        seen_here(read_settings(settings), untouched)


def test_an_operators_word_is_refused_while_a_gateway_holds_the_mark(
    stage: Stage, tmp_path: Path
) -> None:
    settings, mark = marking(stage, tmp_path)
    gateway = MarkFile(mark)
    gateway.take()
    refused = setting(stage, settings, "--lower", told=1)
    assert refused.code == 1 and "stop every gateway of this host first" in refused.said
    assert not mark.exists()
    gateway.leave()
    assert setting(stage, settings, "--lower", told=1).code == 0


def test_what_was_found_lost_is_settled_also_where_nothing_is_sealed(
    stage: Stage, tmp_path: Path
) -> None:
    """A loss shuts every division of the gateway, also one that has no record yet."""

    async def fresh() -> str:
        connection = await asyncpg.connect(stage.gateway_database)
        await connection.execute("CREATE DATABASE nothing_sealed TEMPLATE template0")
        await connection.close()
        return urlunsplit(urlsplit(stage.gateway_database)._replace(path="/nothing_sealed"))

    dsn = asyncio.run(fresh())
    assert run(stage, "migrate", more={"GATEWAY_DATABASE": dsn}).code == 0
    settings, mark = marking(stage, tmp_path)
    origin = log_origin(read_settings(settings).gateway.uri, DIVISION)
    mark.write_text(json.dumps({"logs": {origin: {"checkpoint": "", "forgot": LOST}}}))
    assert BANK_CODE in origin
    refused = setting(stage, settings, dsn=dsn)
    assert refused.code == 1 and LOST in refused.err
    done = setting(stage, settings, "--lower", dsn=dsn)
    assert done.code == 0, done.said
    shown = run(stage, "mark", "show", "--settings", settings, more={"GATEWAY_DATABASE": dsn})
    assert shown.code == 0 and "first start" in shown.out

    assert setting(stage, settings, "--lower", told=1).code == 0, "now with records"
    gone = setting(stage, settings, "--lower", dsn=dsn)
    assert gone.code == 1 and "nothing is sealed here" in gone.err, "an empty one is no copy of it"

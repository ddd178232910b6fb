"""The bureau's two persons on the stage: they decide about holds by the commands of today."""

import asyncio
import sys
import time
from typing import Any

import orjson

from deploy.demo.day import DIVISION
from gateway.domain.decision import Outcome
from tests.crash.crowd import Crowd
from tests.crash.theatre import Theatre

HEARD_DEADLINE_S = 150.0
LOOK_S = 0.1


class Chancery:
    """`treasury-gateway releases`, run as an officer would."""

    def __init__(self, theatre: Theatre) -> None:
        self._stage = theatre.stage

    async def run(self, *arguments: str, group: str = "releases") -> Any:
        """One command's JSON. Raises AssertionError with its words if it is refused."""
        settings = self._stage.folder / "bureau.toml"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", group, *arguments, "--settings", str(settings),
            "--json", env=self._stage.environment(self._stage.bureau_environment),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, words = await process.communicate()
        assert process.returncode == 0, words.decode()
        return orjson.loads(out)

    async def told_of(self, count: int) -> list[str]:
        """Wait until so many holds are on the bureau's list; their keys."""
        deadline = time.monotonic() + HEARD_DEADLINE_S
        while True:
            listed = await self.run("list", "--division", DIVISION)
            keys = [hold["instruction"] for hold in listed["holds"]]
            if len(keys) >= count:
                return keys
            assert time.monotonic() < deadline, f"the bureau knows of {keys}"
            await asyncio.sleep(LOOK_S)

    async def decide(self, key: str, verdict: str = "release", *, approver: str = "王复核") -> str:
        """Both persons' steps; the digest of what they decided."""
        proposed = await self.run(
            "propose", key, "--verdict", verdict, "--reason", "原始材料已补齐", "--by", "李经办"
        )
        digest: str = proposed["digest"]
        await self.run("approve", digest, "--division", DIVISION, "--by", approver)
        return digest


async def held_ones(theatre: Theatre, crowd: Crowd, count: int) -> list[str]:
    """Send until at least so many are held; their keys."""
    items = [item for item in crowd.items if item.after is None and not item.replay]
    found: list[str] = []
    for place, item in enumerate(crowd.items):
        if item not in items or item.outcome is not Outcome.HOLD:
            continue
        crowd.answers[place] = await crowd.client.send(item)
        found.append(str(item.key))
        if len(found) == count:
            return found
    raise AssertionError(f"the day holds {len(found)} only")

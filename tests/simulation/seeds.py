"""Runs seeds: each by itself, in a world of its own, to its last word."""

import os
import subprocess
import sys
from functools import lru_cache

import msgspec
import structlog

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key
from certs.log.sealer import Sealer
from certs.signing.signer import signer
from tests.pipeline.fakes import NOW
from tests.simulation.diary import Diary
from tests.simulation.loop import run
from tests.simulation.process import ORIGIN
from tests.simulation.truth import violations
from tests.simulation.weather import Weather
from tests.simulation.world import World


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    weather: Weather
    digest: str
    """Of all that happened, in its order."""
    met: dict[str, int]
    wrong: list[str]


def lived(seed: int, *, aloud: bool = False) -> Ended:
    weather, diary = Weather.of(seed), Diary(aloud=aloud)

    async def life() -> World:
        world = World(weather, _sealer(), diary)
        await world.live()
        return world

    with structlog.testing.capture_logs() as lines:
        world = run(life())
    for settled in world.state.settlements.values():
        diary.met[f"settled by {settled.evidence}"] += 1
    tasks = [line for line in lines if line.get("operator_task")]
    diary.met["an operator's task ended by the enquiry"] += len(tasks)
    for end in world.state.hold_ends.values():
        diary.met[f"hold {end.how}"] += 1
    return Ended(weather=weather, digest=diary.digest, met=diary.met, wrong=violations(world))


def lived_all(first: int, count: int) -> list[Ended]:
    """On all cores, each in a process of its own (`__main__.py`)."""
    cores = os.cpu_count() or 1
    shares = [(first + core, first + count, cores) for core in range(min(cores, count))]
    command = sys.executable, "-m", "tests.simulation"
    runs = [
        subprocess.Popen([*command, *map(str, share)], stdout=subprocess.PIPE) for share in shares
    ]
    told = [run.communicate()[0] for run in runs]
    assert not any(run.returncode for run in runs), "a run broke off"
    lines = [line for each in told for line in each.splitlines()]
    return [msgspec.json.decode(line, type=Ended) for line in lines]


@lru_cache
def _sealer() -> Sealer:
    """The real one, with a key of its own: one for all seeds."""
    root = create_root("Simulated root", NOW)
    evidence = create_subordinate(root, Purpose.EVIDENCE, "evidence", NOW)
    key = generate_key()
    return Sealer(signer(issue(evidence, request(key, ORIGIN.uri), NOW), key))

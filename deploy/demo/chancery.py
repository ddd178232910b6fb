"""The bureau's two persons on the demonstration day: some holds they release, some they refuse."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs

from bureau.__main__ import opened_releases
from bureau.desk.releases import Named, Releases
from bureau.settings import load_settings
from deploy.demo.stage import Stage
from gateway.domain.instruction import InstructionKey
from gateway.domain.releases import Verdict

PROPOSER, APPROVER = Named(name="李经办"), Named(name="王复核")
DECIDED_MAX = 6
HEARD_DEADLINE_S = 60.0
LOOK_S = 0.2
_REASONS = {
    Verdict.RELEASE: "原始凭证和批复已核实，同意支付",
    Verdict.REFUSE: "材料与用途不符，不予支付",
}


@attrs.frozen(kw_only=True)
class Decided:
    """Keys of the instructions, as the gateway tells what became of them."""

    released: frozenset[str]
    refused: frozenset[str]
    untouched: frozenset[str]
    """Decided about, and held still: a release that today's findings stopped."""


async def decide(
    stage: Stage, held: Sequence[InstructionKey], state_of: Callable[[str], Awaitable[str]]
) -> Decided:
    """Release every other of the first few, refuse the others; wait until all are carried out.

    `state_of` asks the gateway how a hold stands.
    """
    chosen = held[:DECIDED_MAX]
    settings = load_settings(stage.folder / "bureau.toml", stage.bureau_environment)
    async with opened_releases(settings) as (releases, _):
        await _until_told(releases, chosen)
        for number, key in enumerate(chosen):
            verdict = Verdict.REFUSE if number % 2 else Verdict.RELEASE
            digest = await releases.propose(key, verdict, _REASONS[verdict], PROPOSER)
            await releases.approve(key.division, digest, APPROVER)
        await _until_acknowledged(releases, stage.plot.division)
    states = await _until_ended([str(key) for key in chosen], state_of)
    found: dict[str, set[str]] = {"released": set(), "refused": set(), "held": set()}
    for key_text, state in states.items():
        found[state].add(key_text)
    return Decided(
        released=frozenset(found["released"]), refused=frozenset(found["refused"]),
        untouched=frozenset(found["held"]),
    )  # fmt: skip


async def _until_told(releases: Releases, keys: Sequence[InstructionKey]) -> None:
    """The records of these holds come a moment after their notices."""
    wanted = {(key.voucher_type, key.voucher_no) for key in keys}

    async def told() -> bool:
        holds = await releases.open_holds(keys[0].division) if keys else []
        known = {(h["voucher_type"], h["voucher_no"]) for h in holds if h["recorded"]}
        return wanted <= known

    await _until(told)


async def _until_acknowledged(releases: Releases, division: str) -> None:
    async def acknowledged() -> bool:
        rows = await releases.proposals(division)
        return all(row["acknowledged_at"] for row in rows)

    await _until(acknowledged)


async def _until_ended(
    keys: Sequence[str], state_of: Callable[[str], Awaitable[str]]
) -> dict[str, str]:
    states: dict[str, str] = {}

    async def ended() -> bool:
        for key in keys:
            states[key] = await state_of(key)
        return "held" not in states.values()

    await _until(ended)
    return states


async def _until(holds: Callable[[], Awaitable[Any]]) -> None:
    """Or until the deadline: what is still open then does not close the accounts."""
    deadline = time.monotonic() + HEARD_DEADLINE_S
    # Other processes are asked; there is no event to wait for.
    while not await holds() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_S)

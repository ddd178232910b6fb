"""The whole product staged as the demonstration stages it, for walks: real programs, real people.

Bank core, bureau, gateway and PostgreSQL are processes of their own; the people are pages of one
Chromium, each signed in by a link of its own.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import aiohttp
import attrs
import orjson

from bureau.desk.people import Office, Person
from bureau.settings import load_settings
from bureau.wiring import entry_of, link_of, now, open_store
from certs.tls import Credentials, client_context
from deploy.demo.agency import AgencyClient
from deploy.demo.body import Body
from deploy.demo.breaches import ordinary_purchase
from deploy.demo.clerk import Clerk
from deploy.demo.day import DIVISION, DayItem
from deploy.demo.desk_links import equipped_link
from deploy.demo.identities import Identities, uri
from deploy.demo.register_file import registers_of
from deploy.demo.stage import HOST, Plot, Stage
from deploy.demo.world import World
from deploy.demo.writers import json_of
from gateway.domain.instruction import Instruction, InstructionKey
from gateway.domain.legal_day import legal_day
from tests import patience
from tests.raised import own_place, raised

PATIENCE_S = 150.0
until = partial(patience.until, within_s=PATIENCE_S)
HOME = f"/desk/{DIVISION}"


@attrs.frozen(kw_only=True)
class Papers:
    """What one walk sends: instructions of three agencies, none of which another walk uses."""

    releasing: Body
    stopped: Body
    suspended: Body
    holds: tuple[Instruction, ...]
    """Held by JL-050; the first three of `releasing`, the last of `stopped`."""
    refused: Instruction
    """Blocked by JL-020: into the own real-fund account of `releasing`."""
    blocked: Instruction
    """The same of `suspended`."""
    purchases: tuple[Instruction, ...]
    """Harmless ones of `suspended`."""


@attrs.frozen(kw_only=True)
class Town:
    stage: Stage
    papers: tuple[Papers, ...]
    registers: Mapping[str, Any]
    sign: Mapping[str, Any]
    own: Mapping[str, Credentials]
    """Each agency's certificate for the doors."""

    @property
    def desk(self) -> str:
        return f"http://{HOST}:{self.stage.ports.desk}"

    async def send(self, *instructions: Instruction) -> list[dict[str, Any]]:
        """Sent by the bank's channel as their agencies signed them; the gateway's answers."""
        client = AgencyClient(
            HOST, self.stage.ports.door, client_context(self.stage.client), self.sign,
            connections=1, patience_s=PATIENCE_S,
        )  # fmt: skip
        try:
            answers = [await client.send(item_of(each)) for each in instructions]
        finally:
            await client.aclose()
        return [orjson.loads(answer.body) for answer in answers]

    async def told(self, key: InstructionKey, agency: str) -> dict[str, Any]:
        """What the agency hears when it asks the gateway about its instruction."""
        address = f"https://{HOST}:{self.stage.ports.door}/v1/instructions/{key}"
        return await asked(address, self.own[agency])

    async def paid(self) -> dict[str, int]:
        """The bank's own books: how often each instruction was handed over."""
        address = f"https://{HOST}:{self.stage.ports.bank}/v1/journal"
        journal = await asked(address, self.stage.operator)
        return {row["key"]: row["submitted"] for row in journal["effects"]}


def item_of(instruction: Instruction) -> DayItem:
    agency = instruction.agency_code
    return DayItem(
        format="json", raw=json_of(instruction), key=instruction.key, agency=agency,
        sender=uri("agency", DIVISION, agency), outcome=None,
    )  # fmt: skip


async def asked(address: str, who: Credentials) -> dict[str, Any]:
    connector = aiohttp.TCPConnector(ssl=client_context(who))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.get(address) as answer,
    ):
        answer.raise_for_status()
        fields: dict[str, Any] = orjson.loads(await answer.read())
        return fields


@contextmanager
def town(walks: int, *, signed: bool = False) -> Iterator[Town]:
    """Everything started, registers loaded at the gateway as its operator does at first. `signed`:
    the gateway takes only policy books that two officers signed."""
    at = now()
    with own_place() as (folder, crew):
        identities = Identities.create(folder / "keys", at)
        world = World(7, legal_day(at), DIVISION)
        papers = papers_of(world, walks)
        agencies = sorted(
            body.code for each in papers for body in (each.releasing, each.stopped, each.suspended)
        )
        signers = identities.signers(uri("agency", DIVISION, code) for code in agencies)
        stage = Stage(folder, crew, identities, Plot(division=DIVISION, signed=signed))
        own = {
            code: identities.connection(f"agency-{code}", uri("agency", DIVISION, code))
            for code in agencies
        }
        raw = registers_of(world.registers(), world.payee_names)
        with raised(stage, raw):
            yield Town(
                stage=stage, papers=papers, registers=orjson.loads(raw), own=own,
                sign={party: signer.document for party, signer in signers.items()},
            )  # fmt: skip


def papers_of(world: World, walks: int) -> tuple[Papers, ...]:
    clerk = Clerk(world, 7, 0)
    bodies = iter(world.bodies)
    made = []
    for _ in range(walks):
        releasing, stopped, suspended = next(bodies), next(bodies), next(bodies)
        refused, blocked = (
            clerk.draft(body, "30227", world.filed_payee(body.basic), 1_280_000, "拨付单位周转经费")
            for body in (releasing, suspended)
        )
        made.append(
            Papers(
                releasing=releasing, stopped=stopped, suspended=suspended, refused=refused,
                blocked=blocked,
                holds=tuple(_held(clerk, body) for body in (releasing,) * 3 + (stopped,)),
                purchases=tuple(
                    clerk.planned(ordinary_purchase(clerk, suspended)) for _ in range(3)
                ),
            )
        )  # fmt: skip
    return tuple(made)


def _held(clerk: Clerk, body: Body) -> Instruction:
    """A fee to somebody who is not filed (Art. 16): JL-050 holds it."""
    stranger = clerk.world.person("外单位", "专家", filed=False)
    return clerk.draft(body, "30226", stranger, clerk.amount(500, 4_000), "专题讲座讲课费")


@asynccontextmanager
async def links(stage: Stage) -> AsyncIterator[Callable[[Person], Awaitable[str]]]:
    """One-time links, as the program's `--invite` prints them."""
    settings = load_settings(stage.folder / "bureau.toml", stage.bureau_environment)
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        entry = entry_of(settings, store)

        async def link(person: Person) -> str:
            token = await equipped_link(entry, store.people, person, now())
            return link_of(settings, settings.desk_port, token)

        yield link


def person(office: Office, login: str, name: str, code: str = "") -> Person:
    return Person(login=login, name=name, office=office, division=DIVISION, code=code)

"""A desk over real HTTP for tests: a clock that moves, and people of every office who sign in."""

import datetime as dt
import hashlib
import io
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import attrs
from jinja2.bccache import Bucket, BytecodeCache

from adapters.formats.pasted import read_pasted
from adapters.papers.setter import editable, portable
from adapters.postgres.bureau.complaints import BureauComplaints
from adapters.postgres.bureau.holds import BureauHolds
from adapters.postgres.bureau.not_ours import BureauNotOurs
from adapters.postgres.bureau.policies import BureauPolicies
from adapters.postgres.bureau.questions import BureauQuestions
from adapters.postgres.bureau.registers import BureauRegisters
from adapters.postgres.bureau.release_numbers import BureauReleaseNumbers
from adapters.postgres.bureau.releases import BureauReleases
from adapters.postgres.bureau.statistics import BureauStatistics
from adapters.postgres.bureau.trail import Trail
from bureau.desk.certificates import Shelf
from bureau.desk.complaints import Complaints
from bureau.desk.docket.office import CaseOffice
from bureau.desk.entry import Entry
from bureau.desk.law import cited_of, law_of, titles_of
from bureau.desk.names import Names
from bureau.desk.not_ours import NotOurs
from bureau.desk.people import OUTSIDE, Office, Person
from bureau.desk.policies.drafts import Policies
from bureau.desk.policies.questions import Questions
from bureau.desk.proof import Prover
from bureau.desk.registers.changes import Registers
from bureau.desk.releases import Releases
from bureau.desk.statistics import Statistics
from bureau.desk.voids import Voids
from bureau.inbox.receive import REASONS_ZH
from bureau.web.desk import desk_application
from bureau.web.guard import COOKIE
from bureau.web.live import Live
from bureau.web.pages import Pages
from bureau.web.reception import site
from bureau.web.rooms import Rooms
from bureau.wiring import FeedPen, written
from certs.seal import Seal
from deploy.demo.desk_links import equipped_link
from tests.bureau.words import BANK, DIVISION, Bureau

AGENCY = "101001"
OTHER_AGENCY = "102001"
BELOW = "220100000"
"""A city below the province DIVISION."""
CODES = {Office.AGENCY: AGENCY, Office.DEPARTMENT: "101", Office.BANK: BANK}
NAME = "吉林省财政厅国库处"
ISSUER = "吉林省财政厅"


@attrs.define(kw_only=True)
class Hands:
    """A clock that the test moves."""

    now: dt.datetime

    def __call__(self) -> dt.datetime:
        return self.now


@attrs.frozen(kw_only=True)
class Seated:
    """One person's browser: its own cookies, and the CSRF token its pages carry."""

    url: str
    session: aiohttp.ClientSession
    person: Person
    _tokens: dict[str, str] = attrs.field(factory=dict, init=False)
    """By cookie: a session keeps its token, and the page that shows it draws two barcodes."""

    async def get(self, path: str, **more: Any) -> tuple[int, str]:
        async with self.session.get(self.url + path, allow_redirects=False, **more) as answer:
            return answer.status, await answer.text(errors="replace")

    async def bytes(self, path: str) -> tuple[int, bytes, Mapping[str, str]]:
        async with self.session.get(self.url + path, allow_redirects=False) as answer:
            return answer.status, await answer.read(), answer.headers

    async def csrf(self) -> str:
        cookie = next((c.value for c in self.session.cookie_jar if c.key == COOKIE), "")
        if cookie not in self._tokens:
            _, text = await self.get("/me")
            self._tokens[cookie] = re.findall(r'name="csrf" value="([0-9a-f]{64})"', text)[0]
        return self._tokens[cookie]

    async def seen(self, path: str) -> str:
        """What the forms of a page say of how much it showed; empty if it has none."""
        _, text = await self.get(path)
        return "".join(re.findall(r'name="seen" value="([0-9]+)"', text)[:1])

    async def post(
        self, path: str, data: Mapping[str, Any] | None = None, **more: Any
    ) -> tuple[int, str]:
        """With this session's token; the body of the answer, or where it leads to."""
        form = aiohttp.FormData({"csrf": await self.csrf()}, quote_fields=False)
        for key, value in (data or {}).items():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, tuple):
                    form.add_field(key, io.BytesIO(each[1]), filename=each[0])
                else:
                    form.add_field(key, str(each))
        async with self.session.post(
            self.url + path, data=form, allow_redirects=False, **more
        ) as answer:
            return answer.status, answer.headers.get("Location") or await answer.text(
                errors="replace"
            )


@attrs.frozen(kw_only=True)
class Desk:
    url: str
    rooms: Rooms
    hands: Hands
    stack: AsyncExitStack

    async def seat(
        self, office: Office, login: str = "", *, division: str = DIVISION,
        code: str | None = None, fresh: bool = False,
    ) -> Seated:  # fmt: skip
        """A person of this office, signed in; `fresh`: who has not set a password yet."""
        login = login or f"{office.value}.{division[:4]}"
        person = Person(
            login=login, division=division, office=office, name=f"张{office.value[:3]}",
            code=(CODES[office] if code is None else code) if office in OUTSIDE else "",
        )  # fmt: skip
        entry = self.rooms.entry
        session = await self.browser()
        if fresh:
            await entry.open_account(person, "program")
            token = await entry.invite(login, "program")
        else:
            token = await self.link(person)
        async with session.post(
            self.url + "/sign-in/link", data={"token": token}, allow_redirects=False
        ) as answer:
            assert answer.status == 303, await answer.text()
        return Seated(url=self.url, session=session, person=person)

    async def link(self, person: Person) -> str:
        """A link's token to an account that has a password and an authenticator."""
        return await equipped_link(self.rooms.entry, self.rooms.people, person, self.hands.now)

    async def browser(self) -> aiohttp.ClientSession:
        jar = aiohttp.CookieJar(unsafe=True)
        return await self.stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))


def rooms_of(bureau: Bureau, hands: Hands, divisions: tuple[str, ...]) -> Rooms:
    registers = Registers(
        BureauRegisters(bureau.pool, Trail(written)),
        Seal(b"a passphrase", "registers", bytes(16)),
        lambda key: hashlib.sha256(b"a key " + key.encode()).hexdigest(),
        FeedPen(sign=bureau.trust.sign_document),
        [bureau.place],
        hands,
    )
    names = Names(registers, {})
    policies = Policies(
        BureauPolicies(bureau.pool, Trail(written)), bureau.trust.verify_document,
        bureau.trust.sign_document, [bureau.place], hands, read_pasted,
    )  # fmt: skip
    return Rooms(
        desk=bureau.desk,
        store=bureau.log,
        people=bureau.people,
        prover=Prover(bureau.log, [bureau.place], bureau.trust),
        entry=Entry(bureau.people, Seal(b"a passphrase", "desk totp", bytes(16)), hands, divisions),
        cases=bureau.cases,
        office=CaseOffice(bureau.cases, portable, hands, ISSUER, cited_of(), names),
        releases=Releases(
            BureauReleases(bureau.pool, Trail(written)),
            bureau.desk,
            bureau.trust.sign_document,
            hands,
        ),
        voids=Voids(
            BureauReleaseNumbers(bureau.pool, Trail(written)), bureau.trust.sign_document, hands
        ),
        holds=BureauHolds(bureau.pool),
        not_ours=NotOurs(
            store=BureauNotOurs(bureau.pool, Trail(written)), own=bureau.trust.own.uri, clock=hands
        ),
        shelf=Shelf(own={}, parties=None),
        policies=policies,
        questions=Questions(
            BureauQuestions(bureau.pool, Trail(written)),
            policies,
            bureau.trust.sign_document,
            [bureau.place],
            hands,
        ),
        registers=registers,
        names=names,
        statistics=Statistics(BureauStatistics(bureau.pool), titles_of(), names),
        complaints=Complaints(
            BureauComplaints(bureau.pool, Trail(written)),
            Seal(b"a passphrase", "informant", bytes(16)),
            hands,
        ),
        editable=editable,
        pages=_pages(),
        live=Live(bureau.bell),
        bell=bureau.bell.ring,
        clock=hands,
        divisions=divisions,
        law=law_of(),
    )


def _pages() -> Pages:
    pages = Pages(NAME, REASONS_ZH, ISSUER)
    pages._environment.bytecode_cache = COMPILED
    return pages


class Compiled(BytecodeCache):
    """A template that one test has compiled serves the others."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if kept := self._kept.get(bucket.key):
            bucket.bytecode_from_string(kept)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.bytecode_to_string()


COMPILED = Compiled()


def bare(text: str) -> str:
    """A page without the words and roles that its tables' cells carry."""
    return re.sub(r' (?:role|data-label)="[^"]*"', "", text)


@asynccontextmanager
async def open_desk(bureau: Bureau) -> AsyncIterator[Desk]:
    hands = Hands(now=dt.datetime.now(dt.UTC))
    rooms = rooms_of(bureau, hands, (DIVISION, BELOW))
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(site(desk_application(rooms), "127.0.0.1", 0))
        yield Desk(url=f"http://127.0.0.1:{port}", rooms=rooms, hands=hands, stack=stack)

"""One-time links to the bureau's desk for the demonstration, a person of each office."""

import datetime as dt
import secrets
from contextlib import AsyncExitStack
from functools import cache

from bureau.desk.entry import LINK_LIFE, TOKEN_BYTES, Entry, digest_of_token
from bureau.desk.people import OFFICES_ZH, PROGRAM, Office, Person
from bureau.desk.trail import Act
from bureau.ports import PeopleStore
from bureau.settings import load_settings
from bureau.wiring import entry_of, link_of, now, open_store
from certs.passwords import hash_password
from deploy.demo.officers import PEOPLE, codes
from deploy.demo.stage import Stage

SEATS = (
    *((office, *who) for office, who in PEOPLE.items()),
    (Office.ADMINISTRATOR, "accounts2", "冯管理"),
)
"""Accounts take two administrators."""


async def desk_links(stage: Stage, agency: str) -> dict[str, str]:
    """By office, in words. Each opens one session, once, within an hour. `agency`: whose accountant
    one of them is."""
    settings = load_settings(stage.folder / "bureau.toml", stage.bureau_environment)
    found = {}
    async with AsyncExitStack() as rooms:
        store = await open_store(settings, rooms)
        entry = entry_of(settings, store)
        for office, login, name in SEATS:
            person = Person(
                login=login, name=name, office=office, division=stage.plot.division,
                code=codes(agency).get(office, ""),
            )  # fmt: skip
            token = await equipped_link(entry, store.people, person, now())
            words = f"{OFFICES_ZH[office]} {login}"
            found[words] = link_of(settings, settings.desk_port, token)
    return found


async def equipped_link(entry: Entry, people: PeopleStore, person: Person, at: dt.datetime) -> str:
    """A link to an account that has a password and an authenticator, which nobody knows.

    For the demonstration, tests and measurements, where nobody has a telephone to enrol: the desk
    itself sends whoever comes by a link to set both first.
    """
    login, token = person.login, secrets.token_urlsafe(TOKEN_BYTES)
    await entry.open_account(person, PROGRAM)
    act = Act(division=person.division, login=PROGRAM, what="account.invited", subject=login)
    await people.change(
        at, [act],
        ("set_password", (login, _nobodys())),
        ("set_totp", (login, secrets.token_bytes(48), 0)),
        ("add_invitation", (digest_of_token(token), login, at + LINK_LIFE, None)),
    )  # fmt: skip
    return token


@cache
def _nobodys() -> str:
    return hash_password(secrets.token_urlsafe())

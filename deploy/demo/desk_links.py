"""One-time links to the bureau's desk for the demonstration, a person of each office."""

from contextlib import AsyncExitStack

from bureau.desk.people import Office, Person
from bureau.settings import load_settings
from bureau.wiring import entry_of, link_of, open_store
from deploy.demo.stage import Stage

PEOPLE = {
    Office.REVIEWER: ("reviewer", "李审核"), Office.APPROVER: ("approver", "王审批"),
    Office.SECURITY: ("security", "赵安全"),
}  # fmt: skip


async def desk_links(stage: Stage) -> dict[str, str]:
    """By office. Each opens one session, once, within an hour."""
    settings = load_settings(stage.folder / "bureau.toml", stage.bureau_environment)
    found = {}
    async with AsyncExitStack() as rooms:
        entry = entry_of(settings, await open_store(settings, rooms))
        for office, (login, name) in PEOPLE.items():
            division = stage.plot.division
            person = Person(login=login, name=name, office=office, division=division)
            await entry.open_account(person, "program")
            token = await entry.invite(login, "program")
            found[office.value] = link_of(settings, settings.desk_port, token)
    return found

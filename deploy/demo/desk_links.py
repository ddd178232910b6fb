"""One-time links to the bureau's desk for the demonstration, a person of each office."""

from contextlib import AsyncExitStack

from bureau.desk.people import OFFICES_ZH, Office, Person
from bureau.settings import load_settings
from bureau.wiring import entry_of, link_of, open_store
from deploy.demo.stage import BANK_CODE, Stage

PEOPLE = {
    Office.REVIEWER: ("reviewer", "李审核"), Office.APPROVER: ("approver", "王审批"),
    Office.SECURITY: ("security", "赵安全"), Office.KEEPER: ("keeper", "孙受理"),
    Office.ADMINISTRATOR: ("accounts", "周管理"), Office.AGENCY: ("agency", "吴会计"),
    Office.BANK: ("bank", "郑柜员"),
}  # fmt: skip


async def desk_links(stage: Stage, agency: str) -> dict[str, str]:
    """By office, in words. Each opens one session, once, within an hour. `agency`: whose accountant
    one of them is."""
    codes = {Office.AGENCY: agency, Office.BANK: BANK_CODE}
    settings = load_settings(stage.folder / "bureau.toml", stage.bureau_environment)
    found = {}
    async with AsyncExitStack() as rooms:
        entry = entry_of(settings, await open_store(settings, rooms))
        for office, (login, name) in PEOPLE.items():
            division = stage.plot.division
            person = Person(
                login=login, name=name, office=office, division=division,
                code=codes.get(office, ""),
            )  # fmt: skip
            await entry.open_account(person, "program")
            token = await entry.invite(login, "program")
            found[f"{OFFICES_ZH[office]} {office}"] = link_of(settings, settings.desk_port, token)
    return found

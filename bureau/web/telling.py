"""Tells the audit trail of an act that is kept elsewhere, or that changed nothing."""

from bureau.desk.trail import Act
from bureau.web.rooms import Rooms
from bureau.web.route import Visit


async def tell(rooms: Rooms, visit: Visit, what: str, subject: str, **detail: object) -> None:
    act = Act(
        division=visit.division, login=visit.person.login, what=what, subject=subject, detail=detail
    )
    await rooms.people.change(rooms.clock(), [act])

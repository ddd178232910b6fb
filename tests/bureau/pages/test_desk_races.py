"""The same thing done at once: a button pressed twice, two persons in one moment, a refusal between
two documents. What may happen once happens once, and no number is lost or used twice."""

import asyncio
import datetime as dt
from collections.abc import Sequence

import pytest

from adapters.postgres.bureau.complaints import BureauComplaints
from adapters.postgres.bureau.pool import Connection
from adapters.postgres.bureau.trail import ActLike, Trail
from bureau.desk.casework.words import Against, Move, Origin
from bureau.desk.docket.office import Opening
from bureau.desk.people import Office, Person
from bureau.desk.refusals import ActRefused
from bureau.wiring import written
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_complaints import STORY, taken
from tests.bureau.cases.test_complaints import WHO as INFORMANT
from tests.bureau.desks import Desk
from tests.bureau.entry.test_seating import WISH
from tests.bureau.words import BANK, DIVISION, Bureau

pytestmark = pytest.mark.postgres
NO_GLYPH = "\U0001f9ff"


async def test_documents_issued_at_once_and_refused_between_leave_no_gap(
    desk: Desk, bureau: Bureau
) -> None:
    office = desk.rooms.office
    by = Person(login="r", division=DIVISION, office=Office.REVIEWER, name="甲")
    due = (legal_day(desk.hands.now) + dt.timedelta(days=5)).isoformat()
    keys = []
    for number in range(9):
        opening = Opening(
            origin=Origin.SCREENING, against=Against.AGENCY, agency_code="101001", bank=BANK,
            agency_name="厅", title=f"第{number}件", reason="排查",
        )  # fmt: skip
        keys.append(await office.open(DIVISION, opening, [], by))

    async def ask(number: int, key: tuple[str, int, int]) -> bool:
        text = NO_GLYPH if number % 3 == 1 else "合同"
        body = {"means": "document_request", "due": due, "text": text}
        try:
            await office.move(key, Move.VERIFY, body, by)
        except ActRefused:
            return False
        return True

    done = await asyncio.gather(*(ask(n, key) for n, key in enumerate(keys)))
    assert sum(done) == 6
    rows = await bureau.pool.fetch("SELECT paper_number FROM case_paper ORDER BY 1")
    assert [row[0] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [key[2] for key in keys] == list(range(1, 10))


async def test_a_case_of_a_complaint_is_opened_once_however_often_the_button_is_pressed(
    desk: Desk, bureau: Bureau
) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper)
    await reviewer.post(f"{path}/steps/accept")
    answers = await asyncio.gather(
        *(reviewer.post(f"{path}/case", {"words": "查"}) for _ in "1234")
    )
    assert sorted(status for status, _ in answers) == [303, 409, 409, 409]
    assert await bureau.pool.fetchval("SELECT count(*) FROM case_file") == 1


class Cut(Trail):
    """The connection breaks when a complaint is to say that it became a case."""

    async def add(self, connection: Connection, at: dt.datetime, acts: Sequence[ActLike]) -> None:
        if any(act.what == "complaint.case" for act in acts):
            connection.terminate()
        await super().add(connection, at, acts)


async def test_a_cut_between_a_case_and_its_complaints_word_leaves_neither(
    desk: Desk, bureau: Bureau
) -> None:
    keeper, reviewer = await desk.seat(Office.KEEPER), await desk.seat(Office.REVIEWER)
    path = await taken(keeper)
    await reviewer.post(f"{path}/steps/accept")
    store = desk.rooms.complaints.store
    desk.rooms.complaints.store = BureauComplaints(bureau.pool, Cut(written))
    assert (await reviewer.post(f"{path}/case", {"words": "查"}))[0] == 503
    assert await bureau.pool.fetchval("SELECT count(*) FROM case_file") == 0
    assert "未立案" in (await reviewer.get(path))[1]
    desk.rooms.complaints.store = store
    status, case = await reviewer.post(f"{path}/case", {"words": "查"})
    assert status == 303 and case.endswith("/1"), "no number was lost"
    assert case in (await reviewer.get(path))[1]
    assert await bureau.pool.fetchval("SELECT count(*) FROM case_file") == 1
    told = "SELECT count(*) FROM desk_act WHERE what IN ('case.opened', 'complaint.case')"
    assert await bureau.pool.fetchval(told) == 2


async def test_of_two_administrators_at_once_one_decides_and_one_code_is_given(desk: Desk) -> None:
    asker, *others = [await desk.seat(Office.ADMINISTRATOR, f"root.{n}") for n in range(4)]
    assert (await asker.post("/accounts", WISH))[0] == 200
    answers = await asyncio.gather(
        *(other.post("/accounts/requests/1/approve") for other in others),
        asker.post("/accounts/requests/1/approve"),
    )
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409]
    assert answers[-1][0] == 409, "never one's own"
    links = await asyncio.gather(*(asker.post("/accounts/requests/1/link") for _ in range(3)))
    assert sorted(status for status, _ in links) == [200, 409, 409]


async def test_a_seal_that_was_agreed_to_is_opened_once_of_many_tries_at_once(desk: Desk) -> None:
    first, second = [await desk.seat(Office.KEEPER, f"keeper.{n}") for n in range(2)]
    path = await taken(first)
    assert (await first.post(f"{path}/openings", {"reason": "需要回访"}))[0] == 303
    tries = [first.post(f"{path}/openings/1/open") for _ in range(3)]
    tries += [first.post(f"{path}/openings/1/agree"), second.post(f"{path}/openings/1/agree")]
    early = await asyncio.gather(*tries)
    assert early[3][0] == 409, "not one's own word"
    assert early[4][0] == 303
    late = await asyncio.gather(*(who.post(f"{path}/openings/1/open")
                                  for who in (first, second, first, second)))  # fmt: skip
    shown = [text for status, text in (*early[:3], *late) if status == 200]
    assert len(shown) == 1 and INFORMANT["informant_name"] in shown[0]


@pytest.mark.parametrize("phone", ["１３９０４３１００９９", "139 0431 0099", "(139)0431-0099"])
async def test_a_number_in_other_letters_is_still_the_informants(desk: Desk, phone: str) -> None:
    keeper = await desk.seat(Office.KEEPER)
    told = {**STORY, **INFORMANT, "story": f"请拨{phone}，会议费照付。"}
    status, page = await keeper.post(f"/desk/{DIVISION}/complaints/new", told)
    assert status == 409 and "举报人电话" in page

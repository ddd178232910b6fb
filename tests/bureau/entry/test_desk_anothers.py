"""What is another's cannot be read, answered or fetched by its number, its digest, or one's own
case's address (IDOR): every form and file of a case, tried by everybody whom it is not about."""

import datetime as dt

import pytest

from bureau.desk.casework.words import WHO, Against, Move, Origin
from bureau.desk.docket.office import Opening, Upload
from bureau.desk.people import OUTSIDE, Office, Person
from bureau.web.desk import table_of
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import HOME, PDF
from tests.bureau.desks import AGENCY, OTHER_AGENCY, Desk
from tests.bureau.words import BANK, DIVISION, Bureau

pytestmark = pytest.mark.postgres
REVIEWER = Person(login="r", division=DIVISION, office=Office.REVIEWER, name="甲")
OTHER_BANK = "105241000014"
Key = tuple[str, int, int]


async def asked(desk: Desk, against: Against, code: str, bank: str, words: str) -> Key:
    """A case about this agency or bank, papers asked of it, and a file that it handed in."""
    office = desk.rooms.office
    opening = Opening(
        origin=Origin.SCREENING, against=against, agency_code=code, agency_name=f"单位{code}",
        bank=bank, title=words, reason="排查",
    )  # fmt: skip
    key = await office.open(DIVISION, opening, [], REVIEWER)
    due = (legal_day(desk.hands.now) + dt.timedelta(days=5)).isoformat()
    body = {"means": "document_request", "due": due, "text": "合同"}
    await office.move(key, Move.VERIFY, body, REVIEWER)
    by = Person(
        login=f"by{code}{bank}", division=DIVISION, name="丙",
        office=Office.AGENCY if against is Against.AGENCY else Office.BANK,
        code=code if against is Against.AGENCY else bank,
    )  # fmt: skip
    file = Upload(name="合同.pdf", media="application/pdf", body=PDF + words.encode())
    await office.move(key, Move.REPLY, {"number": 1, "text": words}, by, [file])
    return key


async def test_nobody_reads_answers_or_fetches_anothers_case(desk: Desk, bureau: Bureau) -> None:
    ours = await asked(desk, Against.AGENCY, AGENCY, BANK, "甲单位的事")
    theirs = await asked(desk, Against.AGENCY, OTHER_AGENCY, BANK, "乙单位的事")
    of_bank = await asked(desk, Against.BANK, "", BANK, "甲银行的事")
    office = desk.rooms.office
    before = [len((await office.state(key))[2]) for key in (ours, theirs, of_bank)]
    [digest] = [u["digest"] for u in await desk.rooms.cases.uploads(ours)]
    seats = {
        "another agency": await desk.seat(Office.AGENCY, "x1", code=OTHER_AGENCY),
        "another department": await desk.seat(Office.DEPARTMENT, "x2", code=OTHER_AGENCY[:3]),
        "another bank": await desk.seat(Office.BANK, "x3", code=OTHER_BANK),
        "the bank, which the case is not about": await desk.seat(Office.BANK, "x4", code=BANK),
    }
    for who, seated in seats.items():
        case = f"{HOME}/cases/{ours[1]}/{ours[2]}"
        for path in (case, f"{case}/files/{digest}", f"{HOME}/papers/{ours[1]}/1.pdf",
                     f"{HOME}/papers/{ours[1]}/1.docx"):  # fmt: skip
            assert (await seated.get(path))[0] == 404, (who, path)
        for move, offices in WHO.items():
            if offices & OUTSIDE:
                form = {"number": "1", "text": "冒名", "files": ("a.pdf", PDF)}
                status, _ = await seated.post(f"{case}/{move.value}", form)
                assert status == (404 if seated.person.office in offices else 403), (who, move)
        assert "甲单位的事" not in (await seated.get(f"{HOME}/cases"))[1], who
        assert "甲单位的事" not in (await seated.get(HOME))[1], who
    other = seats["another agency"]
    own = f"{HOME}/cases/{theirs[1]}/{theirs[2]}"
    assert (await other.get(own))[0] == 200
    assert (await other.get(f"{own}/files/{digest}"))[0] == 404, "by way of one's own case"
    assert (await other.get(f"{HOME}/cases/{of_bank[1]}/{of_bank[2]}"))[0] == 404
    after = [len((await office.state(key))[2]) for key in (ours, theirs, of_bank)]
    assert after == before, "nothing was answered in another's name"


def test_every_form_that_people_outside_may_send_is_tried_here(desk: Desk) -> None:
    """A new one would have to be tried above as well."""
    posts = {
        route.path.rsplit("/", 1)[1]
        for route in table_of(desk.rooms)
        if route.method == "POST" and route.offices & OUTSIDE and "{division}" in route.path
    }
    tried = {move.value for move, offices in WHO.items() if offices & OUTSIDE}
    assert posts - tried == {"verify"}, "the card's proof, which test_desk_offices tries"


async def test_what_is_asked_of_other_departments_about_a_party_is_not_told_to_it(
    desk: Desk,
) -> None:
    """A letter to the discipline inspection, its request and a referral: the agency neither reads
    them nor answers in the other department's place."""
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    key = await asked(desk, Against.AGENCY, AGENCY, BANK, "甲单位的事")
    due = (day + dt.timedelta(days=30)).isoformat()
    joint = {
        "means": "joint_investigation", "due": due, "person": "同级纪检监察机关",
        "ground": "拒不配合", "text": "疑似套取资金",
    }  # fmt: skip
    file = Upload(name="线索.pdf", media="application/pdf", body=PDF + b"clue")
    await office.move(key, Move.VERIFY, joint, REVIEWER, [file])
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    inside = (await reviewer.get(case))[1]
    assert "部门协查" in inside and "拒不配合" in inside and "线索.pdf" in inside
    status, page = await agency.get(case)
    assert status == 200 and "合同.pdf" in page
    for word in ("协查", "拒不配合", "疑似套取资金", "线索", "纪检", due):
        assert word not in page, word
    for path in (f"{HOME}/papers/{key[1]}/2.pdf", f"{HOME}/papers/{key[1]}/2.docx"):
        assert ((await agency.bytes(path))[0], (await reviewer.bytes(path))[0]) == (404, 200)
    assert (await agency.bytes(f"{case}/files/{file.digest.hex()}"))[0] == 404
    status, answer = await agency.post(f"{case}/reply", {"number": 2, "text": "已查，没有问题"})
    assert status == 409, answer
    approver = Person(login="a", division=DIVISION, office=Office.APPROVER, name="乙")
    for number in (1, 2):
        if number == 2:
            await office.move(key, Move.RECORD, {"number": 2, "text": "已复函"}, REVIEWER)
        await office.move(key, Move.ACCEPT, {"number": number, "text": "采信"}, REVIEWER)
    await office.move(key, Move.PROPOSE, {"verdict": "confirmed", "text": "属实"}, REVIEWER)
    await office.move(key, Move.DECIDE, {}, approver)
    await office.move(
        key, Move.PROPOSE_REFERRAL, {"to": "discipline", "text": "移送线索"}, REVIEWER
    )
    page = (await agency.get(case))[1]
    for word in ("移交", "移送", "纪检", "协查"):
        assert word not in page, word
    await office.move(key, Move.APPROVE_REFERRAL, {}, approver)
    assert "移送线索" in (await reviewer.get(case))[1]
    page = (await agency.get(case))[1]
    for word in ("移交", "移送", "纪检", "协查"):
        assert word not in page, word


async def test_a_letter_to_others_that_was_kept_as_if_for_its_party_is_not_read_by_it(
    desk: Desk, bureau: Bureau
) -> None:
    """As an earlier release kept them: what counts is to whom it is."""
    key = await asked(desk, Against.AGENCY, AGENCY, BANK, "甲单位的事")
    joint = {
        "means": "joint_investigation", "due": legal_day(desk.hands.now).isoformat(),
        "person": "同级审计机关", "ground": "复杂", "text": "疑似套取",
    }  # fmt: skip
    await desk.rooms.office.move(key, Move.VERIFY, joint, REVIEWER)
    async with bureau.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL ROLE NONE")
        await connection.execute("UPDATE case_paper SET outside = true")
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    assert "协查" not in (await agency.get(f"{HOME}/cases/{key[1]}/{key[2]}"))[1]
    for number, status in ((1, 200), (2, 404)):
        path = f"{HOME}/papers/{key[1]}/{number}.pdf"
        assert ((await agency.bytes(path))[0], (await reviewer.bytes(path))[0]) == (status, 200)


async def test_what_another_department_found_is_not_told_to_the_party(desk: Desk) -> None:
    """Its answer is a move of ours that names the request by its number; nor does its day stand in
    the party's lists, in the place of the party's own."""
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    key = await asked(desk, Against.AGENCY, AGENCY, BANK, "甲单位的事")
    own, theirs = day + dt.timedelta(days=9), day + dt.timedelta(days=3)
    body = {"means": "document_request", "due": own.isoformat(), "text": "发票"}
    await office.move(key, Move.VERIFY, body, REVIEWER)
    joint = {
        "means": "joint_investigation", "due": theirs.isoformat(), "person": "同级审计机关",
        "ground": "复杂", "text": "线索",
    }  # fmt: skip
    await office.move(key, Move.VERIFY, joint, REVIEWER)
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    above = await desk.seat(Office.DEPARTMENT, "above", code=AGENCY[:3])
    for person in (agency, above):
        for page in (HOME, f"{HOME}/cases"):
            _, text = await person.get(page)
            assert "甲单位的事" in text and f"{own}" in text and f"{theirs}" not in text, page
    assert f"{theirs}" in (await reviewer.get(f"{HOME}/cases"))[1]
    files = [
        Upload(name=f"{word}.pdf", media="application/pdf", body=PDF + word.encode())
        for word in ("来函", "补充函")
    ]
    await office.move(key, Move.RECORD, {"number": 3, "text": "查明虚开"}, REVIEWER, files[:1])
    again = {"number": 3, "text": "请审计再查", "due": theirs.isoformat()}
    await office.move(key, Move.RETURN, again, REVIEWER)
    await office.move(key, Move.RECORD, {"number": 3, "text": "已补"}, REVIEWER, files[1:])
    await office.move(key, Move.ACCEPT, {"number": 3, "text": "与审计一致"}, REVIEWER)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    words = ("查明虚开", "请审计再查", "已补", "与审计一致", "来函.pdf", "补充函.pdf")
    page = (await agency.get(case))[1]
    assert [word for word in words if word in page] == [] and "发票" in page
    page = (await reviewer.get(case))[1]
    assert [word for word in words if word not in page] == []
    for file in files:
        path = f"{case}/files/{file.digest.hex()}"
        assert ((await agency.bytes(path))[0], (await reviewer.bytes(path))[0]) == (404, 200)


async def test_a_case_of_which_only_others_were_told_is_not_there_for_its_party(desk: Desk) -> None:
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    opening = Opening(
        origin=Origin.COMPLAINT, against=Against.AGENCY, agency_code=AGENCY, agency_name="甲",
        bank=BANK, title="举报事项", reason="核查",
    )  # fmt: skip
    key = await office.open(DIVISION, opening, [], REVIEWER)
    joint = {
        "means": "joint_investigation", "due": (day + dt.timedelta(days=9)).isoformat(),
        "person": "同级审计机关", "ground": "复杂", "text": "线索",
    }  # fmt: skip
    await office.move(key, Move.VERIFY, joint, REVIEWER)
    agency = await desk.seat(Office.AGENCY)
    assert (await agency.get(f"{HOME}/cases/{key[1]}/{key[2]}"))[0] == 404
    assert "举报事项" not in (await agency.get(f"{HOME}/cases"))[1]


async def test_a_reminder_of_what_others_owe_is_not_shown_to_the_party(desk: Desk) -> None:
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    key = await asked(desk, Against.AGENCY, AGENCY, BANK, "甲单位的事")
    due = day + dt.timedelta(days=2)
    joint = {
        "means": "joint_investigation", "due": due.isoformat(), "person": "同级审计机关",
        "ground": "复杂", "text": "线索",
    }  # fmt: skip
    await office.move(key, Move.VERIFY, joint, REVIEWER)
    assert await office.chase(DIVISION) == 1
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    agency, reviewer = await desk.seat(Office.AGENCY), await desk.seat(Office.REVIEWER)
    assert "即将到期" in (await reviewer.get(case))[1]
    assert "即将到期" not in (await agency.get(case))[1]

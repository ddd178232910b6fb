"""At the edges of cases: files, gapless numbers, registers, reminders, grouped cases, refusals."""

import asyncio
import datetime as dt
import io
import re
import zipfile

import pytest

from adapters.bureau.frame import framed
from bureau.desk.casework.words import Against, Move, Origin
from bureau.desk.docket.office import Opening, Upload
from bureau.desk.people import Office, Person
from bureau.desk.refusals import ActRefused
from bureau.desk.registers.changes import Proposal
from bureau.web.sections import cases
from bureau.web.uploads import FILE_BYTES_MAX, FILES_MAX, media_of
from gateway.domain.legal_day import legal_day
from tests.bureau.cases.test_case_walk import HOME, PDF, intercepted, moved
from tests.bureau.desks import Desk
from tests.bureau.test_registers import AGENCY as PUT
from tests.bureau.test_registers import snapshot
from tests.bureau.words import (
    BANK,
    DIVISION,
    GATEWAY,
    Bureau,
    Chain,
    House,
    finding,
    notice,
    verdict,
)

pytestmark = pytest.mark.postgres
REVIEWER = Person(login="r", division=DIVISION, office=Office.REVIEWER, name="甲")
APPROVER = Person(login="a", division=DIVISION, office=Office.APPROVER, name="乙")
AGENCY = Person(login="g", division=DIVISION, office=Office.AGENCY, name="丙", code="101001")
Key = tuple[str, int, int]


def opening(**more: object) -> Opening:
    fields = {
        "origin": Origin.SCREENING, "against": Against.AGENCY, "agency_code": "101001",
        "agency_name": "吉林省示例厅本级", "bank": BANK, "title": "排查", "reason": "划转",
    }  # fmt: skip
    return Opening(**{**fields, **more})  # type: ignore[arg-type]


async def ordered(desk: Desk, measure: str, days: int, key: Key | None = None) -> Key:
    """A case with this measure approved, due in so many days."""
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    due = (day + dt.timedelta(days=days)).isoformat()
    if key is None:
        key = await office.open(DIVISION, opening(), [], REVIEWER)
        for move, body, by in (
            (Move.VERIFY, {"means": "phone_call", "due": due, "text": "x"}, REVIEWER),
            (Move.RECORD, {"number": 1, "text": "x"}, REVIEWER),
            (Move.ACCEPT, {"number": 1, "text": "x"}, REVIEWER),
            (Move.PROPOSE, {"verdict": "confirmed", "text": "x"}, REVIEWER),
            (Move.DECIDE, {}, APPROVER),
        ):
            await office.move(key, move, body, by)
    orders = [{"measure": measure, "due": due, "returned": 100}]
    await office.move(key, Move.PROPOSE_HANDLING, {"orders": orders, "text": "x"}, REVIEWER)
    await office.move(key, Move.APPROVE_HANDLING, {}, APPROVER)
    return key


@pytest.mark.slow
async def test_overdue_is_reminded_and_escalated_once_up_to_the_suspension_of_funds(
    desk: Desk, bureau: Bureau
) -> None:
    office = desk.rooms.office
    key = await ordered(desk, "21(2)", 2)
    assert await office.chase(DIVISION) == 1, "three days ahead"
    assert await office.chase(DIVISION) == 0, "once"
    desk.hands.now += dt.timedelta(days=5)
    assert await office.chase(DIVISION) == 1
    assert (await office.state(key))[0]["escalation"] == "21(3)"
    await ordered(desk, "21(3)", 2, key)
    wishes = desk.rooms.registers.store.wishes
    assert await wishes(DIVISION) == []
    desk.hands.now += dt.timedelta(days=5)
    while await office.chase(DIVISION):
        pass
    assert (await office.state(key))[0]["escalation"] == "21(4)"
    await ordered(desk, "21(4)", 10, key)
    [wish] = await wishes(DIVISION)
    assert (wish["agency_code"], wish["status"]) == ("101001", "suspended")
    await suspended(desk, wish["wish"])
    reviewer = await desk.seat(Office.REVIEWER)
    assert "已随登记第 6 版发布" in (await reviewer.get(f"{HOME}/cases/{key[1]}/{key[2]}"))[1]
    await office.move(key, Move.REPORT, {"number": 3, "text": "x", "returned": 100}, AGENCY)
    await office.move(key, Move.ACCEPT_REPORT, {"number": 3, "text": "x"}, REVIEWER)
    [lifted] = await wishes(DIVISION)
    assert lifted["status"] == "active", "rectified: the suspension ends"


async def suspended(desk: Desk, wish: int, status: str = "suspended") -> None:
    """What a case asks of the registers, proposed by one and approved by another."""
    registers = desk.rooms.registers
    if await registers.store.version(DIVISION) == 0:
        whole = await registers.propose_snapshot(DIVISION, snapshot(), "年初登记", REVIEWER)
        await registers.approve(DIVISION, whole, APPROVER)
    proposal = Proposal(
        register="agencies", op="put", row=PUT | {"status": status}, reason="按处理决定", wish=wish
    )
    await registers.approve(
        DIVISION, await registers.propose(DIVISION, proposal, REVIEWER), APPROVER
    )


async def test_a_suspension_is_lifted_only_when_no_case_suspends_the_agency_any_more(
    desk: Desk,
) -> None:
    office, registers = desk.rooms.office, desk.rooms.registers
    first, second = [await ordered(desk, "21(2)", 2) for _ in range(2)]
    for measure in ("21(3)", "21(4)"):
        desk.hands.now += dt.timedelta(days=5)
        for key in (first, second):
            await ordered(desk, measure, 2, key)
    wishes = [wish["wish"] for wish in await registers.store.wishes(DIVISION)]
    other = Proposal(
        register="agencies", op="put", row=PUT | {"status": "active"}, reason="按处理决定",
        wish=wishes[0],
    )  # fmt: skip
    with pytest.raises(ActRefused, match="not the one"):
        await registers.propose(DIVISION, other, REVIEWER)
    await suspended(desk, wishes[0])
    assert await registers.store.wishes(DIVISION) == [], "the second says the same"
    await office.move(first, Move.REPORT, {"number": 3, "text": "x", "returned": 100}, AGENCY)
    await office.move(first, Move.ACCEPT_REPORT, {"number": 3, "text": "x"}, REVIEWER)
    assert await registers.store.wishes(DIVISION) == [], "the second case still suspends it"
    with pytest.raises(ActRefused, match="another case"):
        await suspended(desk, wishes[1] + 1, "active")
    await office.move(second, Move.REPORT, {"number": 3, "text": "x", "returned": 100}, AGENCY)
    await office.move(second, Move.ACCEPT_REPORT, {"number": 3, "text": "x"}, REVIEWER)
    lifted = await registers.store.wishes(DIVISION)
    assert [wish["status"] for wish in lifted] == ["active", "active"]
    await suspended(desk, lifted[1]["wish"], "active")
    assert await registers.store.wishes(DIVISION) == []


async def test_numbers_have_no_gap_whoever_issues_at_once_and_whatever_is_refused(
    desk: Desk, bureau: Bureau
) -> None:
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    keys = [await office.open(DIVISION, opening(), [], REVIEWER) for _ in range(6)]
    assert [key[2] for key in keys] == [1, 2, 3, 4, 5, 6]
    body = {"means": "document_request", "due": day.isoformat(), "text": "合同"}

    async def ask(key: Key, text: str) -> None:
        await office.move(key, Move.VERIFY, {**body, "text": text}, REVIEWER)

    tried = await asyncio.gather(
        *(ask(key, "合同🙂" if key[2] % 2 else "合同") for key in keys), return_exceptions=True
    )
    refused = [each for each in tried if isinstance(each, ActRefused)]
    assert len(refused) == 3 and all(each.code == "glyph_missing" for each in refused)
    papers = [paper for key in keys for paper in await bureau.cases.papers(key)]
    assert sorted(paper["paper_number"] for paper in papers) == [1, 2, 3]
    for key in keys:
        row, case, moves = await office.state(key)
        assert len(moves) == row["moves"] == len(case.requests) == (key[2] + 1) % 2


async def test_an_interview_cannot_be_asked_for_without_a_payment_to_name(desk: Desk) -> None:
    key = await desk.rooms.office.open(DIVISION, opening(), [], REVIEWER)
    day = legal_day(desk.hands.now).isoformat()
    body = {"means": "interview", "due": day, "day": day, "room": "1", "ground": "x"}
    with pytest.raises(ActRefused) as refused:
        await desk.rooms.office.move(key, Move.VERIFY, body, REVIEWER)
    assert refused.value.code == "payment_missing"


async def test_the_same_case_gives_the_same_pdf_again(desk: Desk, bureau: Bureau) -> None:
    key = await ordered(desk, "21(2)", 2)
    [paper] = await bureau.cases.papers(key)
    stored = await bureau.cases.paper(DIVISION, paper["paper_year"], paper["paper_number"])
    assert stored is not None
    from adapters.papers.setter import portable

    assert portable(stored["layout"]) == stored["pdf"]


async def test_a_case_grouped_from_many_interceptions_sends_a_letter_of_concern(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    at = int(desk.hands.now.timestamp() * 1_000_000) - 1_000_000
    chain.seal([verdict(n, "blocked", recorded_at=at + n) for n in range(7)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    assert "吉林省示例厅本级" in (await reviewer.get(f"{HOME}/concerns"))[1]
    status, case = await reviewer.post(f"{HOME}/concerns", {"agency": "101001"})
    assert status == 303
    due = (legal_day(desk.hands.now) + dt.timedelta(days=9)).isoformat()
    text = await moved(
        reviewer, case, "verify", means="letter_of_concern", concern="frequent", text="请关注",
        due=due,
    )  # fmt: skip
    assert "关注函" in text and text.count("0000000000") >= 7
    assert (await reviewer.post(f"{HOME}/concerns", {"agency": "999"}))[0] == 404
    assert (await reviewer.post(f"{HOME}/concerns", {"agency": "101001"}))[0] == 409, (
        "one at a time"
    )
    grave = finding(policy="JL-061", action="block")
    other = {"code": "102001", "name": "吉林省示例大学本级"}
    chain.seal([verdict(9, "blocked", findings=[grave], agency=other, recorded_at=at + 9)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery(start=7)))
    _, text = await reviewer.get(f"{HOME}/concerns")
    grounds = re.findall(r'<span class="chip">(经常|严重|金额较大)</span>', text)
    assert grounds == ["严重", "经常"], "without a case before the one that has it"


async def test_a_grouped_case_is_of_the_payments_it_lists_and_the_serious_come_first(
    desk: Desk, bureau: Bureau, chain: Chain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It bore the sum of all, listed a hundred, and said nothing; of many agencies those that were
    serious but not frequent were never listed."""
    at = int(desk.hands.now.timestamp() * 1_000_000) - 1_000_000
    grave = finding(policy="JL-061", action="block")
    other = {"code": "102001", "name": "吉林省示例大学本级"}
    chain.seal([
        *(verdict(n, "blocked", recorded_at=at + n) for n in range(103)),
        verdict(103, "blocked", findings=[grave], agency=other, recorded_at=at + 103),
    ])  # fmt: skip
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    reviewer = await desk.seat(Office.REVIEWER)
    monkeypatch.setattr(cases, "CONCERNS_SHOWN", 1)
    _, text = await reviewer.get(f"{HOME}/concerns")
    assert "吉林省示例大学本级" in text and "只列前 1 个单位" in text
    assert (await reviewer.post(f"{HOME}/concerns", {"agency": "102001"}))[0] == 303
    _, text = await reviewer.get(f"{HOME}/concerns")
    assert "吉林省示例厅本级" in text and "吉林省示例大学本级" not in text
    status, case = await reviewer.post(f"{HOME}/concerns", {"agency": "101001"})
    assert status == 303
    text = (await reviewer.get(case))[1]
    assert "近90天被监控103笔，其中拦截103笔；本案列入最近100笔" in text
    row = await bureau.cases.case((DIVISION, *map(int, case.split("/")[-2:])))
    listed = await bureau.cases.subjects((DIVISION, row["year"], row["number"]))
    assert len(listed) == 100 and row["amount_fen"] == sum(one["amount_fen"] for one in listed)


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, "<x/>")
    return buffer.getvalue()


async def test_a_reply_that_is_overdue_is_asked_for_once_more(desk: Desk) -> None:
    office, day = desk.rooms.office, legal_day(desk.hands.now)
    key = await office.open(DIVISION, opening(), [], REVIEWER)
    due = (day + dt.timedelta(days=2)).isoformat()
    body = {"means": "document_request", "due": due, "text": "合同"}
    await office.move(key, Move.VERIFY, body, REVIEWER)
    assert [await office.chase(DIVISION) for _ in range(2)] == [1, 0], "ahead, once"
    desk.hands.now += dt.timedelta(days=3)
    assert [await office.chase(DIVISION) for _ in range(2)] == [1, 0], "overdue, once"
    words = [m["body"]["text"][10:] for m in (await office.state(key))[2] if m["move"] == "remind"]
    assert words == ["即将到期", "已逾期"]


async def test_a_correction_under_21_1_is_handed_in_with_its_evidence(desk: Desk) -> None:
    office = desk.rooms.office
    key = await ordered(desk, "21(1)", 5)
    with pytest.raises(ActRefused, match="evidence"):
        await office.move(key, Move.REPORT, {"number": 1, "text": "x", "returned": 0}, AGENCY)
    paper = Upload(name="结果.pdf", media="application/pdf", body=PDF)
    case = await office.move(
        key, Move.REPORT, {"number": 1, "text": "x", "returned": 100}, AGENCY, [paper]
    )
    assert case.orders[0].status == "reported"


async def test_a_written_order_is_copied_to_the_department_by_its_name(
    desk: Desk, bureau: Bureau
) -> None:
    """Art. 21(3)."""
    registers = desk.rooms.registers
    above = PUT | {"code": "101", "name": "吉林省示例厅"}
    raw = snapshot(agencies=[PUT, above])
    whole = await registers.propose_snapshot(DIVISION, raw, "年初登记", REVIEWER)
    await registers.approve(DIVISION, whole, APPROVER)
    key = await ordered(desk, "21(2)", 2)
    desk.hands.now += dt.timedelta(days=5)
    await ordered(desk, "21(3)", 2, key)
    layouts = await bureau.pool.fetch("SELECT kind, layout FROM case_paper ORDER BY number")
    [order] = [row["layout"].decode() for row in layouts if row["kind"] == "rectification_order"]
    assert "抄送：吉林省示例厅。" in order


def test_files_are_known_by_their_content() -> None:
    assert media_of(PDF) == "application/pdf"
    assert media_of(archive("word/document.xml", "[Content_Types].xml"))
    for body in (
        b"<html><script>alert(1)</script>", b"MZ\x90\x00", b"%!PS", b"#!/bin/sh",
        b"PK\x03\x04broken",
        archive("evil.exe"), archive("word/document.xml", "word/vbaProject.bin"), b"GIF89a", b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    ):  # fmt: skip
        assert media_of(body) is None, body[:20]


async def test_what_is_no_paper_is_not_taken_and_what_is_comes_back_as_a_download(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    await intercepted(bureau, chain, house)
    reviewer = await desk.seat(Office.REVIEWER)
    key = await desk.rooms.office.open(DIVISION, opening(), [], REVIEWER)
    case = f"{HOME}/cases/{key[1]}/{key[2]}"
    for files in (
        ("a.pdf", b"<script>alert(1)</script>"), ("a.pdf", b""), ("a.exe", b"MZ"),
        ("big.pdf", PDF + bytes(FILE_BYTES_MAX)), [("a.pdf", PDF)] * (FILES_MAX + 1),
    ):  # fmt: skip
        status, _ = await reviewer.post(f"{case}/note", {"text": "x", "files": files})
        assert status == 409, files
    name = "../../etc/<b>passwd.html"
    await moved(reviewer, case, "note", text="x", files=(name, PDF))
    text = (await reviewer.get(case))[1]
    path = text.partition(f'href="{case}/files/')[2].partition('"')[0]
    status, body, headers = await reviewer.bytes(f"{case}/files/{path}")
    assert (status, body) == (200, PDF) and headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''")
    assert headers["Content-Disposition"].endswith("''bpasswd.pdf"), "the content says what it is"


async def test_a_script_in_any_field_of_a_case_is_text_on_every_page(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    evil = "<script>alert('甲')</script>"
    body = notice(
        1, agency={"code": "101001", "name": evil}, purpose=evil,
        payee={"name": evil, "account_masked": evil},
    )  # fmt: skip
    await bureau.inbox.notice(GATEWAY, DIVISION, body, house.gateway.document(body))
    reviewer, agency = await desk.seat(Office.REVIEWER), await desk.seat(Office.AGENCY)
    _, case = await reviewer.post(f"{HOME}/2026/8202/{1:013d}/case", {"against": "agency"})
    due = legal_day(desk.hands.now).isoformat()
    await moved(reviewer, case, "verify", means="document_request", text=evil, due=due)
    await moved(agency, case, "reply", number=1, text=evil, files=(f"{evil}.pdf", PDF))
    for who in (reviewer, agency):
        for path in ("", "/cases", "/interceptions", "/interceptions/print"):
            status, text = await who.get(HOME + path)
            assert status == 200 and "<script>alert" not in text, path
        text = (await who.get(case))[1]
        assert "<script>alert" not in text and "&lt;script&gt;alert" in text

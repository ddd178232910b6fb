"""Policies on the desk: read in words, edited and checked, tried, agreed, handed over."""

import datetime as dt
import io
import zipfile
from collections.abc import Collection
from typing import Any

import orjson
import pytest

from adapters.bureau.frame import framed
from bureau.desk.people import Office
from bureau.desk.policies.drafts import tripped_of
from bureau.desk.publish import Publishing
from bureau.desk.trail import Act
from certs.signatories import signatories
from certs.signing.signer import Signer
from certs.trust import Trust
from gateway.domain.faults import FeedRefused, GatewayUnavailable
from gateway.domain.records import unnumbered
from policies.book.bundle import compose, seal
from policies.book.load import LIBRARY, load_codes, load_texts
from tests.bureau.desks import Desk
from tests.bureau.words import BANK, DIVISION, DOMAIN, GATEWAY, Bureau, Chain, House

pytestmark = pytest.mark.postgres
HOME = f"/desk/{DIVISION}/policies"
CASH = load_texts(LIBRARY / "jilin")["JL-042.toml"]
HIGHER = CASH.replace('value = "1000.00"', 'value = "1000.50"')


def form(document: str, step: str, **more: str) -> dict[str, str]:
    return {"document": document, "step": step, **more}


async def test_every_policy_is_shown_in_words_with_its_article(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    _, text = await reviewer.get(HOME)
    ids = {text.split(f"{HOME}/")[n].split('"')[0] for n in range(1, text.count(f"{HOME}/") + 1)}
    assert {"JL-020", "JL-042"} <= ids
    for name in ids:
        if name.startswith("JL-"):
            status, text = await reviewer.get(f"{HOME}/{name}")
            assert status == 200 and "触发条件" in text, name
    assert "支付现金每人一次不得超过1000元" in (await reviewer.get(f"{HOME}/JL-042"))[1]
    assert (await reviewer.get(f"{HOME}/JL-999"))[0] == 404


@pytest.mark.walk
async def test_the_checker_names_clause_column_and_what_was_meant(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    wrong = CASH.replace("cash_per_person_max > params", "cash_per_person_mx > params")
    assert wrong != CASH
    _, text = await reviewer.post(f"{HOME}/JL-042/edit", form(wrong, "check"))
    assert "检查未通过" in text and "when.over_limit" in text and "第 " in text
    assert "cash_per_person_max" in text.partition("检查未通过")[2].partition("</section>")[0]
    status, text = await reviewer.post(
        f"{HOME}/JL-042/edit", form(wrong, "draft", reason="提高限额")
    )
    assert status == 409 and "不能提交" in text


async def test_a_trial_says_which_clause_held(desk: Desk) -> None:
    reviewer = await desk.seat(Office.REVIEWER)
    for amount, outcome in (("1000.01", "拦截"), ("1000.00", "不触发")):
        facts = f'cash_per_person_max = "{amount}"'
        _, text = await reviewer.post(
            f"{HOME}/JL-042/edit", form(CASH, "try", base="cash_to_person", facts=facts)
        )
        told = text.partition("试算结果")[2].partition("</section>")[0]
        assert f">{outcome}</span>" in told, told
    bad = form(CASH, "try", base="cash_to_person", facts="nonsense = [")
    assert (await reviewer.post(f"{HOME}/JL-042/edit", bad))[0] == 409


async def test_a_draft_is_agreed_to_by_another_and_then_stands_in_the_folder_to_sign(
    desk: Desk,
) -> None:
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    higher = HIGHER.replace('"1000.01"', '"1000.51"').replace('"1000.00" }', '"1000.50" }')
    higher = higher.replace("revision = 2", "revision = 3", 1)
    _, text = await reviewer.post(f"{HOME}/JL-042/edit", form(higher, "check"))
    assert "检查通过" in text, text.partition("检查未通过")[2][:600]
    assert "可能放宽" in text
    same = form(CASH, "draft", reason="没有变化")
    assert (await reviewer.post(f"{HOME}/JL-042/edit", same))[0] == 409
    status, path = await reviewer.post(
        f"{HOME}/JL-042/edit", form(higher, "draft", reason="提高限额")
    )
    assert (status, path) == (303, f"{HOME}/drafts/1")
    assert "1000.50" in (await approver.get(path))[1]
    for who, waits in ((approver, True), (reviewer, False)):
        assert (f'href="{path}"' in (await who.get(f"/desk/{DIVISION}"))[1]) is waits
    assert "下一步" not in (await approver.get(path))[1]
    assert (await approver.post(f"{path}/agree"))[0] == 303
    assert f'href="{path}"' not in (await approver.get(f"/desk/{DIVISION}"))[1]
    page = (await reviewer.get(path))[1]
    assert "已同意，尚未生效" in page and "下一步" in page, "agreed to is not in force"
    late = {"reason": "限额过高，请重拟"}
    assert (await approver.post(f"{path}/send-back", late))[0] == 409
    _, body, _ = await reviewer.bytes(f"{HOME}.zip")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert b"1000.50" in archive.read("JL-042.toml")
        assert len(archive.namelist()) == len(load_texts(LIBRARY / "jilin"))


class Way:
    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    async def publish(self, kind: str, body: bytes, signature: str) -> int:
        self.taken.append((kind, body))
        return 1


def book(author: Signer, *signers: Signer) -> bytes:
    body = compose(
        {"JL-042.toml": CASH}, load_codes(), revision=1, previous="",
        not_before=dt.datetime(2026, 12, 1, tzinfo=dt.UTC), author=author.uri,
    )  # fmt: skip
    return seal(body, [signer.document(body) for signer in signers])


async def test_a_book_goes_to_the_gateways_only_with_two_officers_signatures(
    desk: Desk, bureau: Bureau, house: House
) -> None:
    li, wang = (house.signer(f"{DOMAIN}/operator/{name}") for name in ("li", "wang"))
    named = [("li", li.certificate), ("wang", wang.certificate)]
    trust = Trust(signatories([house.evidence.certificate], named), house.bureau)
    object.__setattr__(desk.rooms.policies, "_verify", trust.verify_document)
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    bad = [b"{}", book(li, li), book(li, li, li), book(li, wang, li)]
    bad.append(book(li, li, wang).replace("每人一次".encode(), "每人两次".encode(), 1))
    for sealed in bad:
        assert (await approver.post(f"{HOME}/book", {"file": ("b.json", sealed)}))[0] == 409
    good = {"file": ("b.json", book(li, li, wang))}
    assert (await reviewer.post(f"{HOME}/book", good))[0] == 403
    assert (await approver.post(f"{HOME}/book", good))[0] == 303
    assert (await approver.post(f"{HOME}/book", good))[0] == 409, "once"
    assert "发送中" in (await reviewer.get(HOME))[1]
    way = Way()
    publishing = Publishing(
        desk.rooms.policies.store, {(DIVISION, BANK): way}, desk.hands, "policies"  # type: ignore[arg-type]
    )  # fmt: skip
    await publishing.publish_all(patient=False)
    assert [kind for kind, _ in way.taken] == ["policies"]
    assert orjson.loads(way.taken[0][1])["signatures"]
    assert "网关已签收" in (await reviewer.get(HOME))[1]


async def test_a_book_that_its_gateway_refuses_keeps_no_newer_one_from_it(desk: Desk) -> None:
    """A gateway refuses what was not written after its own book; the officers then sign another."""
    store: Any = desk.rooms.policies.store
    at = desk.hands.now
    for version in (1, 2):
        values = version, f"{version}", "li", "wang", at, at, "jws", f"book {version}".encode()
        act = Act(division=DIVISION, login="r", what="policy.handed_over")
        assert await store.hand_over(DIVISION, [BANK], values, act)
    asked: list[bytes] = []

    class Strict:
        async def publish(self, kind: str, body: bytes, signature: str) -> int:
            asked.append(body)
            if body == b"book 1":
                raise FeedRefused("422 not written after the one in force")
            return 1

    publishing = Publishing(store, {(DIVISION, BANK): Strict()}, desk.hands, "policies")
    done = [await publishing.publish_all(patient=False) for _ in range(4)]
    assert (done, asked) == ([0, 1, 0, 0], [b"book 1", b"book 2"])
    assert publishing.troubles == {}, "a newer one is there: nobody has to see to it any more"


async def test_what_is_for_a_gateway_that_is_away_is_not_read_until_it_is_asked_again(
    desk: Desk,
) -> None:
    """Of megabytes, twice a second, for as long as it is away."""
    store: Any = desk.rooms.policies.store
    at = desk.hands.now
    values = 1, "1", "li", "wang", at, at, "jws", b"book"
    act = Act(division=DIVISION, login="r", what="policy.handed_over")
    await store.hand_over(DIVISION, [BANK, "105241000014"], values, act)
    assert [row["bank"] for row in await store.waiting_feeds([f"{DIVISION}/{BANK}"])] == [
        "105241000014"
    ]
    read: list[int] = []
    tried: list[int] = []

    class Counted:
        async def waiting_feeds(self, resting: Collection[str] = ()) -> Any:
            rows = await store.waiting_feeds(resting)
            read.append(len(rows))
            return rows

        attempted = store.attempted

    class Away:
        async def publish(self, kind: str, body: bytes, signature: str) -> int:
            tried.append(len(read))
            raise GatewayUnavailable("connection refused")

    publishing = Publishing(Counted(), {(DIVISION, BANK): Away()}, desk.hands, "policies")
    for _ in range(6):
        await publishing.publish_all()
    assert tried == [1, 3, 6], "after one round, after two, after four"
    assert read == [2, 0, 2, 0, 0, 2]


async def test_a_refused_book_is_tried_again_while_no_newer_one_was_taken(desk: Desk) -> None:
    """Its officers may have become known, and the newer one have been written after it."""
    store: Any = desk.rooms.policies.store
    at, taken = desk.hands.now, list[bytes]()
    for version in (1, 2):
        values = version, f"{version}", "li", "wang", at, at, "jws", f"book {version}".encode()
        act = Act(division=DIVISION, login="r", what="policy.handed_over")
        await store.hand_over(DIVISION, [BANK], values, act)
    known = False

    class InOrder:
        async def publish(self, kind: str, body: bytes, signature: str) -> int:
            if not known or (body == b"book 2" and not taken):
                raise FeedRefused("422 its officers are not known, or it follows another")
            taken.append(body)
            return 1

    publishing = Publishing(store, {(DIVISION, BANK): InOrder()}, desk.hands, "policies")
    for _ in range(5):
        await publishing.publish_all(patient=False)
    known = True
    for _ in range(4):
        await publishing.publish_all(patient=False)
    assert taken == [b"book 1", b"book 2"] and await store.waiting_feeds() == []


async def test_what_a_gateway_applies_is_what_its_log_tells(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    told = {
        "division": DIVISION, "kind": "policy_activated", "what": "activated", "revision": 7,
        "digest": "ab" * 32, "author": "spiffe://x/li", "approver": "spiffe://x/wang",
    }  # fmt: skip
    chain.seal([unnumbered(told)])
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    _, text = await (await desk.seat(Office.PROVINCE)).get(HOME)
    assert "第7版" in text and "spiffe://x/wang" in text


async def test_a_draft_says_in_which_book_it_is_and_whether_a_gateway_applies_it(
    desk: Desk, bureau: Bureau, chain: Chain, house: House
) -> None:
    """It said 尚未生效 for ever, also when every gateway decided by it."""
    reviewer, approver = await desk.seat(Office.REVIEWER), await desk.seat(Office.APPROVER)
    ended = CASH.replace("revision = 2", "revision = 3", 1)
    ended = ended.replace("from = 2022-11-28", "from = 2022-11-28\nto = 2026-11-30", 1)
    drafted = form(ended, "draft", reason="停用本规则")
    status, path = await reviewer.post(f"{HOME}/JL-042/edit", drafted)
    assert status == 303, path
    assert (await approver.post(f"{path}/agree"))[0] == 303
    li = house.signer(f"{DOMAIN}/operator/li")
    store: Any = desk.rooms.policies.store
    act = Act(division=DIVISION, login="r", what="policy.handed_over")
    for revision, text, words in ((7, CASH, "已同意，尚未生效"), (8, ended, "网关尚未启用")):
        body = compose(
            {"JL-042.toml": text}, load_codes(), revision=revision, previous="",
            not_before=desk.hands.now, author=li.uri,
        )  # fmt: skip
        sealed, at = seal(body, [li.document(body)] * 2), desk.hands.now
        values = revision, f"{revision}", "li", "wang", at, at, "jws", sealed
        assert await store.hand_over(DIVISION, [BANK], values, act)
        assert words in (await reviewer.get(path))[1]
    told = {"division": DIVISION, "kind": "policy_activated", "what": "activated"}
    for revision, words in ((7, "网关尚未启用"), (8, "已写入第8版规则簿；已由网关启用")):
        chain.seal([unnumbered(told | {"revision": revision})])
        await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
        assert words in (await reviewer.get(path))[1]


async def test_the_book_of_a_bank_whose_log_is_short_is_shown_beside_that_of_a_longer_one(
    desk: Desk, bureau: Bureau, chain: Chain
) -> None:
    """And so is the policy that its breaker has loosened."""
    told = {"division": DIVISION, "kind": "policy_activated"}
    chain.seal([unnumbered(told | {"what": "activated", "revision": 7}),
                unnumbered(told | {"what": "tripped", "policy": "JL-042"})])  # fmt: skip
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery()))
    other = "105241000014"
    await bureau.pool.execute(
        "INSERT INTO log (division, bank, origin, size, frontier) VALUES ($1, $2, 'o', 0, '{}')",
        DIVISION, other,
    )  # fmt: skip
    await bureau.pool.execute(
        "INSERT INTO log_record (division, bank, seq, kind, subject, body, leaf_hash) SELECT $1,"
        " $2, n, 'policy_activated', '', $3, sha256($3) FROM generate_series(1000, 1100) AS n",
        DIVISION, other, unnumbered(told | {"what": "activated", "revision": 9}),
    )  # fmt: skip
    found = await desk.rooms.policies.activations(DIVISION)
    assert {row["bank"] for row in found} == {BANK, other}
    assert tripped_of(found) == {"JL-042": [BANK]}
    _, text = await (await desk.seat(Office.REVIEWER)).get(HOME)
    assert "第7版" in text and "第9版" in text

"""Signed books: who may sign, what may follow what, what is refused; and the breaker."""

import asyncio
import datetime as dt
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from gateway.domain.codes import AccountClass, Relation
from gateway.domain.decision import Action, Finding, Light
from gateway.domain.facts import Facts
from gateway.domain.faults import FaultCode, Unproven
from gateway.policy_books.store import BookStore
from gateway.ports import Book as BookPort
from policies.book.book import Book
from policies.book.breaker import Breaker, BreakerRules, Trip
from policies.book.bundle import Bundle, BundleRefused, compose, proven, seal
from policies.book.cases import CASES
from policies.book.load import LIBRARY, building, load, load_codes, load_golden, load_texts
from policies.book.shelf import Bookshelf
from policies.book.steps import finished, in_turns
from policies.book.succession import Court, succeed
from policies.language.errors import PolicyRefused

AUTHOR, APPROVER, STRANGER = (f"spiffe://x/operator/{n}" for n in ("li", "wang", "zhao"))
START = dt.datetime(2026, 3, 1, 16, 0, tzinfo=dt.UTC)
CODES = load_codes()
TEXTS = load_texts(LIBRARY / "jilin")
GOLDEN = load_golden()
CORE = {place: TEXTS[place] for place in sorted(TEXTS) if place[:6] in (
    "JL-004", "JL-007", "JL-010", "JL-011", "JL-012", "JL-014", "JL-020", "JL-021", "JL-022",
    "JL-040", "JL-041", "JL-042", "JL-050", "JL-093")}  # fmt: skip


def sign(body: bytes, uri: str) -> str:
    return f"{uri}|{len(body)}|{hash(body)}"


def verify(body: bytes, signature: str) -> str:
    """A stand-in with the port's promise; the real one is proven in tests/certs and below."""
    uri = signature.split("|")[0]
    if sign(body, uri) != signature:
        raise Unproven(FaultCode.SIGNATURE_INVALID, "the signature does not prove these bytes")
    return uri


def court() -> Court:
    return Court(verify=verify, officers={AUTHOR, APPROVER}, codes=CODES, golden=GOLDEN,
                 building=building)  # fmt: skip


def body(texts: Mapping[str, str] = CORE, **changes: Any) -> bytes:
    values: dict[str, Any] = {"revision": 1, "previous": "", "not_before": START, "author": AUTHOR}
    return compose(texts, CODES, **(values | changes))


def sealed(raw: bytes, *signers: str) -> bytes:
    return seal(raw, [sign(raw, uri) for uri in signers or (AUTHOR, APPROVER)])


def succeeded(raw: bytes, bundle: Bundle | None = None, book: Book | None = None) -> Any:
    return finished(succeed(raw, court(), bundle, book))


def test_a_book_signed_by_two_officers_takes_effect_at_its_moment() -> None:
    found = succeeded(sealed(body()))
    assert found.bundle.revision == 1 and found.bundle.approver == APPROVER
    assert not found.due(START - dt.timedelta(seconds=1)) and found.due(START)
    assert found.book.revision == load_core().revision


def load_core() -> Book:
    return finished(building(CORE, CODES))


@pytest.mark.parametrize(
    ("signers", "says"),
    [
        ((AUTHOR,), "found 1 signatures"),
        ((AUTHOR, APPROVER, AUTHOR), "found 3 signatures"),
        ((AUTHOR, AUTHOR), "author and approver are one"),
        ((AUTHOR, STRANGER), "may not sign policies"),
        ((APPROVER, AUTHOR), "the first signature is not the author's"),
    ],
)
def test_anything_but_the_author_and_another_officer_is_refused(
    signers: tuple[str, ...], says: str
) -> None:
    with pytest.raises(BundleRefused, match=says):
        succeeded(sealed(body(), *signers))


def test_a_stripped_or_altered_bundle_is_refused() -> None:
    raw = body()
    whole = json.loads(sealed(raw))
    altered = raw.replace(b'"revision":1', b'"revision":2')
    for fields, says in (
        ({"bundle": whole["bundle"]}, "is not a signed"),
        (whole | {"signatures": []}, "found 0"),
        (whole | {"signatures": [1, 2]}, "is text"),
        (whole | {"bundle": altered.decode()}, "proves nothing"),
        (whole | {"more": 1}, "is not a signed"),
    ):
        with pytest.raises(BundleRefused, match=says):
            succeeded(json.dumps(fields).encode())
    for bytes_ in (b"", b"[]", b"\xff", b'{"bundle":1,"bundle":2}', b"[" * 100_000):
        with pytest.raises(BundleRefused):
            succeeded(bytes_)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"kind":"policy_book"', '"kind":"feed"', "fields are missing"),
        ('"revision":1', '"revision":0', "begin with 1"),
        ('"revision":1', '"revision":true', "another type"),
        ('"revision":1', '"revision": 1', "canonical"),
        ('"revision":1', '"revision":1.0', "no whole number"),
        ('"previous":""', '"previous":"00"', "the book before it is not here"),
        ("2026-03-01T16:00:00+00:00", "2026-03-01T16:00:00", "no UTC moment"),
        ('"schema":"', '"schema":"0', "its facts are not this program's"),
        ('"codes":"', '"codes":"0', "code lists are not this program's"),
    ],
)
def test_even_signed_a_body_that_is_wrong_is_refused(old: str, new: str, says: str) -> None:
    raw = body().decode()
    assert raw.count(old) == 1
    with pytest.raises(BundleRefused, match=says):
        succeeded(sealed(raw.replace(old, new).encode()))


@pytest.mark.slow
def test_revisions_only_rise_and_each_names_the_one_before() -> None:
    first = succeeded(sealed(body()))
    again = sealed(body(revision=1, previous=first.bundle.digest))
    other = sealed(body(revision=2, previous="0" * 64))
    for raw, says in ((again, "does not follow"), (other, "not written after")):
        with pytest.raises(BundleRefused, match=says):
            succeeded(raw, first.bundle, first.book)
    second = succeeded(
        sealed(body(revision=2, previous=first.bundle.digest)), first.bundle, first.book
    )
    with pytest.raises(BundleRefused, match="does not follow 2"):
        succeeded(sealed(body()), second.bundle, second.book)


def test_a_signed_book_whose_own_tests_fail_is_refused() -> None:
    broken = CORE | {"JL-042.toml": TEXTS["JL-042.toml"].replace('"1000.00"', '"900.00"', 1)}
    with pytest.raises(PolicyRefused, match=r"JL-042\.toml"):
        succeeded(sealed(body(broken)))


def test_a_book_that_no_longer_stops_a_golden_case_is_refused_by_name() -> None:
    less = {place: text for place, text in CORE.items() if place != "JL-042.toml"}
    with pytest.raises(BundleRefused, match="超过一千元一分"):
        succeeded(sealed(body(less)))


@pytest.mark.slow
def test_a_book_that_lets_no_lawful_payment_pass_is_refused() -> None:
    text = TEXTS["JL-004.toml"].replace("missing_elements != []", "missing_elements == []")
    start = text.index("[[test]]")
    tests = '[[test]]\nname="a"\noutcome="block"\n[[test]]\nname="b"\nfacts={missing_elements=["purpose"]}\noutcome="none"\n'  # noqa: E501
    everything = CORE | {"JL-004.toml": text[:start] + tests}
    with pytest.raises(BundleRefused, match="lets no lawful payment pass"):
        succeeded(sealed(body(everything)))


def test_golden_cases_are_all_stopped_by_the_library() -> None:
    assert len(GOLDEN) >= 15
    book = load()
    assert [g.name for g in GOLDEN if not book.decide(g.facts)] == []


def test_the_real_signatures_of_certs_fit_the_port() -> None:
    from certs.authority import Purpose, create_root, create_subordinate, issue, request
    from certs.keys import generate_key
    from certs.signatories import signatories
    from certs.signing.signer import signer
    from certs.trust import Trust

    at = dt.datetime.now(dt.UTC)
    authority = create_subordinate(create_root("Root", at), Purpose.EVIDENCE, "Evidence", at)
    own = {}
    for uri in (AUTHOR, APPROVER):
        key = generate_key()
        own[uri] = signer(issue(authority, request(key, uri), at), key)
    table = signatories([authority.certificate], [(u, s.certificate) for u, s in own.items()])
    trust = Trust(table, own[AUTHOR])
    raw = body()
    good = seal(raw, [own[AUTHOR].document(raw), own[APPROVER].document(raw)])
    assert proven(good, trust.verify_document, {AUTHOR, APPROVER}).approver == APPROVER
    forged = seal(raw, [own[AUTHOR].document(raw), own[APPROVER].document(raw + b" ")])
    with pytest.raises(BundleRefused, match="proves nothing"):
        proven(forged, trust.verify_document, {AUTHOR, APPROVER})


def facts(**changes: Any) -> Facts:
    return Facts(**(CASES["authorized_transfer"] | changes))


OWN = {"payee_account_class": AccountClass.REAL_FUND, "payee_relation": Relation.OWN}


async def test_a_swap_is_one_reference_and_a_failed_reload_leaves_the_old_book() -> None:
    shelf = Bookshelf(load_core())
    port: BookPort = shelf
    before = port.revision
    with pytest.raises(BundleRefused):
        shelf.replace((await in_turns(succeed(b"{}", court(), None, None))).book)
    assert port.revision == before and port.decide(facts(**OWN))
    less = {p: t for p, t in CORE.items() if p != "JL-093.toml"}
    steps, decided = building(less, CODES), 0

    async def payments() -> None:
        nonlocal decided
        while True:
            assert port.decide(facts()) == ()
            decided += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(payments())
    shelf.replace(await in_turns(steps))
    running.cancel()
    assert decided > 20 and port.revision != before and shelf.current.units


def test_the_last_good_book_is_kept_whole_on_disk(tmp_path: Path) -> None:
    store = BookStore(tmp_path / "books")
    assert store.last() is None
    first, second = sealed(body()), sealed(body(revision=2, previous="0" * 64))
    store.keep(first, 1)
    store.keep(second, 2)
    assert store.last() == second
    assert sorted(p.name for p in (tmp_path / "books").iterdir()) == [
        "book-000001.json",
        "book-000002.json",
    ]
    (tmp_path / "books" / ".book-000003.json.half").write_bytes(b"{")
    assert BookStore(tmp_path / "books").last() == second
    with pytest.raises(FileExistsError):
        store.keep(first, 2)


def finding(policy: str, action: Action = Action.BLOCK) -> Finding:
    return Finding(policy=policy, revision=1, article="9", light=Light.RED, action=action,
                   title_zh="", title_en="", reason_zh="理由", reason_en="why")  # fmt: skip


def test_a_policy_that_blocks_more_than_its_share_is_tripped_once() -> None:
    breaker = Breaker(BreakerRules(share_percent=30, decisions_least=10, span_s=300))
    trips: list[Trip] = []
    for n in range(20):
        trips += breaker.observe([finding("JL-020")] if n % 3 == 0 else [], now=float(n))
    assert [t.policy for t in trips] == ["JL-020"] and set(breaker.tripped) == {"JL-020"}
    assert trips[0].blocked * 100 > trips[0].decisions * 30 and trips[0].decisions >= 10


@pytest.mark.parametrize(("every", "expected"), [(4, False), (3, True)])
def test_both_sides_of_the_share(every: int, expected: bool) -> None:
    breaker = Breaker(BreakerRules(share_percent=30, decisions_least=12, span_s=1e9))
    for n in range(120):
        breaker.observe([finding("JL-020")] if n % every == every - 1 else [], now=0.0)
    assert bool(breaker.tripped) is expected


def test_old_decisions_are_forgotten_and_holds_are_not_counted() -> None:
    breaker = Breaker(BreakerRules(share_percent=30, decisions_least=10, span_s=300))
    for _ in range(9):
        breaker.observe([finding("JL-020")], now=0.0)
    for n in range(12):
        breaker.observe([finding("JL-050", Action.HOLD)], now=301.0 + n)
    assert not breaker.tripped
    assert breaker.observe([finding("JL-020")], now=402.0) == ()


def test_a_tripped_policy_holds_says_so_calls_a_person_and_is_named_in_the_revision() -> None:
    called: list[Trip] = []
    now = 0.0
    book = load_core()
    shelf = Bookshelf(
        book, breaker=Breaker(BreakerRules(decisions_least=5)), monotonic=lambda: now,
        alarm=called.append,
    )  # fmt: skip
    answers = [shelf.decide(facts(**OWN))[0].action for _ in range(8)]
    assert answers[:4] == [Action.BLOCK] * 4 and answers[4:] == [Action.HOLD] * 4
    (held,) = shelf.decide(facts(**OWN))
    assert "暂转挂起" in held.reason_zh and held.light is Light.ORANGE
    assert [t.policy for t in called] == ["JL-020"]
    assert shelf.revision == f"{book.revision}~JL-020"
    shelf.replace(load_core())
    assert shelf.tripped, "the same policy in a new book stays tripped"
    shelf.reset("JL-020")
    assert shelf.decide(facts(**OWN))[0].action is Action.BLOCK
    assert shelf.revision == book.revision


def test_a_changed_policy_blocks_again() -> None:
    shelf = Bookshelf(load_core(), breaker=Breaker(BreakerRules(decisions_least=3)))
    for _ in range(3):
        shelf.decide(facts(**OWN))
    assert shelf.tripped
    newer = re.sub(r"(?m)^revision = [0-9]+", "revision = 99", TEXTS["JL-020.toml"])
    shelf.replace(finished(building(CORE | {"JL-020.toml": newer}, CODES)))
    assert not shelf.tripped


@pytest.mark.slow
def test_a_window_that_means_something_else_needs_another_name() -> None:
    window = '[window.n]\nkey = ["agency.code"]\nwhere = \'payee.is_basic\'\nmeasure = "count"\ndays = 5\ncounts = ["passed"]\n'  # noqa: E501
    text = TEXTS["JL-093.toml"].replace("[when]", window + "[when]", 1)
    reason = text.index("[reason]")
    text = text[:reason] + text[reason:].replace('zh = "', 'zh = "{window.n}', 1)
    first = succeeded(sealed(body(CORE | {"JL-093.toml": text})))
    follow = {"revision": 2, "previous": first.bundle.digest}
    longer = text.replace("days = 5", "days = 9").replace("revision = 3", "revision = 4", 1)
    longer = CORE | {"JL-093.toml": longer}
    assert succeeded(sealed(body(longer, **follow)), first.bundle, first.book)
    other = CORE | {"JL-093.toml": text.replace("'payee.is_basic'", "'!payee.is_basic'")}
    with pytest.raises(BundleRefused, match=r"JL-093\.n means something else"):
        succeeded(sealed(body(other, **follow)), first.bundle, first.book)


@pytest.mark.slow
def test_a_policy_that_changed_has_a_higher_revision() -> None:
    """A release overrides `JL-093/3`: of another content under that name nobody had decided."""
    first = succeeded(sealed(body()))
    follow = {"revision": 2, "previous": first.bundle.digest}
    assert succeeded(sealed(body(**follow)), first.bundle, first.book), "nothing changed"
    text = TEXTS["JL-093.toml"]
    assert "revision = 3\n" in text
    other = text.replace('zh = "', 'zh = "又', 1)
    assert other != text
    for revision in ("3", "2"):
        stale = other.replace("revision = 3\n", f"revision = {revision}\n", 1)
        with pytest.raises(BundleRefused, match=rf"JL-093 .* revision {revision} is not above"):
            succeeded(
                sealed(body(CORE | {"JL-093.toml": stale}, **follow)), first.bundle, first.book
            )
    risen = CORE | {"JL-093.toml": other.replace("revision = 3\n", "revision = 4\n", 1)}
    assert succeeded(sealed(body(risen, **follow)), first.bundle, first.book)


def test_softening_touches_nothing_else() -> None:
    row = attrs.evolve(finding("JL-050", Action.HOLD))
    from policies.book.breaker import softened

    assert softened(row) is row

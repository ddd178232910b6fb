"""A signed book that the bureau hands over is proven as a file is, and in force at its moment."""

import gc
import json

import attrs
import orjson
import pytest

from gateway.domain.faults import FaultCode, Unproven, Unreadable
from gateway.domain.instruction import Received
from gateway.policy_books.signing import bench_of
from gateway.policy_books.store import BookStore
from gateway.serving.policy_feed import BookArchive
from gateway.web.policies import PolicyCounter
from policies.book.bundle import compose, open_sealed, read_bundle, seal
from tests.pipeline.fakes import NOW
from tests.workers.test_renew import CODES, LI, TEXTS, WANG, ZHAO, Bureau, bureau, newer

__all__ = ["bureau"]

HANDS_OVER = "spiffe://treasury.test/bureau/220000000"


def counter(bureau: Bureau) -> PolicyCounter:
    archive = BookArchive(bureau.store, bench_of(bureau.trust, bureau.chosen.officers))
    gate = bureau.street.line._rooms.gatekeeper
    return PolicyCounter(archive, gate, bureau.clock, frozenset({HANDS_OVER}))


def handed(sealed: bytes, party: str = HANDS_OVER) -> Received:
    return Received(raw=sealed, format="json", signature="s", party=party)


def following(bureau: Bureau, first: bytes, texts: dict[str, str], **changes: object) -> bytes:
    before = read_bundle(open_sealed(first)[0])
    body = compose(
        texts, CODES, revision=before.revision + 1, previous=before.digest, not_before=NOW,
        author=LI,
    )  # fmt: skip
    signers = changes.get("signers", (LI, WANG))
    return seal(body, [bureau.signers[uri].document(body) for uri in signers])  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_a_book_handed_over_takes_over_at_the_next_look(bureau: Bureau) -> None:
    first = bureau.sealed(1)
    bureau.store.keep(first, 1)
    await bureau.open()
    old, second = bureau.books.revision, following(bureau, first, newer("JL-050"))
    told = orjson.loads(await counter(bureau).take(handed(second), {}))
    assert (told["kind"], told["version"]) == ("policies", 2) and gc.isenabled()
    assert bureau.books.revision == old, "it is not put in force by the door"
    assert await bureau.worker.look() and bureau.books.revision != old
    again = orjson.loads(await counter(bureau).take(handed(second), {}))
    assert again == told


@pytest.mark.slow
async def test_a_first_book_may_come_this_way_too(bureau: Bureau) -> None:
    first = bureau.sealed(1)
    bureau.store.keep(first, 1)
    await bureau.open()
    empty = BookStore(bureau.store._folder / "elsewhere")
    archive = BookArchive(empty, bench_of(bureau.trust, bureau.chosen.officers))
    book, new = await archive.take(first)
    assert new and book.revision == 1 and empty.last() == first


@pytest.mark.slow
async def test_what_is_not_proven_changes_nothing_and_says_why(bureau: Bureau) -> None:
    first = bureau.sealed(1)
    bureau.store.keep(first, 1)
    await bureau.open()
    failing = TEXTS | {"JL-042.toml": TEXTS["JL-042.toml"].replace('"1000.01"', '"900.01"', 1)}
    good = following(bureau, first, newer("JL-050"))
    tampered = json.loads(good)
    tampered["bundle"] = tampered["bundle"].replace("JL-050", "JL-051", 1)
    for sealed, why in (
        (b"{}", "not a signed policy book"),
        (following(bureau, first, newer("JL-050"), signers=(LI, ZHAO)), "zhao may not sign"),
        (following(bureau, first, newer("JL-050"), signers=(LI, LI)), "are one"),
        (json.dumps(tampered).encode(), "proves nothing"),
        (bureau.sealed(2), "not written after"),
        (following(bureau, first, failing), "do not hold"),
    ):
        with pytest.raises(Unreadable) as refused:
            await counter(bureau).take(handed(sealed), {})
        assert refused.value.code is FaultCode.FEED_INVALID and why in refused.value.detail
        assert gc.isenabled()
    assert bureau.store.last() == first
    with pytest.raises(Unreadable) as refused:
        await counter(bureau).take(handed(following(bureau, first, failing)), {})
    assert any("JL-042" in error.field for error in refused.value.errors)


@pytest.mark.parametrize(
    "party",
    ["spiffe://treasury.test/agency/220000000/101001", "spiffe://treasury.test/bureau/220100000"],
)
async def test_only_a_bureau_of_this_gateway_hands_one_over(bureau: Bureau, party: str) -> None:
    first = bureau.sealed(1)
    bureau.store.keep(first, 1)
    await bureau.open()
    with pytest.raises(Unproven):
        await counter(bureau).take(handed(following(bureau, first, newer("JL-050")), party), {})
    assert attrs.asdict(read_bundle(open_sealed(bureau.store.last() or b"")[0]))["revision"] == 1

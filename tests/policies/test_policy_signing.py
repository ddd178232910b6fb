"""Two officers and a gateway at the terminal: a book is drafted, approved, activated, refused."""

import datetime as dt
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import (
    generate_key,
    load_signer,
    new_passphrase,
    save_certificates,
    save_key,
)
from certs.registrar import facts_of
from certs.revocation import make_list
from certs.trust import load_trust
from gateway.configured.keys import trust_of
from gateway.domain.certificates import Reason, Revocation
from gateway.examining.finding import State
from gateway.examining.policies import policies
from gateway.policy_books.reload import Reloader
from gateway.policy_books.signing import (
    Bench,
    Officer,
    activate,
    approve_draft,
    bench_of,
    draft,
    standing,
)
from gateway.policy_books.store import BookStore
from gateway.serving.policy_feed import BookArchive
from policies.book.bundle import BundleRefused
from policies.book.load import LIBRARY, load
from policies.book.shelf import Bookshelf
from policies.language.errors import PolicyRefused

NOW = dt.datetime.now(dt.UTC)
URIS = {name: f"spiffe://x/operator/{name}" for name in ("li", "wang", "zhao", "gateway")}
NOWHERE = "postgresql://127.0.0.1:1/none"


@pytest.fixture
def office(tmp_path: Path) -> dict[str, Officer]:
    authority = create_subordinate(create_root("Root", NOW), Purpose.EVIDENCE, "Evidence", NOW)
    save_certificates(tmp_path / "authority.pem", [authority.certificate])
    (tmp_path / "parties").mkdir()
    (tmp_path / "none.crl").write_bytes(make_list(authority, [], 1, NOW).pem)
    found = {}
    for name, uri in URIS.items():
        key, passphrase = generate_key(), new_passphrase()
        certificate = issue(authority, request(key, uri), NOW)
        save_certificates(tmp_path / "parties" / f"{name}.pem", [certificate])
        save_key(tmp_path / f"{name}.key", key, passphrase)
        found[name] = Officer(
            certificate=tmp_path / "parties" / f"{name}.pem",
            key=tmp_path / f"{name}.key",
            passphrase=passphrase,
        )
        ended = facts_of(certificate)
        revoked = Revocation(
            issuer=ended.issuer, serial=ended.serial, thumbprint=ended.thumbprint, at=NOW,
            reason=Reason.KEY_COMPROMISE,
        )  # fmt: skip
        (tmp_path / f"{name}.crl").write_bytes(make_list(authority, [revoked], 2, NOW).pem)
    shutil.copytree(LIBRARY / "jilin", tmp_path / "policies")
    return found


def bench(place: Path, office: dict[str, Officer], officers: Sequence[str] = ("li", "wang")):  # type: ignore[no-untyped-def]
    own = office["gateway"]
    signer = load_signer(own.certificate, own.key, own.passphrase)
    trust = load_trust(place / "authority.pem", place / "parties", signer)
    return bench_of(trust, [URIS[name] for name in officers])


@pytest.mark.slow
def test_a_book_is_drafted_approved_activated_and_followed(
    tmp_path: Path, office: dict[str, Officer]
) -> None:
    judges, store = bench(tmp_path, office), BookStore(tmp_path / "store")
    first = tmp_path / "first.json"
    draft(tmp_path / "policies", first, office["li"], None, NOW)
    with pytest.raises(BundleRefused, match="found 1 signatures"):
        activate(first, store, judges)
    assert store.last() is None
    with pytest.raises(BundleRefused, match="may not approve"):
        approve_draft(first, office["li"])
    approve_draft(first, office["wang"])
    assert activate(first, store, judges).bundle.revision == 1
    with pytest.raises(BundleRefused, match="does not follow"):
        activate(first, store, judges)

    second = tmp_path / "second.json"
    next(iter((tmp_path / "policies").glob("JL-093.toml"))).unlink()
    draft(tmp_path / "policies", second, office["wang"], first, NOW)
    approve_draft(second, office["li"])
    with pytest.raises(BundleRefused, match="凭证过期"):
        activate(second, store, judges)
    kept = store.last()
    assert kept == first.read_bytes()
    assert standing(kept, judges).bundle.revision == 1


@pytest.mark.slow
def test_who_is_no_officer_here_signs_in_vain(tmp_path: Path, office: dict[str, Officer]) -> None:
    file = tmp_path / "book.json"
    draft(tmp_path / "policies", file, office["li"], None, NOW)
    approve_draft(file, office["wang"])
    for officers in (("li",), ("wang", "gateway"), ()):
        with pytest.raises(BundleRefused, match="may not sign policies"):
            activate(file, BookStore(tmp_path / "store"), bench(tmp_path, office, officers))


@pytest.mark.slow
async def test_an_officer_whom_the_authority_has_revoked_signs_in_vain_and_doctor_says_so(
    tmp_path: Path, office: dict[str, Officer]
) -> None:
    own, file, store = office["gateway"], tmp_path / "book.json", BookStore(tmp_path / "store")
    draft(tmp_path / "policies", file, office["li"], None, NOW)
    approve_draft(file, office["wang"])
    secrets: Any = SimpleNamespace(passphrase=own.passphrase, database=NOWHERE)
    officers = (URIS["li"], URIS["wang"])

    def settings(lists: str) -> Any:
        parties = SimpleNamespace(
            authority=tmp_path / "authority.pem", folder=tmp_path / "parties",
            revocations=tmp_path / f"{lists}.crl",
        )  # fmt: skip
        chosen = SimpleNamespace(folder=None, books=tmp_path / "store", officers=officers)
        gateway = SimpleNamespace(divisions=("220000000",))
        return SimpleNamespace(parties=parties, policies=chosen, record_key=own, gateway=gateway)

    def court(lists: str) -> Bench:
        return bench_of(trust_of(settings(lists), own.signer()), officers)

    with pytest.raises(BundleRefused, match="revoked"):
        activate(file, store, court("li"))
    assert activate(file, store, court("none")).bundle.revision == 1
    for lists, state in (("none", State.GOOD), ("wang", State.BAD)):
        (found,) = [each async for each in policies(settings(lists), secrets, NOW)]
        assert found.state is state, found.detail


@pytest.mark.slow
async def test_a_book_follows_one_whose_officer_was_revoked_since(
    tmp_path: Path, office: dict[str, Officer]
) -> None:
    """Else nobody could ever sign anew what a revocation leaves without a signature."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    store, officers = BookStore(tmp_path / "store"), ("li", "wang", "zhao")
    draft(tmp_path / "policies", first, office["li"], None, NOW)
    approve_draft(first, office["wang"])
    activate(first, store, bench(tmp_path, office, officers))

    own = office["gateway"]
    signer = load_signer(own.certificate, own.key, own.passphrase)
    lists = tmp_path / "wang.crl"
    trust = load_trust(tmp_path / "authority.pem", tmp_path / "parties", signer, lists)
    judges = bench_of(trust, [URIS[name] for name in officers])
    with pytest.raises(BundleRefused, match="revoked"):
        standing(first.read_bytes(), judges)
    draft(tmp_path / "policies", second, office["li"], None, NOW)
    approve_draft(second, office["zhao"])
    with pytest.raises(BundleRefused, match="does not follow"):
        activate(second, store, judges)
    draft(tmp_path / "policies", second, office["li"], first, NOW)
    approve_draft(second, office["wang"])
    with pytest.raises(BundleRefused, match="revoked"):
        activate(second, store, judges)
    draft(tmp_path / "policies", second, office["li"], first, NOW)
    approve_draft(second, office["zhao"])
    assert activate(second, store, judges).bundle.revision == 2
    (tmp_path / "store" / "book-000002.json").unlink()
    taken, new = await BookArchive(store, judges).take(second.read_bytes())
    assert new and taken.revision == 2, "at the door too"


@pytest.mark.slow
def test_a_book_whose_tests_fail_is_not_even_drafted(
    tmp_path: Path, office: dict[str, Officer]
) -> None:
    policy = tmp_path / "policies" / "JL-042.toml"
    policy.write_text(policy.read_text("utf-8").replace('"1000.00"', '"900.00"', 1), "utf-8")
    with pytest.raises(PolicyRefused):
        draft(tmp_path / "policies", tmp_path / "book.json", office["li"], None, NOW)
    assert not (tmp_path / "book.json").exists()


@pytest.mark.slow
async def test_a_kept_book_takes_effect_at_its_moment_and_a_broken_one_is_passed_over(
    tmp_path: Path, office: dict[str, Officer]
) -> None:
    judges, store = bench(tmp_path, office), BookStore(tmp_path / "store")
    shipped = load()
    shelf = Bookshelf(shipped)
    reloader = Reloader(shelf, store, judges)
    assert not await reloader.look(NOW) and shelf.current is shipped

    first, second = tmp_path / "first.json", tmp_path / "second.json"
    later = NOW.replace(microsecond=0) + dt.timedelta(days=1)
    draft(tmp_path / "policies", first, office["li"], None, NOW)
    approve_draft(first, office["wang"])
    activate(first, store, judges)
    policy = tmp_path / "policies" / "JL-093.toml"
    policy.write_text(re.sub(r"(?m)^revision = .*", "revision = 99", policy.read_text()), "utf-8")
    draft(tmp_path / "policies", second, office["wang"], first, later)
    approve_draft(second, office["li"])
    activate(second, store, judges)

    assert await reloader.look(NOW) and reloader.bundle and reloader.bundle.revision == 1
    assert not await reloader.look(NOW)
    assert await reloader.look(later) and reloader.bundle.revision == 2
    assert shelf.revision != shipped.revision

    broken = store.last()
    assert broken is not None
    store.keep(broken.replace(b"99", b"98"), 3)
    fresh = Reloader(Bookshelf(shipped), store, judges)
    assert await fresh.look(later) and fresh.bundle and fresh.bundle.revision == 2
    assert "proves nothing" in fresh.problem

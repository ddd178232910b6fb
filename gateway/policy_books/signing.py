"""`policy sign` and `policy activate`: two officers sign a book, a gateway takes it."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import attrs

from certs.keys import load_signer
from certs.signing.signer import Signer
from certs.trust import Trust
from gateway.policy_books.store import BookStore
from policies.book.bundle import Bundle, BundleRefused, compose, open_sealed, proven, read_bundle
from policies.book.bundle import seal as sealed_of
from policies.book.load import building, load_codes, load_golden, load_texts
from policies.book.steps import finished
from policies.book.succession import Court, Successor, check_revisions, succeed


@attrs.frozen(kw_only=True)
class Officer:
    """Who signs: a certificate of the evidence authority and its key."""

    certificate: Path
    key: Path
    passphrase: bytes

    def signer(self) -> Signer:
        return load_signer(self.certificate, self.key, self.passphrase)


def draft(
    folder: Path, out: Path, officer: Officer, after: Path | None, not_before: dt.datetime
) -> Bundle:
    """Write a book with its author's signature alone; it takes effect nowhere yet.

    `after` is the signed book it follows. Raises PolicyRefused if the policies' own tests fail,
    BundleRefused, ValueError, OSError.
    """
    texts, codes = load_texts(folder), load_codes()
    book = finished(building(texts, codes))
    before = read_bundle(open_sealed(after.read_bytes())[0]) if after else None
    if before:  # here already, before two officers have signed what a gateway refuses
        check_revisions(finished(building(before.policies, codes)), book)
    signer = officer.signer()
    body = compose(
        texts,
        codes,
        revision=before.revision + 1 if before else 1,
        previous=before.digest if before else "",
        not_before=not_before,
        author=signer.uri,
    )
    out.write_bytes(sealed_of(body, [signer.document(body)]))
    return read_bundle(body)


def approve_draft(file: Path, officer: Officer) -> Bundle:
    """Add the second officer's signature to a draft, over the very bytes the author signed."""
    body, signatures = open_sealed(file.read_bytes())
    if len(signatures) != 1:
        raise BundleRefused(
            f"草稿应有一个签名，却有 {len(signatures)} 个",
            f"a draft has one signature, found {len(signatures)}",
        )
    bundle, signer = read_bundle(body), officer.signer()
    if signer.uri == bundle.author:
        raise BundleRefused("起草人不能审批自己的规则簿", "the author may not approve")
    file.write_bytes(sealed_of(body, [*signatures, signer.document(body)]))
    return bundle


@attrs.frozen(kw_only=True)
class Bench:
    """What bundles are judged by on this machine."""

    arriving: Court
    """Officers' certificates must be valid now."""
    kept: Court
    """For books accepted in their time: expired certificates count, revoked ones do not."""


def bench_of(trust: Trust, officers: Sequence[str]) -> Bench:
    arriving = Court(
        verify=lambda body, jws: trust.verify_document(body, jws, dt.datetime.now(dt.UTC)),
        officers=frozenset(officers),
        codes=load_codes(),
        golden=load_golden(),
        building=building,
    )
    return Bench(arriving=arriving, kept=attrs.evolve(arriving, verify=trust.verify_document))


def activate(file: Path, store: BookStore, bench: Bench) -> Successor:
    """Prove a signed book against the last one kept, and keep it.

    Raises BundleRefused, PolicyRefused, OSError; then nothing is kept and the old book stays.
    """
    sealed, last = file.read_bytes(), store.last()
    bundle = predecessor(last) if last else None
    book = finished(building(bundle.policies, bench.kept.codes)) if bundle else None
    successor = finished(succeed(sealed, bench.arriving, bundle, book))
    store.keep(sealed, successor.bundle.revision)
    return successor


def predecessor(sealed: bytes) -> Bundle:
    """The last book kept, as what a successor must follow. It needs no proof for that: both
    officers of the successor have signed its digest, and whoever has signed it may be revoked by
    now (decision 0115). Raises BundleRefused."""
    return read_bundle(open_sealed(sealed)[0])


def standing(sealed: bytes, bench: Bench) -> Successor:
    """The last good book, read again from disk: proven and built, its order taken as given."""
    bundle = proven(sealed, bench.kept.verify, bench.kept.officers)
    return Successor(bundle=bundle, book=finished(building(bundle.policies, bench.kept.codes)))

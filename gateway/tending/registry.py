"""The registry of certificates, as an officer works with it: acts signed, checked, on record."""

import datetime as dt
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs

from adapters.postgres.certificates.cases import Decision, PostgresCertificates
from certs.authority import Authority, Purpose, adopt, create_root, create_subordinate, issue
from certs.certified import Certificate
from certs.keys import load_certificates, load_key, save_certificates, save_sealed
from certs.registrar import (
    Rules,
    check_request,
    check_step,
    facts_of,
    imported,
    issue_for,
    read_order,
)
from certs.revocation import identity_of, make_list
from certs.signing.signer import Signer
from gateway.configured.keys import trust_of
from gateway.domain.certificates import (
    Case,
    Issued,
    MoveRefused,
    Order,
    Profile,
    Reason,
    Revocation,
    RevocationList,
    State,
    Step,
)
from gateway.domain.faults import Unproven
from gateway.domain.records import canonical
from gateway.pipeline.tell import Origin, microseconds
from gateway.pipeline.tell_keys import KeyTeller
from gateway.settings import Settings

ID_BYTES = 6


@attrs.frozen(kw_only=True)
class Act:
    """What an officer wants done to a case."""

    to: State
    note: str = ""
    authority: Authority | None = None
    """Signs the certificate, when `to` is ISSUED."""
    certificate: Certificate | None = None
    """Or: what another authority has signed."""
    reason: Reason = Reason.UNSPECIFIED
    """When `to` is REVOKED."""


class Registry:
    """One officer at work."""

    def __init__(
        self, settings: Settings, officer: Signer, store: PostgresCertificates,
        now: Callable[[], dt.datetime],
    ) -> None:  # fmt: skip
        self._settings = settings
        self._officer = officer
        self._store = store
        self._now = now
        origin = Origin(bank=settings.gateway.bank_code, uri=settings.gateway.uri)
        self._domain = origin.trust_domain
        self._teller = KeyTeller(origin=origin, divisions=settings.gateway.divisions)

    async def ask(self, pem: bytes, profile: Profile, replaces: str | None = None) -> Case:
        """Open a case. Raises MoveRefused with everything that is against it."""
        at, id = self._now(), secrets.token_hex(ID_BYTES)
        order = read_order(id, profile, pem, self._officer.uri, at, replaces)

        def judge(cases: list[Case], ended: list[Revocation]) -> Decision:
            step = self._step(order, State.REQUESTED, at, "", ended)
            case = Case(order=order, steps=(step,))
            check_request(case, self._rules([*cases, case], ended), at)
            records = self._teller.step(order, step, None)
            return Decision(step=step, order=order, records=records)

        decision = await self._store.decide(id, judge)
        return Case(order=order, steps=(decision.step,))

    async def act(self, id: str, act: Act) -> Case:
        """Take a case one step further. Raises MoveRefused with everything that is against it."""
        at = self._now()
        kept: list[Case] = []

        def judge(cases: list[Case], ended: list[Revocation]) -> Decision:
            case = _of(cases, id)
            if act.to in (State.APPROVED, State.ISSUED):
                self._check_steps(case, ended)
            step = self._step(case.order, act.to, at, act.note, ended)
            check_step(case, act.to, step.actor, self._rules(cases, ended), at)
            issued = self._issued(case, act, at)
            done = attrs.evolve(case, steps=(*case.steps, step), issued=case.issued or issued)
            kept.append(done)
            return Decision(
                step=step,
                issued=issued,
                revocation=_revocation(done, act, at),
                records=self._teller.step(case.order, step, done.issued),
            )

        await self._store.decide(id, judge)
        return kept[0]

    async def case_of(self, certificate: Certificate) -> Case | None:
        """The case that this certificate came of; None where another authority's desk issued it, or
        a ceremony."""
        thumbprint = facts_of(certificate).thumbprint
        cases = await self._store.cases()
        issued = [case for case in cases if case.issued and case.issued.thumbprint == thumbprint]
        return issued[0] if issued else None

    async def revoke_foreign(self, certificate: Certificate, reason: Reason) -> bool:
        """Revoke a certificate that no case stands for. Raises MoveRefused."""
        # Every party has a proven key; only an officer's ends a certificate for good.
        actor = self._prove(b"", self._officer.document(b""), await self._store.revocations())
        if actor not in self._settings.certs.officers:
            raise MoveRefused([f"{actor} is not one of the officers (certs.officers)"])
        facts = facts_of(certificate)
        ended = Revocation(
            issuer=facts.issuer, serial=facts.serial, thumbprint=facts.thumbprint,
            at=self._now(), reason=reason,
        )  # fmt: skip
        records = self._teller.revocation(ended, self._officer.uri)
        return await self._store.revoke_foreign(ended, self._officer.uri, records)

    async def publish_list(self, authority: Authority) -> RevocationList:
        """A new list of all that `authority` has revoked."""
        issuer = identity_of(authority.certificate)
        before = {each.issuer: each.number for each in await self._store.lists()}
        made = make_list(
            authority, await self._store.revocations(), before.get(issuer, 0) + 1, self._now()
        )
        await self._store.add_list(made, self._teller.list(made))
        return made

    def _issued(self, case: Case, act: Act, at: dt.datetime) -> Issued | None:
        if act.to is not State.ISSUED:
            return None
        if act.certificate is not None:
            authorities = (
                *load_certificates(self._settings.tls.authority),
                *load_certificates(self._settings.parties.authority),
            )
            return imported(case.order, act.certificate, authorities)
        if act.authority is None:
            raise MoveRefused(["no authority is here to sign it"])
        self._check_believed(act.authority)
        return issue_for(case.order, act.authority, at)

    def _check_believed(self, authority: Authority) -> None:
        """Of two folders of authorities, or of two purposes, the wrong one signs as readily: what
        it signs is told here and not by whoever refuses it at a handshake."""
        transport = authority.purpose is Purpose.TRANSPORT
        name = "tls.authority" if transport else "parties.authority"
        file = self._settings.tls.authority if transport else self._settings.parties.authority
        if authority.certificate not in load_certificates(file):
            raise MoveRefused([f"the authority that would sign does not stand in {name} ({file})"])

    def _step(
        self, order: Order, to: State, at: dt.datetime, note: str, ended: list[Revocation]
    ) -> Step:
        """Signed by the officer over what exactly is decided, and proven like a stranger's."""
        act = _act_bytes(order, to, self._officer.uri, at, note)
        signature = self._officer.document(act)
        actor = self._prove(act, signature, ended)
        return Step(state=to, at=at, actor=actor, act=act, signature=signature, note=note)

    def _check_steps(self, case: Case, ended: list[Revocation]) -> None:
        """What others did before is theirs only by their own signature: a row alone is the word of
        whoever has the database's rights. Raises MoveRefused."""
        trust = trust_of(self._settings, self._officer, ended)
        for step in case.steps:
            said = _act_bytes(case.order, step.state, step.actor, step.at, step.note)
            try:
                proven = said == step.act and (
                    trust.verify_document(step.act, step.signature) == step.actor
                )
            except Unproven:
                proven = False
            if not proven:
                words = f"{step.actor} is not proven to have {step.state} it: ask for it anew"
                raise MoveRefused([words])

    def _prove(self, act: bytes, signature: str, ended: list[Revocation]) -> str:
        """Who signed. Raises MoveRefused: unknown, expired, or revoked meanwhile."""
        trust = trust_of(self._settings, self._officer, ended)
        try:
            return trust.verify_document(act, signature, self._now())
        except Unproven as unproven:
            words = f"the officer: {unproven.detail}"
            if self._officer.thumbprint not in trust.table.by_thumbprint:
                words += "; put the officer's certificate into parties.folder first"
            raise MoveRefused([words]) from unproven

    def _rules(self, cases: list[Case], ended: list[Revocation]) -> Rules:
        lost = {
            (each.issuer, each.serial) for each in ended if each.reason is Reason.KEY_COMPROMISE
        }
        return Rules(
            trust_domain=self._domain,
            officers=frozenset(self._settings.certs.officers),
            known=cases,
            lost_keys=frozenset(
                case.order.key_digest for case in cases
                if case.issued and (case.issued.issuer, case.issued.serial) in lost
            ),
        )  # fmt: skip


def _act_bytes(order: Order, to: State, actor: str, at: dt.datetime, note: str) -> bytes:
    """What an officer signs of one step."""
    return canonical(
        {
            "act": to, "actor": actor, "at": microseconds(at), "case": order.id, "note": note,
            "request_sha256": hashlib.sha256(order.request).hexdigest(),
        }
    )  # fmt: skip


@asynccontextmanager
async def opened(settings: Settings, database: str, officer: Signer) -> AsyncIterator[Registry]:
    store = PostgresCertificates(database)
    try:
        yield Registry(settings, officer, store, lambda: dt.datetime.now(dt.UTC))
    finally:
        await store.close()


def hold_ceremony(
    folder: Path, name: str, requests: list[bytes], passphrase: bytes, at: dt.datetime
) -> list[Certificate]:
    """Make root, transport and evidence authority, and sign the first officers' requests.

    Three sealed keys; `root.key` then leaves for the safe. Raises ValueError, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    root = create_root(f"{name} root", at)
    transport = create_subordinate(root, Purpose.TRANSPORT, f"{name} transport", at)
    evidence = create_subordinate(root, Purpose.EVIDENCE, f"{name} evidence", at)
    officers = [issue(evidence, request, at) for request in requests]
    for authority in (root, transport, evidence):
        save_sealed(folder / f"{authority.purpose}.key", authority.key, passphrase)
        save_certificates(folder / f"{authority.purpose}.pem", [authority.certificate])
    return officers


def open_authority(folder: Path, purpose: Purpose, passphrase: bytes) -> Authority:
    """Its key may be a sealed file or in a token. Raises ValueError, OSError."""
    certificate = load_certificates(folder / f"{purpose}.pem")[0]
    return adopt(purpose, certificate, load_key(folder / f"{purpose}.key", passphrase))


def purpose_of(profile: Profile) -> Purpose:
    return Purpose.TRANSPORT if profile.opens_connections else Purpose.EVIDENCE


def _of(cases: list[Case], id: str) -> Case:
    for case in cases:
        if case.order.id == id:
            return case
    raise MoveRefused([f"there is no case {id}"])


def _revocation(case: Case, act: Act, at: dt.datetime) -> Revocation | None:
    if act.to is not State.REVOKED or case.issued is None:
        return None
    return Revocation(
        issuer=case.issued.issuer, serial=case.issued.serial,
        thumbprint=case.issued.thumbprint, at=at, reason=act.reason,
    )  # fmt: skip

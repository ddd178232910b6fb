"""The key ring: certificates, keys, parties and revocations of a running gateway, kept up to date.

Whatever changes in a file or in the registry takes effect while payments go on. What cannot be read
changes nothing: the last good state stays in force, and somebody is told.
"""

import asyncio
import datetime as dt
import os
import secrets as random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import structlog

from adapters.postgres.certificates.cases import PostgresCertificates
from adapters.postgres.certificates.watchbook import PostgresWatchbook
from certs.files import Mark, mark_of
from certs.keys import load_certificates, pem_of
from certs.live import LiveTls, seen_of
from certs.revocation import identity_of, list_number, pem_of_list, read_lists, read_of, serials_of
from certs.signatories import read_anew, signatory
from certs.signing.signer import Signer, holder_of, uri_of
from gateway.configured.keys import record_signer
from gateway.configured.own_names import not_ours
from gateway.domain.certificates import RevocationList, Revoked
from gateway.domain.inventory import Seen
from gateway.pipeline.tell_keys import KeyTeller, key_subject
from gateway.serving.house import House
from gateway.serving.key_trial import KeyTrial
from gateway.settings import Secrets
from gateway.workers.office import Office

PARTIES_SHOWN_MAX = 2_000
LOADED_EVERY = dt.timedelta(minutes=5)
"""How often what is loaded is told while nothing changes."""
ALONE_AFTER_S = 10.0
"""How long a process waits for the office's holder to announce a key that it has in its files."""

GONE = "revocations of the log are gone from the registry; they count all the same"
log = structlog.get_logger()


class KeyRing:
    """`look` once before serving, then again and again (gateway/workers/keys.py)."""

    def __init__(
        self, house: House, secrets: Secrets, tls: LiveTls, office: Office,
        store: PostgresCertificates, watchbook: PostgresWatchbook,
    ) -> None:  # fmt: skip
        self._house = house
        self._secrets = secrets
        self._tls = tls
        self._office = office
        self._store = store
        self._watchbook = watchbook
        self._teller = KeyTeller(origin=house.origin, divisions=house.settings.gateway.divisions)
        self._marks: dict[str, Mark] = {}
        self._listed: frozenset[tuple[str, str]] = frozenset()
        self._loaded_told: dict[str, Mark] = {}
        self._loaded_at = dt.datetime.min.replace(tzinfo=dt.UTC)
        self._trial = KeyTrial(house.clock)
        self._told_key = ""
        self._awaited = "", 0.0
        self._told: dict[str, str] = {}
        self.expel: Callable[[Callable[[object], bool]], int] = lambda _: 0
        """Hangs up on whoever may not stay; set by who wires the listener."""
        self._transport_lists: tuple[RevocationList, ...] = ()
        self.problems: dict[str, str] = {}
        """By what could not be taken up: why."""

    @property
    def lists(self) -> tuple[RevocationList, ...]:
        """Those that are loaded, whoever made them."""
        evidence = self._house.trust.table.lists
        return self._transport_lists + (evidence.read if evidence else ())

    async def look(self) -> None:
        """One turn. Raises LedgerUnavailable; whether our own key has ended is seen before."""
        await self._trial.look(self._house.trust.own)
        self._shut_if_ended()
        await self._take_lists()
        await self._take("tls", self._tls_files(), self._renew_tls)
        await self._take("parties", self._parties_files(), self._renew_parties)
        await self._take_revocations()
        await self._look_at_record_key()
        self._shut_if_ended()
        self._hang_up()

    async def note(self) -> None:
        """Tell the registry what was met, refused and loaded here. Raises LedgerUnavailable."""
        guard = self._tls.guard
        met, refused = guard.taken_notes()
        now = self._house.clock.now()
        if self._loaded_told != self._marks or now - self._loaded_at >= LOADED_EVERY:
            met += self.loaded()
            self._loaded_told, self._loaded_at = dict(self._marks), now
        await self._watchbook.note(met, refused, now)

    def loaded(self) -> list[Seen]:
        """Certificates that this process lives by."""
        chosen = self._house.settings
        found = [
            seen_of(one, place, holder_of(one))
            for place, path in (
                ("tls", chosen.tls.certificate),
                ("transport_authority", chosen.tls.authority),
                ("evidence_authority", chosen.parties.authority),
            )
            for one in _readable(path)
        ]
        own = self._house.trust.own
        found += [seen_of(one.certificate, "record_key", one.uri) for one in own.each]
        parties = list(self._house.trust.table.by_thumbprint.values())[:PARTIES_SHOWN_MAX]
        found += [seen_of(one.certificate, "parties", one.sender.uri) for one in parties]
        return found

    def _tls_files(self) -> tuple[Path | None, ...]:
        chosen = self._house.settings.tls
        return chosen.certificate, chosen.key, chosen.authority, chosen.revocations

    def _parties_files(self) -> tuple[Path | None, ...]:
        chosen = self._house.settings.parties
        return chosen.authority, chosen.folder, chosen.revocations

    async def _take(
        self, what: str, files: tuple[Path | None, ...], renew: Callable[[], Any]
    ) -> None:
        """Read anew what has changed; a refusal is tried again at the next change or turn."""
        mark = mark_of(files)
        if self._marks.get(what) == mark:
            self._solved(what)  # what was away for a moment is back as it was
            return
        first = what not in self._marks
        try:
            await renew()
        except (ValueError, OSError) as error:
            self._problem(what, str(error))
            return
        self._marks[what] = mark
        self._solved(what)
        if not first:
            log.info("keys.renewed", what=what)

    async def _renew_tls(self) -> None:
        chosen = self._house.settings.tls
        authorities = load_certificates(chosen.authority)
        listed: set[tuple[str, str]] = set()
        lists = []
        if chosen.revocations is not None:
            for issuer, crl in read_lists(chosen.revocations.read_bytes(), authorities).items():
                listed |= {(issuer, serial) for serial in serials_of(crl)}
                lists.append(read_of(issuer, crl))
        if words := not_ours(self._house.settings, "tls.certificate", chosen.certificate):
            raise ValueError(words)
        self._tls.take(await asyncio.to_thread(self._tls.prepare))
        if "tls" in self._marks:
            await self._record_loaded(chosen.certificate)
        self._listed, self._transport_lists = frozenset(listed), tuple(lists)

    async def _renew_parties(self) -> None:
        chosen = self._house.settings.parties
        revoked = self._house.trust.table.revoked
        read = partial(read_anew, chosen.authority, chosen.folder, revoked, chosen.revocations)
        # A folder of many thousands takes its time; payments go on meanwhile.
        self._house.trust.replace(await asyncio.to_thread(read))

    async def _take_revocations(self) -> None:
        found = await self._store.revoked()
        if gone := self._store.gone:
            self._problem("revocations", f"{gone} {GONE}")
        else:
            self._solved("revocations")
        guard, trust = self._tls.guard, self._house.trust
        serials = found.serials | self._listed
        if guard.revoked.serials != serials:
            guard.revoked = Revoked(serials=serials, thumbprints=found.thumbprints)
            log.info("revocations.taken", count=len(serials))
        if trust.table.revoked != found.thumbprints:
            trust.replace(attrs.evolve(trust.table, revoked=found.thumbprints))

    def _hang_up(self) -> None:
        guard = self._tls.guard
        now = self._house.clock.now()
        if gone := self.expel(lambda tls: guard.may_stay(tls, now)):
            log.warning("connections.closed", count=gone, reason="certificate ended or revoked")

    async def _take_lists(self) -> None:
        """The newest lists of our authorities into their files: OpenSSL reads lists from files only
        (trap T8). They are proven before they are put there."""
        tls, parties = self._house.settings.tls, self._house.settings.parties
        made = await self._store.lists() if tls.revocations or parties.revocations else []
        for what, file, authority in (
            ("revocation_list", tls.revocations, tls.authority),
            ("evidence_revocation_list", parties.revocations, parties.authority),
        ):
            if file is not None and made:
                self._take_newer(what, file, authority, made)

    def _take_newer(
        self, what: str, file: Path, authority: Path, offered: Sequence[RevocationList]
    ) -> None:
        try:
            authorities = load_certificates(authority)
            ours = {identity_of(each) for each in authorities}
            made = {one.issuer: one for one in offered if one.issuer in ours}
            held = read_lists(file.read_bytes(), authorities)
            newer = [
                one for issuer, one in made.items()
                if issuer not in held or list_number(held[issuer]) < one.number
            ]  # fmt: skip
            if not newer:
                self._solved(what)
                return
            pieces = {issuer: pem_of_list(crl) for issuer, crl in held.items()}
            pieces |= {one.issuer: one.pem for one in newer}
            text = b"".join(pieces.values())
            read_lists(text, authorities)
            _write_whole(file, text)
        except (ValueError, OSError) as error:
            self._problem(what, str(error))
            return
        self._solved(what)
        log.info("revocation_list.taken", numbers=[one.number for one in newer])

    async def _look_at_record_key(self) -> None:
        """A new record key signs once its announcement, sealed under the old one, is acknowledged
        by every bureau: so nobody ever meets a key that was not announced (RECORDS)."""
        chosen = self._house.settings.record_key
        files = (chosen.certificate, chosen.key, chosen.sm2_certificate, chosen.sm2_key)
        mark = mark_of(files)
        own = self._house.trust.own
        if "record_key" not in self._marks:
            self._marks["record_key"] = mark
        if self._marks["record_key"] == mark:
            self._solved("record_key")
            return
        try:
            fresh = await asyncio.to_thread(record_signer, self._house.settings, self._secrets)
            self._check_successor(fresh, own)
        except (ValueError, OSError) as error:
            self._problem("record_key", str(error))
            return
        # Nobody takes an announcement of a key that has ended: the bureau is handed the successor.
        ended = bool(self._unproven())
        same = _thumbprints(fresh) == _thumbprints(own)
        if same or ended or await self._announced(fresh, own):
            self._marks["record_key"] = mark
            self._solved("record_key")
            if not same:
                await self._use(fresh, own)

    def _check_successor(self, fresh: Signer, own: Signer) -> None:
        if fresh.uri != own.uri or fresh.suite != own.suite:
            raise ValueError(f"the new record key is of {fresh.uri} in {fresh.suite}")
        authorities = load_certificates(self._house.settings.parties.authority)
        now = self._house.clock.now()
        for one in fresh.each:
            proven = signatory(authorities, one.certificate)
            if not proven.not_before <= now <= proven.not_after:
                raise ValueError("the new record certificate is not valid now")
            if self._house.trust.table.is_revoked(proven):
                raise ValueError("the new record certificate is revoked")
        known = self._house.trust.table.by_thumbprint
        if any(one.thumbprint not in known for one in own.each):
            raise ValueError(
                "the certificate of the key in use must stay in parties.folder: what it has signed "
                "is proven with it"
            )

    def _unproven(self) -> str:
        """Why what we sign counts nowhere; empty while it does."""
        return self._house.trust.word.against(self._house.clock.now(), "record certificate")

    def _shut_if_ended(self) -> None:
        """What an ended key signs counts nowhere, and one in a token that is away signs nothing: no
        receipt, no record at the bureau. So nothing is decided either (fail closed) until its
        successor is in place, or the token is back."""
        shut, words = self._house.unsigned, self._trial.words or self._unproven()
        if not words:
            if shut:
                log.info("record_key.lives", thumbprint=self._house.trust.own.thumbprint)
            shut.clear()
            return
        if not shut:
            event = "record_key.silent" if self._trial.words else "record_key.ended"
            log.error(event, reason=words)
        shut.update(dict.fromkeys(self._house.settings.gateway.divisions, words))

    async def _announced(self, fresh: Signer, own: Signer) -> bool:
        """Each key that is new, in GW1-SM2-SM3 one of them or both, in a record of its own."""
        acknowledged = {one.division: one.acknowledged_size for one in await self._watchbook.logs()}
        waiting: dict[str, set[str]] = {}
        for one, _ in _changed(fresh, own):
            for division in self._house.settings.gateway.divisions:
                subject = key_subject(one.thumbprint)
                sealed = await self._house.records.evidence(division, subject)
                if not sealed:
                    waiting.setdefault(one.thumbprint, set()).add(division)
                elif sealed[0].record.seq >= acknowledged.get(division, 0):
                    return False
        if waiting and self._announces(_named(fresh)):
            now = self._house.clock.now()
            for one, under in _changed(fresh, own):
                pem = pem_of(one.certificate)
                for division, draft in self._teller.announced(
                    pem, one.thumbprint, under.thumbprint, now
                ):
                    if division in waiting.get(one.thumbprint, ()):
                        await self._house.ledger.record(division, draft)
                log.info("record_key.announced", thumbprint=one.thumbprint)
            self._told_key = _named(fresh)
        return not waiting

    def _announces(self, named: str) -> bool:
        """Once, and the office's holder at once: the other processes mostly share its files. Who
        still waits after a while has a record key of its own host's, and tells of it itself."""
        if self._told_key == named:
            return False
        now = self._house.clock.monotonic()
        if self._awaited[0] != named:
            self._awaited = named, now
        return self._office.held or now - self._awaited[1] >= ALONE_AFTER_S

    async def _use(self, fresh: Signer, own: Signer) -> None:
        self._house.trust.replace(self._house.trust.table, fresh)
        self._house.sealer.sign_with(fresh)
        log.info("record_key.in_use", thumbprint=fresh.thumbprint)
        if self._office.held or self._told_key == _named(fresh):
            now = self._house.clock.now()
            for one, before in _changed(fresh, own):
                for division, draft in self._teller.retired(before.thumbprint, one.thumbprint, now):
                    await self._house.ledger.record(division, draft)

    async def _record_loaded(self, file: Path) -> None:
        """The office's holder records it; the other processes take the same files."""
        if not self._office.held:
            return
        certificate = load_certificates(file)[0]
        serial = f"{certificate.serial_number:x}"
        now = self._house.clock.now()
        for division, draft in self._teller.loaded("tls", uri_of(certificate), serial, now):
            await self._house.ledger.record(division, draft)

    def _solved(self, what: str) -> None:
        self.problems.pop(what, None)
        self._told.pop(what, None)

    def _problem(self, what: str, reason: str) -> None:
        """Told when it stands for two turns: of two files that belong together one comes first."""
        if self.problems.get(what) == reason and self._told.get(what) != reason:
            self._told[what] = reason
            log.error("keys.refused", what=what, reason=reason)
        self.problems[what] = reason


def _readable(path: Path) -> tuple[Any, ...]:
    """Certificates of a file that may be half written at this moment."""
    try:
        return load_certificates(path)
    except (ValueError, OSError):
        return ()


def _changed(fresh: Signer, own: Signer) -> list[tuple[Signer, Signer]]:
    """Keys that are new, each with the one of its suite that it follows."""
    pairs = zip(fresh.each, own.each, strict=True)
    return [(one, before) for one, before in pairs if one.thumbprint != before.thumbprint]


def _named(signer: Signer) -> str:
    return "+".join(_thumbprints(signer))


def _thumbprints(signer: Signer) -> tuple[str, ...]:
    return tuple(one.thumbprint for one in signer.each)


def _write_whole(file: Path, content: bytes) -> None:
    draft = file.with_name(f".{file.name}.{random.token_hex(4)}")
    try:
        with draft.open("wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)

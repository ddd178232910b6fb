"""The bureau's certificates, keys and parties, kept up to date while it receives.

What cannot be read changes nothing: the last good state stays in force, and somebody is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import attrs
import structlog

from certs.files import Mark, mark_of, save_new
from certs.keys import load_certificates, pem_of, read_certificate
from certs.live import LiveTls
from certs.revocation import revoked_in
from certs.signatories import read_anew, signatory
from certs.signing.signer import Signer, uri_of
from certs.trust import Trust
from gateway.domain.certificates import Revoked
from gateway.domain.faults import StoreUnavailable

LOOK_S = 0.5

_log = structlog.get_logger("bureau.keys")


@attrs.frozen(kw_only=True)
class KeyFiles:
    tls: tuple[Path | None, ...]
    witness: tuple[Path | None, ...]
    transport: Path
    revocations: Path | None
    """A list of each transport authority."""
    authorities: Path
    """Evidence."""
    parties: Path
    signing_revocations: Path | None = None
    """A list of each evidence authority."""

    @property
    def trust(self) -> tuple[Path | None, ...]:
        return self.authorities, self.parties, self.signing_revocations


class KeyRing:
    """`own` reads the witness key anew. Raises ValueError, OSError."""

    def __init__(
        self, files: KeyFiles, trust: Trust, tls: LiveTls, own: Callable[[], Signer]
    ) -> None:
        self._files = files
        self._trust = trust
        self._tls = tls
        self._own = own
        self._marks: dict[str, Mark] = {
            "tls": mark_of(files.tls),
            "parties": mark_of(files.trust),
            "witness": mark_of(files.witness),
        }
        self.troubles: dict[str, str] = {}
        """`tls`, `parties` or `witness`: why what lies there could not be taken up."""
        self._tls.guard.revoked = self._listed()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        await self._take("tls", self._files.tls, self._renew_tls)
        await self._take("parties", self._files.trust, self._renew_parties)
        await self._take("witness", self._files.witness, self._renew_own)

    def learn(self, gateway: str, certificate_pem: bytes) -> None:
        """A key that `gateway` has announced in its log, under the key before it: it may sign from
        now on. It is kept among the parties, for the next start.

        A certificate that is another party's, or that our authorities did not issue, is told of and
        left; the checkpoint that it signs will be refused. Raises StoreUnavailable: not kept.
        """
        table = self._trust.table
        try:
            certificate = read_certificate(certificate_pem)
            one = signatory(table.authorities, certificate)
            if one.sender.uri != gateway:
                raise ValueError(f"it is of {one.sender.uri}")
        except ValueError as error:
            _log.error("key.not_learnt", gateway=gateway, reason=str(error))
            return
        if one.thumbprint in table.by_thumbprint:
            return
        name = "".join(each for each in one.thumbprint if each.isalnum())
        file = self._files.parties / f"announced-{name}.pem"
        try:
            # One that is there counts with nobody: torn, or of an authority that is none any more.
            file.unlink(missing_ok=True)
            save_new(file, pem_of(certificate), mode=0o644)
        except OSError as error:
            words = f"the key that {gateway} announces cannot be kept: {error}"
            raise StoreUnavailable(words) from error
        known = {**table.by_thumbprint, one.thumbprint: one}
        self._trust.replace(attrs.evolve(table, by_thumbprint=known))
        _log.info("key.learnt", gateway=gateway, thumbprint=one.thumbprint)

    async def _renew_tls(self) -> None:
        listed = self._listed()
        certificate = self._files.tls[0]
        assert certificate
        if (name := uri_of(load_certificates(certificate)[0])) != self._trust.own.uri:
            raise ValueError(f"{certificate.name} is the certificate of {name}")
        self._tls.take(await asyncio.to_thread(self._tls.prepare))
        self._tls.guard.revoked = listed

    def _listed(self) -> Revoked:
        """What the transport authority's list says, for connections under way; those to come are
        held against it by TLS itself. Raises ValueError, OSError."""
        if self._files.revocations is None:
            return Revoked()
        return revoked_in(self._files.revocations, load_certificates(self._files.transport))

    async def _renew_parties(self) -> None:
        files, revoked = self._files, self._trust.table.revoked
        read = partial(
            read_anew, files.authorities, files.parties, revoked, files.signing_revocations
        )
        self._trust.replace(await asyncio.to_thread(read))

    async def _renew_own(self) -> None:
        """The bureau's next key must stand among the parties: there its gateways have it from."""
        own, fresh = self._trust.own, await asyncio.to_thread(self._own)
        if fresh.uri != own.uri or fresh.suite != own.suite:
            raise ValueError(f"the new key is of {fresh.uri} in {fresh.suite}")
        table = self._trust.table
        if fresh.thumbprint not in table.by_thumbprint:
            raise ValueError("the new key's certificate does not stand among the parties")
        self._trust.replace(table, fresh)

    async def _take(
        self, what: str, files: tuple[Path | None, ...], renew: Callable[[], Awaitable[None]]
    ) -> None:
        mark = mark_of(files)
        if self._marks[what] == mark:
            self.troubles.pop(what, None)  # what was away for a moment is back as it was
            return
        try:
            await renew()
        except (ValueError, OSError) as error:
            if self.troubles.get(what) != str(error):
                self.troubles[what] = str(error)
                _log.error("keys.refused", what=what, reason=str(error))
            return
        self._marks[what] = mark
        self.troubles.pop(what, None)
        _log.info("keys.renewed", what=what)

"""Fresh keys and certificates for one demonstration: authorities, servers, and every agency."""

import datetime as dt
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import attrs

from certs.authority import Authority, Purpose, create_root, create_subordinate, issue, request
from certs.certified import Certificate
from certs.keys import generate_key, new_passphrase, save_certificates, save_key
from certs.signing.signer import Signer, signer
from certs.signing.sm2 import generate_sm2
from certs.signing.suites import PrivateKey
from certs.sm2_certificate import Sm2Authority, create_sm2_authority, issue_sm2, sm2_request
from certs.tls import Credentials

TRUST_DOMAIN = "treasury.jilin.example"
HOSTS = ("localhost",)
ADDRESSES = ("127.0.0.1",)


def uri(role: str, *path: str) -> str:
    """A party's name: `spiffe://treasury.jilin.example/agency/220000000/101001`."""
    return "/".join((f"spiffe://{TRUST_DOMAIN}", role, *path))


@attrs.frozen(kw_only=True, slots=False)
class Identities:
    """Everything lies in `folder`; keys are encrypted under a passphrase that is nowhere stored."""

    folder: Path
    passphrase: bytes = attrs.field(repr=False)
    transport: Authority
    evidence: Authority
    at: dt.datetime

    @classmethod
    def create(cls, folder: Path, at: dt.datetime) -> "Identities":
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "parties").mkdir(exist_ok=True)
        root = create_root("Demonstration root", at)
        made = cls(
            folder=folder,
            passphrase=new_passphrase(),
            transport=create_subordinate(root, Purpose.TRANSPORT, "Demonstration transport", at),
            evidence=create_subordinate(root, Purpose.EVIDENCE, "Demonstration evidence", at),
            at=at,
        )
        save_certificates(made.transport_authority, [made.transport.certificate])
        save_certificates(made.evidence_authority, [made.evidence.certificate])
        return made

    @property
    def transport_authority(self) -> Path:
        return self.folder / "transport-ca.pem"

    @property
    def evidence_authority(self) -> Path:
        return self.folder / "evidence-ca.pem"

    @property
    def parties(self) -> Path:
        return self.folder / "parties"

    def connection(self, name: str, party: str) -> Credentials:
        """A TLS certificate for a party that is reached on loopback, or reaches out from it."""
        key = generate_key()
        asked = request(key, party, dns=HOSTS, ip=ADDRESSES)
        certificate, key_file = self._kept(
            f"{name}-tls", key, issue(self.transport, asked, self.at)
        )
        return Credentials(
            certificate=certificate,
            key=key_file,
            passphrase=self.passphrase,
            authorities=self.transport_authority,
        )

    def record_key(self, name: str, party: str) -> tuple[Path, Path]:
        """Certificate and key files of a party that a program signs as; registered as a party."""
        key = generate_key()
        certificate = issue(self.evidence, request(key, party), self.at)
        save_certificates(self.parties / f"{name}.pem", [certificate])
        return self._kept(f"{name}-record", key, certificate)

    def sm2_record_key(self, name: str, party: str) -> tuple[Path, Path]:
        """The same party's SM2 key, for the suite GW1-SM2-SM3. Raises SuiteUnavailable."""
        key = generate_sm2()
        certificate = issue_sm2(self.sm2, sm2_request(key, party), self.at)
        save_certificates(self.parties / f"{name}-sm2.pem", [certificate])
        return self._kept(f"{name}-sm2", key, certificate)

    @cached_property
    def sm2(self) -> Sm2Authority:
        """The evidence authority of the other suite; believed beside the first from now on."""
        made = create_sm2_authority("Demonstration SM2 evidence", generate_sm2(), self.at)
        both = [self.evidence.certificate, made.certificate]
        save_certificates(self.evidence_authority, both)
        return made

    def signers(self, parties: Iterable[str]) -> dict[str, Signer]:
        """Signing keys that only this process holds, one per party; registered as parties."""
        made: dict[str, Signer] = {}
        for number, party in enumerate(parties):
            key = generate_key()
            certificate = issue(self.evidence, request(key, party), self.at)
            save_certificates(self.parties / f"party-{number:04d}.pem", [certificate])
            made[party] = signer(certificate, key)
        return made

    def _kept(self, name: str, key: PrivateKey, certificate: Certificate) -> tuple[Path, Path]:
        file, key_file = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        save_certificates(file, [certificate])
        save_key(key_file, key, self.passphrase)
        return file, key_file

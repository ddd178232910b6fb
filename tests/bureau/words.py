"""What the bureau's tests speak of: a house of keys, a gateway's chain, records and notices."""

import datetime as dt
import itertools
from pathlib import Path
from typing import Any

import attrs

from adapters.bureau.frame import framed
from adapters.postgres.bureau.cases import BureauCases
from adapters.postgres.bureau.desk import BureauDesk
from adapters.postgres.bureau.log import BureauStore
from adapters.postgres.bureau.people import BureauPeople
from adapters.postgres.bureau.pool import Pool
from bureau.desk.audit import Auditor
from bureau.desk.summary import Summaries
from bureau.inbox.bell import Bell
from bureau.inbox.receive import Inbox
from bureau.ports import LogPlace
from certs.authority import Authority, issue, request
from certs.keys import generate_key, save_certificates, save_key
from certs.log.sealer import Sealer
from certs.signatories import signatories
from certs.signing.signer import Signer, signer
from certs.tls import Credentials, client_context
from certs.trust import Trust
from gateway.domain.log import Delivery, LogHead, PendingRecord, Sealed
from gateway.domain.records import canonical, unnumbered

DIVISION = "220000000"
BANK = "103241001000"
DOMAIN = "spiffe://treasury.test"
GATEWAY = f"{DOMAIN}/gateway/{BANK}"
PASSPHRASE = b"a passphrase for tests"


@attrs.frozen(kw_only=True)
class House:
    """Authorities and signing keys of one test session."""

    transport: Authority
    evidence: Authority
    gateway: Signer
    bureau: Signer
    at: dt.datetime

    def signer(self, uri: str) -> Signer:
        key = generate_key()
        return signer(issue(self.evidence, request(key, uri), self.at), key)

    def credentials(self, folder: Path, path: str) -> Credentials:
        """Files of a TLS end, made once; a server's is good for localhost and 127.0.0.1."""
        name = path.replace("/", "_")
        if not (folder / f"{name}.key").exists():
            key = generate_key()
            wanted = request(key, f"{DOMAIN}/{path}", dns=["localhost"], ip=["127.0.0.1"])
            save_key(folder / f"{name}.key", key, PASSPHRASE)
            leaf = issue(self.transport, wanted, self.at)
            save_certificates(folder / f"{name}.pem", [leaf, self.transport.certificate])
            save_certificates(folder / "transport.pem", [self.transport.certificate])
        return Credentials(
            certificate=folder / f"{name}.pem",
            key=folder / f"{name}.key",
            passphrase=PASSPHRASE,
            authorities=folder / "transport.pem",
        )

    def trust(self) -> Trust:
        named = [("gateway", self.gateway.certificate), ("bureau", self.bureau.certificate)]
        return Trust(signatories([self.evidence.certificate], named), self.bureau)


class Chain:
    """A gateway's log in memory: seals records and makes deliveries from any size."""

    def __init__(self, key: Signer) -> None:
        self._sealer = Sealer(key)
        self._ids = itertools.count(1)
        self.head: LogHead | None = None
        self.sealed: list[Sealed] = []

    def seal(self, bodies: list[bytes], disclosures: bytes | None = None) -> Sealed:
        pending = [
            PendingRecord(
                id=next(self._ids), kind="verdict", subject="", body=b, disclosures=disclosures
            )
            for b in bodies
        ]
        sealed = self._sealer.seal(self.head, DIVISION, pending, dt.datetime.now(dt.UTC))
        self.head = sealed.head
        self.sealed.append(sealed)
        return sealed

    def delivery(self, start: int = 0, last: int = -1) -> Delivery:
        """Records from `start` to the end of batch `last`, under that batch's checkpoint."""
        last = last % len(self.sealed)
        records = [r for batch in self.sealed[: last + 1] for r in batch.records]
        return Delivery(
            division=DIVISION,
            start=start,
            records=tuple(records[start:]),
            checkpoint=self.sealed[last].checkpoint,
        )


def verdict(number: int, outcome: str = "passed", **more: Any) -> bytes:
    """A verdict record as the gateway writes it, shortened to what the bureau reads."""
    findings = [] if outcome == "passed" else [finding()]
    fields = {
        "agency": {"code": "101001", "name": "吉林省示例厅本级"},
        "amount_fen": 1_280_000,
        "bank": BANK,
        "division": DIVISION,
        "findings": findings,
        "fiscal_year": 2026,
        "kind": "verdict",
        "notice_sha256": None,
        "origin": GATEWAY,
        "outcome": outcome,
        "payee": {"name": "长春示例科技有限公司"},
        "recorded_at": 1_772_438_400_000_000 + number,
        "voucher_no": f"{number:013d}",
        "voucher_type": "8202",
        **more,
    }
    return unnumbered(fields)


def finding(**more: Any) -> dict[str, Any]:
    return {
        "action": "block",
        "article": "第十三条（三）",
        "exception": None,
        "light": "red",
        "missing": [],
        "policy": "JL-020",
        "reason_zh": "向本单位实有资金账户转款",
        "revision": 1,
        "title_zh": "禁止向实有资金账户划转",
        **more,
    }


def notice(number: int, **more: Any) -> bytes:
    """An interception notice with an exception that nearly fitted and its missing paper."""
    full = finding(
        title_en="No transfer to an own real-fund account",
        reason_en="A transfer to the agency's own real-fund account",
        remedy_zh="补充备案",
        remedy_en="File it",
        exception={
            "id": "service_purchase",
            "article": "第十三条（三）1",
            "title_zh": "政府购买服务",
            "title_en": "Purchase of services",
        },
        missing=[{"kind": "service_filing", "zh": "备案", "en": "filing"}],
    )
    return canonical(
        {
            "agency": {"code": "101001", "name": "吉林省示例厅本级"},
            "amount_fen": 1_280_000,
            "bank": BANK,
            "decided_at": 1_772_438_400_000_000 + number,
            "division": DIVISION,
            "findings": [full],
            "fiscal_year": 2026,
            "instruction": {
                "fiscal_year": 2026,
                "voucher_no": f"{number:013d}",
                "voucher_type": "8202",
            },
            "kind": "interception",
            "outcome": "blocked",
            "payee": {"account_masked": "***1234", "name": "长春示例科技有限公司"},
            "purpose": "办公楼电梯维修",
            "voucher_no": f"{number:013d}",
            "voucher_type": "8202",
            **more,
        }
    )


@attrs.frozen(kw_only=True)
class Bureau:
    """The bureau's rooms on one database."""

    pool: Pool
    log: BureauStore
    desk: BureauDesk
    people: BureauPeople
    cases: BureauCases
    inbox: Inbox
    summaries: Summaries
    auditor: Auditor
    trust: Trust
    bell: Bell
    place: LogPlace


async def told(bureau: Bureau, chain: Chain, *bodies: bytes) -> None:
    """The gateway records these, and hands over what has come since it last did."""
    start = chain.head.size if chain.head else 0
    chain.seal(list(bodies))
    await bureau.inbox.receive(GATEWAY, framed(chain.delivery(start)))


@attrs.frozen(kw_only=True)
class Door:
    url: str
    house: House
    folder: Path

    def client(self, path: str) -> Any:
        """A TLS context of the party `path`, such as `gateway/103241001000`."""
        return client_context(self.house.credentials(self.folder, path))

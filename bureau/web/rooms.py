"""What the desk's pages are made from: one value that every section is given."""

from collections.abc import Callable, Mapping

import attrs

from bureau.desk.certificates import Shelf
from bureau.desk.complaints import Complaints
from bureau.desk.docket.office import CaseOffice
from bureau.desk.entry import Entry
from bureau.desk.names import Names
from bureau.desk.not_ours import NotOurs
from bureau.desk.policies.drafts import Policies
from bureau.desk.policies.questions import Questions
from bureau.desk.proof import Prover
from bureau.desk.registers.changes import Registers
from bureau.desk.releases import Releases
from bureau.desk.statistics import Statistics
from bureau.desk.voids import Voids
from bureau.ports import CaseStore, Clock, DeskStore, HoldStore, LogStore, PeopleStore
from bureau.web.identity import Identity
from bureau.web.live import Live
from bureau.web.pages import Pages


@attrs.frozen(kw_only=True)
class Rooms:
    desk: DeskStore
    store: LogStore
    people: PeopleStore
    prover: Prover
    entry: Entry
    cases: CaseStore
    office: CaseOffice
    complaints: Complaints
    statistics: Statistics
    registers: Registers
    names: Names
    policies: Policies
    questions: Questions
    shelf: Shelf
    releases: Releases
    voids: Voids
    holds: HoldStore
    not_ours: NotOurs
    editable: Callable[[bytes], bytes]
    """A document's layout as DOCX."""
    pages: Pages
    live: Live
    bell: Callable[[], None]
    """Tells open pages that something changed."""
    clock: Clock
    divisions: tuple[str, ...]
    law: Mapping[str, str]
    """The regulation's words on which each policy rests, by policy id."""
    identity: Identity | None = None
    hosts: tuple[str, ...] = ()
    """Names under which the desk is served beside loopback."""
    certificates: bool = False
    """Whether people may sign in by client certificates: the desk speaks TLS."""
    certificate_counts: Callable[[object], bool] = lambda tls: True
    """Whether the certificate of a connection has neither ended nor been revoked by now."""

    @property
    def ways(self) -> tuple[str, ...]:
        found = {"certificate": self.certificates, "oidc": self.identity is not None}
        return tuple(way for way, there in found.items() if there)

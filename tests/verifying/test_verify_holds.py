"""`verify record` on held and released instructions: a hold's end is proven by its record."""

import base64
import copy
from collections.abc import Callable
from pathlib import Path

import attrs
import orjson
import pytest

from certs.log.report import Exit
from gateway.domain.ledger import Settled
from gateway.verifying.auditor import Auditor
from gateway.verifying.claims import Proven, verify_claims
from tests.pipeline.fakes import instruction, received
from tests.pipeline.test_line import Street
from tests.pipeline.test_release import HELD, LATER, Counter
from tests.verifying.test_verify_claims import Case, Document, _documents, _numbered


def refused(document: Document) -> None:
    document["hold"]["state"] = "refused"


def earlier(document: Document) -> None:
    document["hold"]["ended_at"] = 1


def never_held(document: Document) -> None:
    document["hold"] = None


def still_held(document: Document) -> None:
    document["hold"] = {"ended_at": None, "state": "held"}


async def _cases(folder: Path) -> tuple[Case, Document, Document]:
    street = await Street(instruction()).open()
    street.book.findings = (HELD,)
    orders = [_numbered("H1"), _numbered("H2")]
    for order in orders:
        street.format.instruction = order
        await street.line.carry(received(order.key.voucher_no.encode()))
    street.clock.wall = LATER
    counter = Counter(street)
    asked = await counter.order(number="H2", raw=b"H2")
    assert isinstance(await counter.release.carry_out(asked), Settled)
    held, released = await _documents(street, orders, folder)
    auditor = Auditor(bank=[folder / "bank.pem"], bureau=[folder / "bureau.pem"])
    case = Case(accepted=released, blocked=held, disputed=held, auditor=auditor, folder=folder)
    return case, held, released


async def test_how_a_hold_ended_is_told_only_as_its_record_says(tmp_path: Path) -> None:
    case, held, released = await _cases(tmp_path)
    assert held["hold"] == {"ended_at": None, "state": "held"}
    assert (released["hold"]["state"], released["bank"]) == ("released", "accepted")
    assert (case.check(held), case.check(released)) == (Exit.VALID, Exit.VALID)
    lies: list[tuple[Document, Callable[[Document], None]]] = [
        *((released, lie) for lie in (refused, earlier, never_held, still_held)),
        *((held, lie) for lie in (refused, never_held)),
    ]
    for document, lie in lies:
        changed = copy.deepcopy(document)
        lie(changed)
        assert case.check(changed) is not Exit.VALID, lie.__name__


async def test_a_hold_that_ended_twice_is_not_called_valid(tmp_path: Path) -> None:
    """Each end is final: of two in the log a file would show the one that suits it."""
    _, _, released = await _cases(tmp_path)
    proven = [
        Proven(
            origin=each["checkpoint"].partition("\n")[0],
            fields=orjson.loads(base64.b64decode(each["record"])),
        )
        for each in released["evidence"]
    ]
    assert verify_claims(released, proven).exit is Exit.VALID
    (end,) = [each for each in proven if each.fields["kind"] == "release"]
    another = attrs.evolve(end, fields=end.fields | {"seq": 99, "what": "refused"})
    assert verify_claims(released, [*proven, another]).exit is Exit.INVALID


@pytest.mark.parametrize("hold", [{"state": "released", "ended_at": 5}, {"state": "?"}])
async def test_an_end_without_its_record_is_not_called_valid(
    tmp_path: Path, hold: Document
) -> None:
    case, held, _ = await _cases(tmp_path)
    assert case.check(held | {"hold": hold}) is not Exit.VALID

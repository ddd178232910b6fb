"""A log whose own records say that what was stopped was paid."""

import hashlib
from typing import Any

import pytest

from certs.log.manifest import MANIFEST
from gateway.domain.records import RecordKind, unnumbered
from gateway.pipeline.tell import microseconds
from tests.certs.conftest import suite as suite
from tests.verifying.test_auditing import AT, DIVISION, NEXT, World, facts, verify
from tests.verifying.test_auditing import world as world
from tests.verifying.test_auditing_liars import a_verdict, slip

pytestmark = pytest.mark.postgres


def told_of(number: int, kind: str, **more: Any) -> bytes:
    """A release or a bank's outcome."""
    key = {name: a_verdict(number, 1)[name] for name in ("division", "fiscal_year", "voucher_type")}
    said = {"kind": kind, "recorded_at": microseconds(AT), "voucher_no": str(number)}
    return unnumbered(key | said | more)


PAID = {"bank_outcome": "accepted", "reference": "R", "reason": None}
RELEASED, REFUSED = {"what": "released"}, {"what": "refused"}


@pytest.mark.parametrize(
    ("outcome", "then", "code"),
    [
        ("blocked", [PAID], 1), ("held", [PAID], 1), ("held", [REFUSED, PAID], 1),
        ("held", [PAID, RELEASED], 1), ("held", [RELEASED, PAID], 0),
        ("held", [RELEASED, {"bank_outcome": "rejected"}], 0),
        ("blocked", [{"bank_outcome": "rejected"}], 0), ("passed", [PAID], 0),
    ],
)  # fmt: skip
async def test_a_payment_that_was_stopped_and_paid_is_found(
    world: World, outcome: str, then: list[dict[str, Any]], code: int
) -> None:
    """In one folder, and where the bank's word stands in the next day's."""
    told = [told_of(77, "release" if "what" in each else "bank_outcome", **each) for each in then]
    notice = None if outcome == "passed" else hashlib.sha256(b"").hexdigest()
    verdict = a_verdict(77, 5, outcome, notice_sha256=notice, recorded_at=microseconds(AT))
    await world.decide(1, "A")
    await slip(world, unnumbered(verdict), RecordKind.VERDICT)
    await world.seal()
    await world.deliver()
    first = await world.exported("first")
    for body in told:
        await slip(world, body)
    await world.seal(NEXT)
    await world.deliver(NEXT)
    second, whole = await world.exported("second", NEXT.date()), await world.exported("whole", None)
    for folder in (first, second):  # the notices are not what this is about
        (folder / "notices.ndjson").unlink(missing_ok=True)
        (folder / MANIFEST).unlink()
    trusted = *world.trusted, "--json"
    alone = verify("day", whole, *trusted)
    together = verify("day", first, second, *trusted, "--no-manifest")
    assert alone.exit_code == together.exit_code == code, (alone.output, together.output)
    name = [f"{DIVISION}/2026/8202/77"] if code else None
    for result in (alone, together):
        assert facts(result).get("paid_though_stopped") == name

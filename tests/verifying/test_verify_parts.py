"""A batch that was paid in part, at the auditor's: honest evidence is valid, and none hides it."""

import asyncio
import copy
import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import asdict, replace
from typer.testing import CliRunner

from certs.log.report import Exit
from gateway.commands.command_line import app
from gateway.domain.ledger import Admitted, RecordDraft
from gateway.domain.records import canonical, unnumbered
from gateway.pipeline.tell import microseconds
from gateway.verifying.auditor import Auditor
from tests.adapters.postgres.storage_builders import admission
from tests.certs.conftest import suite as suite
from tests.pipeline.fakes import received
from tests.pipeline.test_partial import Picky, batch, street_of
from tests.verifying.test_auditing import AT, NEXT, World, facts, verify
from tests.verifying.test_auditing import world as world
from tests.verifying.test_verify_claims import Case, Document, _documents


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """`accepted` was paid but for its second detail."""

    async def made(folder: Path) -> Case:
        order = batch(1_000, 2_000)
        street = await street_of(order, Picky(bad=frozenset({"ACCOUNT2"})))
        await street.line.carry(received())
        (document,) = await _documents(street, [order], folder)
        return Case(
            accepted=document, blocked={}, disputed={}, folder=folder,
            auditor=Auditor(bank=[folder / "bank.pem"], bureau=[folder / "bureau.pem"]),
        )  # fmt: skip

    return asyncio.run(made(tmp_path_factory.mktemp("parts")))


def test_the_answer_of_a_batch_paid_in_part_is_valid_as_the_door_wrote_it(case: Case) -> None:
    """`withheld` was a field that nobody could compare: exit 2, of every such file."""
    assert case.accepted["withheld"] == ["D-2"]
    assert case.check(case.accepted) is Exit.VALID


@pytest.mark.parametrize("said", [None, [], ["D-1"], ["D-1", "D-2"], "D-2", {"D-2": 1}])
def test_an_answer_that_says_otherwise_what_was_not_paid_is_not(case: Case, said: object) -> None:
    """Without the field it reads as if all of it had been paid, and that was valid."""
    document: Document = copy.deepcopy(case.accepted)
    if said is None:
        del document["withheld"]
    else:
        document["withheld"] = said
    assert case.check(document) is Exit.INVALID


def test_what_was_not_paid_is_told_in_words(case: Case) -> None:
    file = case.folder / "evidence.json"
    file.write_bytes(orjson.dumps(case.accepted))
    trusted = ["--bank", str(case.auditor.bank[0]), "--bureau", str(case.auditor.bureau[0])]
    result = CliRunner().invoke(app, ["verify", "record", str(file), *trusted, "--explain"])
    assert result.exit_code == 0, result.output
    assert "30.00 元" in result.stdout and "放行" in result.stdout
    assert "不付的明细 withheld：D-2，实付 paid：10.00 元" in result.stdout


async def _decided_in_part(world: World) -> None:
    """The row has what is paid, as the line admits it; the record has the whole and what is not."""
    made = admission(1, 40, ())
    notice = canonical({"kind": "interception"})
    fields: dict[str, Any] = asdict(made.key) | {
        "agency": {"code": "101001", "name": "单位"},
        "agency_no": None,
        "amount_fen": 100,
        "details": [{"amount_fen": 40, "id": "D-1"}, {"amount_fen": 60, "id": "D-2"}],
        "digest": made.digest.hex(),
        "kind": "verdict",
        "notice_sha256": hashlib.sha256(notice).hexdigest(),
        "outcome": "passed",
        "payer": {"account": "A"},
        "recorded_at": microseconds(AT),
        "withheld": ["D-2"],
    }
    record = RecordDraft(kind="verdict", subject=str(made.key), body=unnumbered(fields))
    full = replace(made, agency_code="101001", record=record, notice=notice, decided_at=AT)
    assert isinstance(await world.ledger.admit(full), Admitted)


@pytest.mark.postgres
async def test_a_day_with_a_batch_paid_in_part_agrees_with_its_close(world: World) -> None:
    """The close counts what was let pass; the auditor counted the whole and accused the bank."""
    await _decided_in_part(world)
    await world.decide(2, "A")
    await world.seal()
    await world.deliver()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    result = verify("day", await world.exported(), *world.trusted, "--json")
    assert result.exit_code == 0, result.output
    assert facts(result)["day_close_differs"] == []

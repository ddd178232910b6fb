"""A payment about which the bank says nothing for an hour is counted, whatever its horizon."""

import asyncpg
import pytest

from adapters.postgres.ledger.ledger import PostgresLedger
from adapters.postgres.oversight.backlog import PostgresBacklog
from gateway.domain.bank import BankOutcome
from tests.adapters.postgres.conftest import as_runtime
from tests.adapters.postgres.storage_builders import admission, settlement

pytestmark = pytest.mark.postgres


async def test_what_the_bank_does_not_answer_is_counted_until_it_does(migrated: str) -> None:
    watch = PostgresBacklog(as_runtime(migrated))

    async def unanswered() -> tuple[int, int]:
        found = await watch.backlog()
        return found.payments_unanswered, found.operator_tasks

    async with PostgresLedger(as_runtime(migrated), instance="gw-1") as ledger:
        for number in (1, 2):
            await ledger.admit(admission(number, lines=()))
        assert await unanswered() == (2, 0), "admitted long ago"
        await _opened_now(migrated, 2)
        assert await unanswered() == (1, 0), "an hour is left to the bank"
        await ledger.hand_over(settlement(1).key)
        assert await unanswered() == (0, 1), "a person has it"
        assert settlement(1).bank is BankOutcome.ACCEPTED
        await ledger.settle(settlement(1))
        assert await unanswered() == (0, 0)
    await watch.close()


async def _opened_now(dsn: str, number: int) -> None:
    owner = await asyncpg.connect(dsn)
    key = settlement(number).key
    await owner.execute(
        "UPDATE open_payment SET opened_at = now() WHERE voucher_no = $1", key.voucher_no
    )
    await owner.close()

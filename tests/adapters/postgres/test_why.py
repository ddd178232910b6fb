"""What operators read of a database that failed: our own words where we have some, and never a row
of it."""

import asyncio

import asyncpg
import pytest

from adapters.postgres.ledger.groupcommit import GroupCommit
from adapters.postgres.session import READ_ONLY, Pool, UnsafeServer
from gateway.domain.faults import DatabaseUnreached, LedgerUnavailable
from tests.adapters.postgres.test_groupcommit import FakeWork

TRIED = "no connection to the database gateway as gw: db-a:5432: nothing listens there"
ROW = asyncpg.UniqueViolationError("Key (name)=(张三) already exists.")
FAILURES = [
    (UnsafeServer(READ_ONLY), READ_ONLY),
    (TimeoutError(), "no answer in time"),
    (ROW, "UniqueViolationError 23505"),
]


@pytest.mark.parametrize(("failure", "words"), FAILURES)
async def test_a_read_that_fails_says_why(
    failure: Exception, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(_dsn: str, **_how: object) -> None:
        raise failure

    monkeypatch.setattr("adapters.postgres.session.open_session", refused)
    with pytest.raises(LedgerUnavailable) as told:
        async with Pool("postgresql://db-a/gateway").session():
            raise AssertionError("no connection")
    assert str(told.value) == f"the database failed: {words}"


@pytest.mark.parametrize(("failure", "words"), [*FAILURES, (DatabaseUnreached(TRIED), TRIED)])
async def test_readiness_says_why_no_connection_is_believed(failure: Exception, words: str) -> None:
    async def connect() -> object:
        raise failure

    group: GroupCommit[str, str] = GroupCommit("test", FakeWork(), connect)  # type: ignore[arg-type]
    group._refusing = None
    group._task = asyncio.create_task(group._run())
    with pytest.raises(LedgerUnavailable):
        await group.submit("a")
    assert group.trouble == f"the database cannot be used: {words}"
    await group.stop()

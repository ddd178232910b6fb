"""Another secret than the one that a database was written with is told before anything is."""

import asyncpg
import pytest

from adapters.postgres.secret_marks import other_secrets
from certs.commitments import Commitments
from certs.people import PeopleVault
from tests.adapters.postgres.conftest import as_runtime

pytestmark = pytest.mark.postgres

MARKS = {"commitments": Commitments(b"c" * 32).mark, "people": PeopleVault(b"p" * 32).mark}


async def test_the_first_start_keeps_the_marks_and_every_other_secret_is_named(
    migrated: str,
) -> None:
    dsn = as_runtime(migrated)
    assert await other_secrets(dsn, MARKS) == [], "asking alone keeps nothing"
    other = {"commitments": Commitments(b"x" * 32).mark, "people": PeopleVault(b"y" * 32).mark}
    assert await other_secrets(dsn, MARKS, keep=True) == []
    assert await other_secrets(dsn, other, keep=True) == ["commitments", "people"]
    assert await other_secrets(dsn, MARKS | {"people": other["people"]}) == ["people"]
    assert await other_secrets(dsn, MARKS, keep=True) == [], "and the right ones stay right"


async def test_a_mark_tells_nothing_of_the_secret_and_no_gateway_can_change_it(
    migrated: str,
) -> None:
    await other_secrets(migrated, MARKS, keep=True)
    assert {len(mark) for mark in MARKS.values()} == {32}
    connection = await asyncpg.connect(as_runtime(migrated))
    for statement in ("UPDATE secret_mark SET mark = mark", "DELETE FROM secret_mark"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()

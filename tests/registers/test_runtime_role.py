"""What the gateway's own role in the database may do to registers and limits by SQL.

Whoever has that login and not the program's keys is refused, or what he did is a version of the
registers, on record without a signer: that is what the bureau warns of (decisions 0155, 0160).
"""

from collections.abc import AsyncIterator

import asyncpg
import orjson
import pytest

from adapters.postgres.registers.applying import PostgresRegisters
from gateway.domain.ledger import RecordDraft
from gateway.domain.register_feed import RegisterFeed
from gateway.pipeline.tell import Origin
from gateway.workers.register import Registering
from tests.pipeline.fakes import FixedClock
from tests.registers.feeds import CONCEAL, DIVISION, VAULT, delta, feed, put, snapshot

pytestmark = pytest.mark.postgres

BUREAU = "spiffe://x/bureau"
GRANT = "granted_fen = 99999, ceiling_fen = 99999"
ROW = (
    "INSERT INTO register_row (division, register, key, since, body) SELECT division, register,"
    " 'NOBODY', {since}, body FROM register_row"
    " WHERE register = 'accounts' AND until IS NULL LIMIT 1"
)
REFUSED = {
    "a grant is raised": f"UPDATE limit_line SET {GRANT}",
    "a grant is raised, with tables of one's own before the server's": (
        "CREATE TEMP TABLE pg_class AS SELECT oid, (SELECT oid FROM pg_roles WHERE rolname ="
        " 'gateway_runtime') AS relowner FROM pg_catalog.pg_class; SET search_path = pg_temp,"
        f" pg_catalog, public; UPDATE public.limit_line SET {GRANT}"
    ),
    "what is frozen is freed": "UPDATE limit_line SET frozen_fen = 0, ceiling_fen = ceiling_fen",
    "what is reserved is given back": "UPDATE limit_line SET reserved_fen = 0",
    "what is spent is given back": "UPDATE limit_line SET posted_fen = 0",
    "a limit is said to begin at nothing": "UPDATE limit_line SET opening_fen = 0",
    "another's limit": "UPDATE limit_line SET id = 'IND-9' WHERE id = 'IND-1'",
    "a limit that no register grants": (
        f"INSERT INTO limit_line SELECT '{DIVISION}', 'indicator', 'IND-9', 100, 0, 0, 0, 0, 100"
    ),
    "a limit in place of another": (
        "INSERT INTO limit_line SELECT * FROM limit_line WHERE id = 'IND-1'"
        f" ON CONFLICT (division, kind, id) DO UPDATE SET {GRANT}"
    ),
    "a row of the version in force": ROW.format(since=1),
    "a row of a version that is to come": ROW.format(since=2),
    "a row of a version, added before it and looked at at once": (
        f"SET CONSTRAINTS ALL IMMEDIATE; {ROW.format(since=2)}"
    ),
    "a row is changed": "UPDATE register_row SET body = body",
    "a row is ended": (
        f"SELECT end_register_rows('{DIVISION}', 2, '{{lists}}', '{{blacklist_accounts/666}}')"
    ),
    "registers are said to be young": "UPDATE register_age SET as_of = now()",
    "a register that the bureau never spoke of is": (
        f"INSERT INTO register_age VALUES ('{DIVISION}', 'codes2', now(), 1)"
    ),
    "a version is said to be another's": f"UPDATE register_snapshot SET signer = '{BUREAU}'",
    "a version is said to be of this moment": (
        "UPDATE register_snapshot SET applied_in = this_transaction()"
    ),
    "what waits for its number is taken away": "DELETE FROM pending_record",
    "what waits for its number says something else": "UPDATE pending_record SET body = ''",
    "a record beside the sequencer": (
        f"INSERT INTO log_record VALUES ('{DIVISION}', 0, 'x', '', '', '')"
    ),
    "the log begins anew": "UPDATE log_head SET size = 0",
}  # fmt: skip


class Rooms:
    """A program that serves, as the role; and somebody who has that role and no key."""

    def __init__(self, dsn: str, bureau: str = BUREAU) -> None:
        self._dsn = f"{dsn}{'&' if '?' in dsn else '?'}role=gateway_runtime"
        self._bureau = bureau
        self.started()

    def started(self) -> None:
        """Anew: with nothing in memory."""
        self.registers = PostgresRegisters(self._dsn, CONCEAL, VAULT.vouch)

    async def apply(self, of: RegisterFeed, *, signed: bool = True) -> None:
        """A feed whose signature was proven, or a file."""
        by = (self._bureau, "jws") if signed else None
        assert (await self.registers.apply(of, by)).applied

    async def by_hand(self, sql: str) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    async def write_a_version(self, version: int, *, by_voucher: bool, recorded: bool) -> None:
        """As if the bureau had signed it: more may be spent, and somebody else be paid."""
        await self.by_hand(f"""
            BEGIN;
            INSERT INTO register_snapshot (
                division, version, as_of, kind, digest, signer, signature, rows, feed_version,
                by_voucher, recorded)
            VALUES ('{DIVISION}', {version}, now(), 'delta', sha256(''), '{self._bureau}', 'jws', 1,
                    {"NULL" if by_voucher else version}, {by_voucher}, {recorded});
            {ROW.format(since=version)};
            UPDATE limit_line SET {GRANT};
            COMMIT
        """)

    async def told(self) -> list[tuple[int, str | None]]:
        """Versions and signers on record, after a turn of the office's."""
        records = [orjson.loads(body) for body in await self.records()]
        return [(each["version"], each["signer"]) for each in records]

    async def records(self) -> list[bytes]:
        origin = Origin(bank="301", uri="spiffe://x/gateway")
        worker = Registering(None, self.registers, FixedClock(), origin, ())  # type: ignore[arg-type]
        await worker._look(DIVISION)
        connection = await asyncpg.connect(self._dsn)
        rows = await connection.fetch(
            "SELECT body FROM pending_record WHERE kind = 'register_applied' ORDER BY id"
        )
        await connection.close()
        return [bytes(row["body"]) for row in rows]


@pytest.fixture
async def rooms(migrated: str) -> AsyncIterator[Rooms]:
    made = Rooms(migrated)
    await made.apply(feed(snapshot()))
    yield made
    await made.registers.close()


@pytest.mark.parametrize("how", REFUSED)
async def test_what_only_a_program_does_is_refused_to_its_role_by_hand(
    rooms: Rooms, how: str
) -> None:
    assert await rooms.told() == [(1, BUREAU)]
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.RaiseError)):
        await rooms.by_hand(REFUSED[how])


@pytest.mark.parametrize("by_voucher", [False, True])
@pytest.mark.parametrize("recorded", [False, True])
async def test_a_version_written_by_hand_is_on_record_as_nobodys(
    rooms: Rooms, by_voucher: bool, recorded: bool
) -> None:
    """As the bureau's next feed or a voucher of its; also one that is said to be on record."""
    await rooms.told()
    await rooms.write_a_version(2, by_voucher=by_voucher, recorded=recorded)
    assert await rooms.told() == [(1, BUREAU), (2, None)]
    assert await rooms.told() == [(1, BUREAU), (2, None)], "once"


async def test_what_is_said_to_be_on_record_and_is_not_is_told(rooms: Rooms) -> None:
    """By the next process to hold the office, if by nobody before."""
    await rooms.by_hand("UPDATE register_snapshot SET recorded = true")
    for _ in range(2):
        assert await rooms.told() == [(1, BUREAU)]
    await rooms.by_hand("UPDATE register_snapshot SET told = sha256('')")
    assert await rooms.told() == [(1, BUREAU)]
    await rooms.registers.close()
    rooms.started()
    assert await rooms.told() == [(1, BUREAU), (1, BUREAU)]


async def test_what_the_program_applied_itself_is_told_with_its_signer(rooms: Rooms) -> None:
    await rooms.apply(feed(delta(2, accounts=[put(snapshot()["accounts"][0], name="某局")])))
    await rooms.apply(feed(snapshot(version=3)), signed=False)
    assert await rooms.told() == [(1, BUREAU), (2, BUREAU), (3, None)]
    await rooms.registers.close()
    rooms.started()
    assert len(await rooms.told()) == 3, "a start tells nothing again"


async def test_versions_of_before_are_believed_as_they_were(rooms: Rooms, migrated: str) -> None:
    """Of a release that knew no seal; they are on record already, or will be."""
    owner = await asyncpg.connect(migrated)
    await owner.execute("UPDATE register_snapshot SET applied_in = NULL, vouched = NULL")
    assert await rooms.told() == [(1, BUREAU)]
    await owner.execute("UPDATE register_snapshot SET told = NULL")
    await owner.close()
    await rooms.registers.close()
    rooms.started()
    assert await rooms.told() == [(1, BUREAU)]


async def test_only_its_own_record_is_written_once(rooms: Rooms) -> None:
    draft = RecordDraft(kind="register_applied", subject="", body=b"{}")
    assert await rooms.registers.record(DIVISION, 1, draft)
    assert not await rooms.registers.record(DIVISION, 1, draft)

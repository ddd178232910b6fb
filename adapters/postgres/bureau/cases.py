"""Cases, their moves, documents and files in PostgreSQL."""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adapters.postgres.bureau.pool import Connection, Pool, Sql, connection_of
from adapters.postgres.bureau.trail import ActLike, Trail
from adapters.postgres.statements import statements

_SQL = statements("bureau/cases")
Key = tuple[str, int, int]
"""division, year, number"""
Row = Mapping[str, Any]


async def open_case(
    connection: Connection, division: str, year: int, values: tuple[Any, ...], at: dt.datetime,
    form: bytes | None = None,
) -> int:  # fmt: skip
    """Under the next number of the year, in the transaction of whoever opens it. `values`: as
    `open_case` lists them from origin to opened_by."""
    number = int(await connection.fetchval(_SQL["take_number"], division, "case", year))
    await connection.execute(_SQL["open_case"], division, year, number, *values, at, form)
    return number


class BureauCases:
    """Rows come back as mappings named like the columns. Raises StoreUnavailable."""

    def __init__(self, pool: Pool, trail: Trail) -> None:
        self._pool = pool
        self._sql = Sql(pool, _SQL)
        self._trail = trail

    async def open(
        self, division: str, year: int, values: tuple[Any, ...], subjects: Sequence[Row],
        at: dt.datetime, act: Callable[[int], ActLike], form: bytes | None = None,
    ) -> tuple[int, int] | None:  # fmt: skip
        """A new case; its year and number, or those of the case that `form` has opened already.
        None: a payment is in other cases than `cases`, the number of them that was shown to who
        opens this one; a payment without it is not asked about. Or an agency's lines are in a
        grouped case already."""
        async with connection_of(self._pool) as connection, connection.transaction():
            if form is not None:
                await connection.execute(_SQL["lock_words"], f"bureau form {form.hex()}")
                if taken := await connection.fetchrow(_SQL["case_of_form"], division, form):
                    return taken["year"], taken["number"]
            if values[0] == "grouped" and await self._grouped(connection, division, values[2]):
                return None
            for row in subjects:
                if "cases" in row and row["cases"] != await self._count(connection, division, row):
                    return None
            number = await open_case(connection, division, year, values, at, form)
            await connection.execute(
                _SQL["add_subjects"], division, year, number,
                [row["fiscal_year"] for row in subjects], [row["voucher_type"] for row in subjects],
                [row["voucher_no"] for row in subjects], [row["bank"] for row in subjects],
            )  # fmt: skip
            await self._trail.add(connection, at, [act(number)])
        return year, number

    async def _grouped(self, connection: Connection, division: str, agency: str) -> bool:
        await connection.execute(_SQL["lock_words"], f"bureau grouped {division}/{agency}")
        return await connection.fetchval(_SQL["grouped_case"], division, agency) is not None

    async def _count(self, connection: Connection, division: str, row: Row) -> int:
        parts = ("fiscal_year", "voucher_type", "voucher_no", "bank")
        payment = (division, *(row[part] for part in parts))
        await connection.execute(_SQL["lock_words"], "bureau case " + "/".join(map(str, payment)))
        return int(await connection.fetchval(_SQL["count_cases"], *payment))

    async def move(
        self, key: Key, judge: Callable[[Row, Sequence[Row], Sequence[Row]], Any]
    ) -> Any:
        """Lock the case, judge the move, store all that it makes, or nothing. None: no such case.

        `judge` is given the case, its moves and its payments, and says what is to be written
        (`bureau.desk.docket.office.Written`); what it raises leaves all as it was.
        """
        async with connection_of(self._pool) as connection, connection.transaction():
            row = await connection.fetchrow(_SQL["lock_case"], *key)
            if row is None:
                return None
            moves = await connection.fetch(_SQL["moves"], *key)
            subjects = await connection.fetch(_SQL["subjects"], *key)
            written = judge(dict(row), _dicts(moves), _dicts(subjects))
            if written is None:
                return None
            seq = row["moves"] + 1
            await connection.execute(_SQL["add_move"], *key, seq, *written.move)
            for name, media, digest, body in written.files:
                await connection.execute(_SQL["add_upload"], *key, digest, seq, name, media, body)
            issued = [await self._issue(connection, key, seq, one) for one in written.papers]
            for wish in written.wishes:
                await self._wish(connection, key, wish, written.at)
            await connection.execute(_SQL["change_case"], *key, *written.state, seq, written.at)
            await self._trail.add(connection, written.at, written.acts(issued))
        return written

    async def _issue(self, connection: Connection, key: Key, seq: int, make: Any) -> Any:
        """Number a document and set it, in the transaction that keeps it: no number is lost."""
        number = int(await connection.fetchval(_SQL["take_number"], key[0], "paper", make.year))
        paper = await asyncio.to_thread(make, number)
        await connection.execute(
            _SQL["add_paper"], key[0], make.year, number, key[1], key[2], seq, paper.kind,
            paper.outside, paper.issued_by, paper.issued_at, paper.layout, paper.pdf, paper.digest,
        )  # fmt: skip
        return paper

    async def _wish(self, connection: Connection, key: Key, wish: Any, at: dt.datetime) -> None:
        number = await connection.fetchval(_SQL["take_number"], key[0], "wish", 0)
        await connection.execute(_SQL["add_wish"], key[0], number, *wish, *key[1:], at)

    async def case(self, key: Key) -> Row | None:
        return await self._sql.row("case", *key)

    async def moves(self, key: Key) -> list[Row]:
        return await self._sql.rows("moves", *key)

    async def subjects(self, key: Key) -> list[Row]:
        return await self._sql.rows("subjects", *key)

    async def papers(self, key: Key) -> list[Row]:
        return await self._sql.rows("papers", *key)

    async def paper(self, division: str, year: int, number: int) -> Row | None:
        return await self._sql.row("paper", division, year, number)

    async def uploads(self, key: Key) -> list[Row]:
        return await self._sql.rows("uploads", *key)

    async def upload(self, key: Key, seq: int, digest: bytes) -> Row | None:
        return await self._sql.row("upload", *key, seq, digest)

    async def wishes_of(self, key: Key) -> list[Row]:
        return await self._sql.rows("wishes_of", *key)

    async def cases(
        self, division: str, before: tuple[dt.datetime, int] | None, narrowed: Sequence[Any],
        limit: int, words_among: int,
    ) -> list[Row]:  # fmt: skip
        """Newest first. `narrowed`: scope's agency, department, bank, only those told; stage,
        agency, policy, least, most, since, until, bank, year, number, words, whether its
        rectification is reported and not judged; None does not narrow. The last in which words
        were looked for is among them though it does not fit (`fits`, `last_looked_at`)."""
        place, reported = before or (None, 0), narrowed[-1]
        values = *narrowed[:-1], limit, words_among, reported
        return await self._sql.rows("cases", division, *place, *values)

    async def cases_of(self, key: tuple[str, int, str, str, str], only_told: bool) -> list[Row]:
        return await self._sql.rows("cases_of", *key, only_told)

    async def waiting(
        self, division: str, office: str, scope: Sequence[Any], limit: int
    ) -> list[Row]:
        return await self._sql.rows("waiting", division, office, *scope, limit)

    async def due_cases(
        self, division: str, day: dt.date, after: tuple[dt.date, int, int] | None, limit: int
    ) -> list[Row]:
        """Due by this day, soonest first. `after`: due, year and number of the last one."""
        place = after or (None, 0, 0)
        return await self._sql.rows("due_cases", division, day, *place, limit)

    async def concerns(
        self, division: str, since: dt.datetime, least: tuple[int, int, Sequence[str]], limit: int
    ) -> list[Row]:
        """Agencies with at least so many lines, so many fen, or one of these policies; each with
        its newest grouped case that is not over. First those without one, the serious before."""
        return await self._sql.rows("concerns", division, since, *least, limit)

    async def concern_keys(self, division: str, agency: str, since: dt.datetime) -> list[Row]:
        """The newest hundred, with their amounts."""
        return await self._sql.rows("concern_keys", division, agency, since)


def _dicts(rows: Sequence[Any]) -> list[Row]:
    return [dict(row) for row in rows]

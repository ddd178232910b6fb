"""A bank that owns its database and its record key writes what it likes into its own log: what it
cannot do is have an auditor read it otherwise than the bureau does, or look away."""

import datetime as dt
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from certs.log.manifest import write_manifest
from gateway.domain.records import RecordKind, canonical, unnumbered
from gateway.pipeline.close import close_subject
from gateway.pipeline.tell import microseconds
from tests.certs.conftest import suite as suite
from tests.verifying.test_auditing import AT, DAY, DIVISION, NEXT, World, a_day, facts, verify
from tests.verifying.test_auditing import world as world

pytestmark = pytest.mark.postgres
Fields = dict[str, Any]


async def slip(world: World, body: bytes, kind: str = "heartbeat", subject: str = "") -> None:
    """Into the queue of what is sealed next, by the database's owner."""
    owner = await asyncpg.connect(world.dsn)
    await owner.execute(
        "INSERT INTO pending_record (division, kind, subject, body) VALUES ($1, $2, $3, $4)",
        DIVISION, kind, subject, body,
    )  # fmt: skip
    await owner.close()


def a_verdict(number: int, amount_fen: int, outcome: str = "passed", **more: Any) -> Fields:
    return {
        "agency": {"code": "101001", "name": "单位"}, "agency_no": 7, "amount_fen": amount_fen,
        "digest": hashlib.sha256(b"hidden").hexdigest(), "division": DIVISION, "fiscal_year": 2026,
        "kind": "verdict", "notice_sha256": None, "outcome": outcome, "payer": {"account": "A"},
        "recorded_at": microseconds(AT), "voucher_no": str(number), "voucher_type": "8202",
    } | more  # fmt: skip


def a_heartbeat_that_holds_one(number: int) -> bytes:
    return unnumbered(
        a_verdict(number, 5) | {"kind": "heartbeat", "said": {"kind": "verdict"}, "agency_no": 1}
    )


READINGS: dict[str, bytes] = {
    "a space": unnumbered(a_verdict(77, 9_000_000)).replace(
        b'"kind":"verdict"', b'"kind": "verdict"'
    ),
    "escaped letters": unnumbered(a_verdict(77, 9_000_000)).replace(
        b'"kind":"verdict"', b'"kind":"ver\\u0064ict"'
    ),
    "two kinds": unnumbered(a_verdict(77, 9_000_000)).replace(
        b'"kind":"verdict"', b'"kind":"heartbeat","kind":"verdict"'
    ),
    "two amounts": unnumbered(a_verdict(77, 1)).replace(
        b'"amount_fen":1', b'"amount_fen":9000000,"amount_fen":1'
    ),
    "another order": b'{"zz":1,' + unnumbered(a_verdict(77, 1))[1:],
}


@pytest.mark.parametrize("name", READINGS)
async def test_a_record_that_can_be_read_in_two_ways_is_found(world: World, name: str) -> None:
    await world.decide(1, "A")
    await slip(world, READINGS[name])
    await world.seal()
    await world.deliver()
    folder = await world.exported()
    result = verify("day", folder, *world.trusted, "--json")
    assert result.exit_code == 1, result.output
    assert facts(result)["two_readings"] == [1]


async def test_what_a_record_holds_inside_is_not_what_it_is(world: World) -> None:
    """Counted as a verdict it would fill a close up to what the bank's statement shows."""
    await world.decide(1, "A")
    await slip(world, a_heartbeat_that_holds_one(78))
    await world.seal()
    await world.deliver()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    folder = await world.exported()
    result = verify("day", folder, *world.trusted, "--json")
    assert result.exit_code == 0, result.output
    receipt = world.folder / "receipt"
    receipt.write_text(world.receipt(b"hidden"))
    result = verify("receipt", receipt, "--day", folder, *world.trusted)
    assert result.exit_code == 3, "a heartbeat is no verdict"


async def closed(
    world: World, change: Callable[[list[Fields]], list[Fields]], *, decided: bool = False
) -> Path:
    """A day whose close the bank words as it likes, exported and listed by itself."""
    if not decided:
        await world.decide(1, "A")
        await world.decide(2, "B")
        await world.seal()
        await world.deliver()
    await world.close()
    owner = await asyncpg.connect(world.dsn)
    rows = await owner.fetch("DELETE FROM pending_record RETURNING body")
    await owner.close()
    for fields in change([orjson.loads(row["body"]) for row in rows]):
        await slip(world, canonical(fields), RecordKind.DAY_CLOSE, close_subject(DIVISION, DAY))
    await world.seal(NEXT)
    await world.deliver(NEXT)
    return await world.exported()


def more(line: Fields, **by: int) -> Fields:
    return line | {name: line[name] + value for name, value in by.items()}


def reaching_on(parts: list[Fields]) -> list[Fields]:
    """What was paid beside the gateway is put on top, as if the next day's folder held it."""
    (part,) = parts
    first, *rest = part["lines"]
    lines = [more(first, verdicts=1, amount_fen=900, passed=1, passed_fen=900), *rest]
    return [part | {"end_seq": 1_000_000, "lines": lines}]


def line_twice(parts: list[Fields]) -> list[Fields]:
    (part,) = parts
    first, *rest = part["lines"]
    return [part | {"lines": [more(first, passed_fen=900), first, *rest]}]


def other_total(parts: list[Fields]) -> list[Fields]:
    (part,) = parts
    return [part | {"amount_fen": part["amount_fen"] + 900}]


def paid_more(parts: list[Fields]) -> list[Fields]:
    (part,) = parts
    first, *rest = part["lines"]
    return [part | {"lines": [more(first, accepted=1, accepted_fen=999_999, unknown=-1), *rest]}]


def paid_twice_over(parts: list[Fields]) -> list[Fields]:
    (part,) = parts
    first, *rest = part["lines"]
    return [part | {"lines": [more(first, accepted=1), *rest]}]


@pytest.mark.parametrize(
    "change", [reaching_on, line_twice, other_total, paid_more, paid_twice_over]
)
async def test_a_close_that_says_more_than_the_log_holds_is_found(
    world: World, change: Callable[[list[Fields]], list[Fields]]
) -> None:
    folder = await closed(world, change)
    result = verify("day", folder, *world.trusted)
    assert result.exit_code == 1, result.output


def of_the_bank(kind: str, **more: Any) -> bytes:
    return unnumbered({
        "division": DIVISION, "fiscal_year": 2026, "kind": kind, "recorded_at": microseconds(AT),
        "voucher_no": "1", "voucher_type": "8202",
    } | more)  # fmt: skip


def called_paid(parts: list[Fields]) -> list[Fields]:
    (part,) = parts
    first, *rest = part["lines"]
    fen = first["passed_fen"]
    return [part | {"lines": [more(first, accepted=1, accepted_fen=fen, unknown=-1), *rest]}]


@pytest.mark.parametrize("corrected", [False, True])
async def test_a_refused_payment_is_not_called_paid_unless_two_words_were_recorded(
    world: World, corrected: bool
) -> None:
    """An ended contradiction counts as the later word (decision 0087)."""
    await world.decide(1, "A")
    await world.seal()
    await slip(world, of_the_bank("bank_outcome", bank_outcome="rejected"))
    if corrected:
        await slip(world, of_the_bank("correction", held="rejected", said="accepted"))
    await world.seal()
    await world.deliver()
    folder = await closed(world, called_paid, decided=True)
    result = verify("day", folder, *world.trusted)
    assert result.exit_code == (0 if corrected else 1), result.output


async def test_the_close_and_the_signed_list_are_of_the_day_that_is_verified(world: World) -> None:
    await a_day(world)
    folder = await world.exported()
    origin = (folder / "checkpoint").read_text().partition("\n")[0]
    other = (DAY + dt.timedelta(days=1)).isoformat()
    write_manifest(folder, origin, other, world.gateway)
    result = verify("day", folder, *world.trusted)
    assert result.exit_code == 1, result.output


async def test_a_list_that_calls_a_part_the_whole_log_is_not_believed(world: World) -> None:
    """A whole log has no notices beside it: they would be taken away by a word in the list."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    kept = hashlib.sha256(b"the notice").hexdigest()
    told = a_verdict(2, 5, "blocked", notice_sha256=kept, recorded_at=microseconds(NEXT))
    await slip(world, unnumbered(told))
    await world.seal(NEXT)
    await world.deliver(NEXT)
    folder = await world.exported(on=NEXT.date())
    assert verify("day", folder, *world.trusted).exit_code == 3, "the notice is not there"
    origin = (folder / "checkpoint").read_text().partition("\n")[0]
    write_manifest(folder, origin, None, world.gateway)
    assert verify("day", folder, *world.trusted).exit_code == 1


async def test_a_verdict_dated_into_a_day_that_was_closed_or_is_to_come_is_found(
    world: World,
) -> None:
    """No close would ever count it."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    await world.close()
    for at, number in ((NEXT, 11), (AT, 12), (NEXT + dt.timedelta(days=40), 13)):
        await slip(world, unnumbered(a_verdict(number, 5, recorded_at=microseconds(at))))
    await world.seal(NEXT)
    await world.deliver(NEXT)
    folder = await world.exported(on=NEXT.date())
    result = verify("day", folder, *world.trusted, "--json")
    assert (result.exit_code, facts(result)["misdated"]) == (1, [3, 4]), result.output


async def test_a_verdict_behind_the_close_of_its_day_is_found_in_a_quiet_night_too(
    world: World,
) -> None:
    """No verdict of the next day stands before it, and no close counted it: both days were valid,
    alone and together."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    assert verify("day", await world.exported(), *world.trusted).exit_code == 0
    await slip(world, unnumbered(a_verdict(77, 9_000_000)))
    at = microseconds(NEXT)
    await slip(world, unnumbered(a_verdict(78, 5, recorded_at=at)))
    later = NEXT + dt.timedelta(minutes=1)
    await world.seal(later)
    await world.deliver(later)
    folder = await world.exported("next", NEXT.date())
    result = verify("day", folder, *world.trusted, "--json")
    assert (result.exit_code, facts(result)["misdated"]) == (1, [2]), result.output


async def test_a_second_verdict_of_one_instruction_is_found(world: World) -> None:
    await world.decide(1, "A")
    await slip(world, unnumbered(a_verdict(1, 9_000_000)))
    await world.seal()
    await world.deliver()
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    result = verify("day", await world.exported(), *world.trusted, "--json")
    assert result.exit_code == 1, result.output
    assert facts(result)["judged_twice"] == [f"{DIVISION}/2026/8202/1"]


async def two_days(world: World, *slipped: bytes) -> list[Path]:
    """The day of verdict 1, and the next with what is slipped in; each valid by itself."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    first = await world.exported("first")
    for body in slipped:
        await slip(world, body)
    await world.seal(NEXT)
    await world.deliver(NEXT)
    return [first, await world.exported("second", NEXT.date())]


async def test_a_second_verdict_in_another_day_s_folder_is_found_with_both(world: World) -> None:
    at = microseconds(NEXT)
    folders = await two_days(world, unnumbered(a_verdict(1, 9_000_000, recorded_at=at)))
    for folder in folders:
        result = verify("day", folder, *world.trusted)
        assert result.exit_code == 0, "one folder cannot show it"
        assert "in this folder" in result.output and "本夹内" in result.output
    result = verify("day", *folders, *world.trusted, "--json")
    assert result.exit_code == 1, result.output
    assert facts(result)["judged_twice"] == [f"{DIVISION}/2026/8202/1"]
    assert verify("day", *reversed(folders), *world.trusted).exit_code == 1


async def test_folders_that_agree_are_valid_together_and_say_what_lies_between(
    world: World,
) -> None:
    at = microseconds(NEXT)
    folders = await two_days(world, unnumbered(a_verdict(2, 5, recorded_at=at)))
    result = verify("day", *folders, folders[0], *world.trusted, "--json")
    assert (result.exit_code, facts(result)["between"]) == (0, []), result.output
    later = NEXT + dt.timedelta(days=1)
    for moment, number in ((later, 3), (later + dt.timedelta(days=1), 4)):
        await slip(world, unnumbered(a_verdict(number, 5, recorded_at=microseconds(moment))))
        await world.seal(moment)
        await world.deliver(moment)
    last = await world.exported("last", (later + dt.timedelta(days=1)).date())
    result = verify("day", folders[0], last, *world.trusted, "--json")
    assert (result.exit_code, facts(result)["between"]) == (0, [[1, 2]]), result.output


async def test_a_receipt_is_answered_by_the_verdict_of_its_own_instruction_only(
    world: World,
) -> None:
    """The digest alone would let a verdict about one fen under another number stand for it."""
    await world.decide(1, "A")
    await slip(world, unnumbered(a_verdict(5, 1)))
    await world.seal()
    await world.deliver(AT + dt.timedelta(seconds=2))
    folder = await world.exported()
    receipt = world.folder / "receipt"
    receipt.write_text(world.receipt(b"hidden"))
    result = verify("receipt", receipt, "--day", folder, *world.trusted)
    assert result.exit_code == 3, result.output


async def test_a_day_that_runs_on_to_midnight_reaches_its_close(world: World) -> None:
    """What was judged a moment before midnight is sealed behind it, and counted all the same."""
    await world.decide(1, "A")
    await world.seal()
    await world.deliver()
    await world.decide(2, "A")
    midnight = dt.datetime(2026, 3, 2, 16, 0, 1, tzinfo=dt.UTC)
    await world.seal(midnight)
    await world.deliver(midnight)
    await world.close()
    await world.seal(NEXT)
    await world.deliver(NEXT)
    result = verify("day", await world.exported(), *world.trusted, "--json")
    assert result.exit_code == 0, result.output
    assert facts(result)["records"] == 3

"""Reading the bureau's feed: snapshot or delta, strictly, and every bad row by name."""

import json
from typing import Any

import pytest

from adapters.formats.registers.division import read_registers
from gateway.domain.codes import Register
from gateway.domain.faults import Unreadable
from gateway.domain.register_feed import FeedKind
from tests.registers.feeds import ACCOUNT, ID_NUMBER, PERSON, delta, feed, put, remove, snapshot


def wrong(document: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Unreadable) as caught:
        feed(document)
    return {error.field: error.code for error in caught.value.errors}


def test_a_snapshot_speaks_of_every_register() -> None:
    read = feed(snapshot())
    assert (read.kind, read.spoken) == (FeedKind.SNAPSHOT, frozenset(Register))
    assert read.puts[Register.ACCOUNTS].keys() == {"0710101011015200001234"}


def test_a_snapshot_leaves_no_list_out_and_a_delta_may() -> None:
    document = snapshot()
    del document["filings"]
    assert wrong(document) == {"filings": "required"}
    assert feed(delta(2, accounts=[])).kind is FeedKind.DELTA


@pytest.mark.parametrize("at", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"])
def test_a_moment_at_an_end_of_the_calendar_is_no_time_of_a_feed(at: str) -> None:
    """Reckoned to UTC it lies beyond the calendar: door, desk and command broke on it."""
    for document in (snapshot(), delta(2, accounts=[])):
        document["as_of"] = at
        assert wrong(document) == {"as_of": "range"}
    with pytest.raises(Unreadable) as caught:
        read_registers(json.dumps(snapshot() | {"as_of": at}).encode())
    assert [(error.field, error.code) for error in caught.value.errors] == [("as_of", "range")]


def test_a_delta_says_what_to_put_and_what_to_take_away() -> None:
    read = feed(
        delta(
            2,
            accounts=[put(ACCOUNT, name="某局"), remove(account="0799")],
            plans=[remove(indicator_id="IND-1", month=3)],
            persons=[remove(id_number=ID_NUMBER)],
            lists={"blacklist_accounts": [{"op": "remove", "value": "666"}],
                   "designated_vendors": [{"op": "put", "value": "某商店"}]},
            calendar=[],
        )
    )  # fmt: skip
    assert read.kind is FeedKind.DELTA
    assert read.gone[Register.ACCOUNTS] == {"0799": "accounts[1]"}
    assert read.gone[Register.PLANS] == {"IND-1/03": "plans[0]"}
    assert read.gone[Register.LISTS] == {"blacklist_accounts/666": "lists.blacklist_accounts[0]"}
    assert read.spoken == {
        Register.ACCOUNTS, Register.PLANS, Register.PERSONS, Register.LISTS, Register.CALENDAR,
    }  # fmt: skip
    (key,) = read.gone[Register.PERSONS]
    assert ID_NUMBER not in key


def test_no_number_of_a_person_is_anywhere_in_what_was_read() -> None:
    read = feed(snapshot())
    assert ID_NUMBER not in repr(read)


@pytest.mark.parametrize(
    ("lists", "errors"),
    [
        ({"accounts": [put(ACCOUNT, **{"class": "piggy_bank"})]}, {"accounts[0].class": "code"}),
        ({"accounts": [{**ACCOUNT}, put(ACCOUNT)]}, {"accounts[0].op": "required"}),
        ({"accounts": [put(ACCOUNT), put(ACCOUNT)]}, {"accounts[1].account": "repeated"}),
        ({"accounts": [put(ACCOUNT, colour="red")]}, {"accounts[0].colour": "unknown"}),
        ({"accounts": [put(ACCOUNT), remove(name="x")]}, {"accounts[1].account": "required"}),
        ({"persons": [put(PERSON, accounts="6228")]}, {"persons[0].accounts": "type"}),
        ({"accounts": [put(ACCOUNT, name="a\u202eb")]}, {"accounts[0].name": "characters"}),
    ],
)
def test_each_bad_row_of_a_delta_is_named_with_its_field(
    lists: dict[str, Any], errors: dict[str, str]
) -> None:
    assert wrong(delta(2, **lists)).keys() == errors.keys()


def test_one_bad_row_of_many_is_named() -> None:
    rows = [put(ACCOUNT, account=f"0710{n:08}") for n in range(3000)]
    rows[2999]["valid_from"] = "soon"
    assert wrong(delta(2, accounts=rows)) == {"accounts[2999].valid_from": "date"}


def test_what_stands_twice_is_refused() -> None:
    from adapters.formats.registers.feed import read_feed
    from tests.registers.feeds import CONCEAL, encoded

    raw = encoded(delta(2, accounts=[put(ACCOUNT)]))
    for twice in (
        raw.replace(b'"version": 2', b'"version": 2, "version": 2'),
        raw.replace(b'"name"', b'"name": "x", "name"'),
    ):
        with pytest.raises(Unreadable):
            read_feed(twice, CONCEAL)

"""Packed rows: a mapping like any other, whose successor leaves it as it was."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codes import PayeeClass, Register
from gateway.domain.register_tables import Tables, TablesBuilding
from gateway.domain.rows import KNOWN_MAX, Building, Rows
from tests.examples import examples
from tests.registers.feeds import CONCEAL, ID_NUMBER, VAULT, feed, snapshot

KEYS = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=3)
BODIES = st.integers(0, 10**6).map(lambda n: b'["%d"]' % n)


def rows(content: dict[str, bytes], expected: int = 4) -> Rows[bytes]:
    building: Building[bytes] = Building(expected, bytes)
    for key, body in content.items():
        building.add(key, body)
    return building.done()


@examples(200)
@given(
    st.dictionaries(KEYS, BODIES, max_size=60),
    st.lists(st.tuples(st.dictionaries(KEYS, BODIES, max_size=8), st.sets(KEYS, max_size=8))),
)
def test_rows_are_what_a_dictionary_would_be_and_no_version_changes_another(
    first: dict[str, bytes], changes: list[tuple[dict[str, bytes], set[str]]]
) -> None:
    model, table = dict(first), rows(first)
    seen = [(table, dict(model))]
    for puts, gone in changes:
        for key in gone:
            model.pop(key, None)
        model |= puts
        table = table.changed(puts, gone)
        seen.append((table, dict(model)))
    for version, content in seen:
        assert dict(version.items()) == content
        assert len(version) == len(content)
        assert all(key in version for key in content)
        assert version.get("no such key") is None
        assert None not in version


def test_a_key_that_begins_like_another_is_not_taken_for_it() -> None:
    table = rows({"10": b"[1]", "101": b"[2]", "01": b"[3]"}, expected=0)
    assert (table["10"], table["101"], table.get("1")) == (b"[1]", b"[2]", None)


def tables(**changes: object) -> Tables:
    building = TablesBuilding({})
    for register, bodies in feed(snapshot(**changes)).puts.items():
        for key, body in bodies.items():
            building.add(register, key, body)
    return building.done()


def test_tables_answer_as_the_registers_file_does() -> None:
    said = feed(snapshot())
    read = tables().registers(said.division, 1, said.as_of, {}, VAULT.index)
    assert read.accounts["0710101011015200001234"].name == "某厅"
    assert read.index.planned_fen["IND-1"][:4] == (6000, 6000, 10000, 10000)
    assert "IND-2" not in read.index.planned_fen
    assert read.payee_classes["2200"] is PayeeClass.SOCIAL_INSURANCE
    assert read.blacklist_accounts == {"666"}
    assert ("101", "", "P") in read.index.services_filed
    assert ("101", "", "Q") not in read.index.services_filed
    assert read.personal(["6228230123456789018", "2200"]) == {"6228230123456789018"}


def test_a_person_is_found_by_the_number_that_the_tables_do_not_hold() -> None:
    said = feed(snapshot())
    made = tables()
    read = made.registers(said.division, 1, said.as_of, {}, VAULT.index)
    person = read.persons.get(ID_NUMBER)
    assert person and person.name == "李某某"
    assert VAULT.open(person.id_number) == ID_NUMBER
    assert read.persons.get("220104198506152044") is None
    held = b"".join(body for rows in made.rows.values() for _, body in rows.lines())
    assert ID_NUMBER.encode() not in held


def test_an_account_stays_a_person_s_until_the_last_who_has_it_is_gone() -> None:
    key, _ = CONCEAL(person_of(tables()))
    made = tables()
    row = made.rows[Register.PERSONS].packed(key)
    assert row
    two = made.changed({Register.PERSONS: {"other": row}}, {})
    one = two.changed({}, {Register.PERSONS: [key]})
    none = one.changed({}, {Register.PERSONS: ["other"]})
    account = "6228230123456789018"
    assert [account in each.owners[0] for each in (made, two, one, none)] == [
        True, True, True, False,
    ]  # fmt: skip


def person_of(made: Tables):  # type: ignore[no-untyped-def]
    import msgspec

    (person,) = made.rows[Register.PERSONS].values()
    return msgspec.structs.replace(person, id_number=VAULT.open(person.id_number))


def test_what_was_read_once_is_not_read_again_until_too_much_is_kept() -> None:
    read: list[bytes] = []

    def reading(packed: bytes) -> bytes:
        read.append(packed)
        return packed

    building: Building[bytes] = Building(0, reading)
    for n in range(KNOWN_MAX + 1):
        building.add(str(n), b"[%d]" % n)
    table = building.done()
    assert [table.get("7") for _ in range(3)] == [b"[7]"] * 3
    assert read == [b"[7]"]
    for n in range(KNOWN_MAX + 1):
        table.get(str(n))
    assert len(read) <= KNOWN_MAX + 1 and table.get("7") == b"[7]"
    assert len(table._known) <= KNOWN_MAX
    after = table.changed({"7": b"[70]"}, ["8"])
    assert (after.get("7"), after.get("8"), table.get("7")) == (b"[70]", None, b"[7]")

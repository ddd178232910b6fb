"""Registers from workbooks and CSV files: the same feed, account numbers to the last digit."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from typer.testing import CliRunner

from adapters.formats.registers.feed import read_feed
from adapters.formats.registers.files import as_feed, template
from certs.people import PeopleVault, SealBroken, key_from, write_key
from gateway.commands.command_line import app
from gateway.domain.codes import Register
from gateway.domain.faults import Unreadable
from tests.registers.feeds import ACCOUNT, CONCEAL, ID_NUMBER, encoded, snapshot

HEAD = [["division", "as_of", "version"], ["220000000", "2026-03-02T08:00:00+08:00", "1"]]


def cells(document: dict[str, Any]) -> dict[str, list[list[Any]]]:
    """A sheet a register, as a clerk would fill them: texts all, lists joined by commas."""
    sheets: dict[str, list[list[Any]]] = {"feed": HEAD}
    for register in Register:
        names = [name for name, _ in template(register)]
        rows = document.get(register, [])
        if register is Register.LISTS:
            rows = [{"list": name, "value": v} for name, values in rows.items() for v in values]
        filled = [[_cell(row.get(name)) for name in names] for row in rows]
        sheets[register.value] = [list(names), *filled]
    return sheets


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return "，".join(value)
    if isinstance(value, bool):
        return "是" if value else "否"
    return "" if value is None else str(value)


def workbook(file: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    with xlsxwriter.Workbook(str(file)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return file


def folder(place: Path, sheets: dict[str, list[list[Any]]], encoding: str) -> Path:
    place.mkdir()
    for name, rows in sheets.items():
        with (place / f"{name}.csv").open("w", encoding=encoding, newline="") as out:
            csv.writer(out).writerows(rows)
    return place


def test_a_workbook_and_csv_files_say_what_the_json_says(tmp_path: Path) -> None:
    said = read_feed(encoded(snapshot()), CONCEAL)
    sheets = cells(snapshot())
    for number, place in enumerate((
        workbook(tmp_path / "registers.xlsx", sheets),
        folder(tmp_path / "csv", sheets, "utf-8-sig"),
        folder(tmp_path / "gbk", sheets, "gbk"),
    )):  # fmt: skip
        read = read_feed(as_feed(place), CONCEAL)
        assert (read.puts, read.version, read.as_of) == (said.puts, 1, said.as_of), number


def test_an_account_number_that_a_spreadsheet_made_a_number_of_is_refused(tmp_path: Path) -> None:
    sheets = cells(snapshot())
    place = sheets["accounts"][0].index("account")
    sheets["accounts"][1][place] = int(ACCOUNT["account"])
    with pytest.raises(Unreadable) as caught:
        as_feed(workbook(tmp_path / "wrong.xlsx", sheets))
    assert [(error.field, error.code) for error in caught.value.errors] == [
        ("accounts[0].account", "number")
    ]


def test_every_cell_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    sheets = cells(snapshot())
    sheets["accounts"][0][0] = "konto"
    sheets["calendar"][1][1] = "vielleicht"
    sheets["colours"] = [["red"]]
    with pytest.raises(Unreadable) as caught:
        as_feed(workbook(tmp_path / "wrong.xlsx", sheets))
    assert {error.field for error in caught.value.errors} == {
        "accounts.konto", "calendar[0].is_workday", "colours",
    }  # fmt: skip


def test_the_template_says_the_columns_and_writes_an_empty_workbook(tmp_path: Path) -> None:
    file = tmp_path / "empty.xlsx"
    run = CliRunner()
    assert run.invoke(app, ["registers", "template", "--xlsx", str(file)]).exit_code == 0
    assert file.stat().st_size > 1000
    told = json.loads(run.invoke(app, ["registers", "template", "accounts", "--json"]).stdout)
    assert list(told["accounts"]) == [name for name, _ in template(Register.ACCOUNTS)]
    assert "zero_balance" in told["accounts"]["class"]


def test_a_key_is_for_its_owner_and_what_it_seals_opens_for_no_other(tmp_path: Path) -> None:
    file = tmp_path / "people.key"
    write_key(file)
    with pytest.raises(FileExistsError):
        write_key(file)
    vault, other = PeopleVault(key_from(file)), PeopleVault(b"o" * 32)
    sealed = vault.seal(ID_NUMBER)
    assert vault.open(sealed) == ID_NUMBER and ID_NUMBER not in sealed
    assert vault.index(" 22010419850615203x") == vault.index("22010419850615203X")
    assert vault.index(ID_NUMBER) != other.index(ID_NUMBER)
    with pytest.raises(SealBroken):
        other.open(sealed)
    broken = bytearray(vault.seal_bytes(b"instruction"))
    broken[-1] ^= 1
    with pytest.raises(SealBroken):
        vault.open_bytes(bytes(broken))
    assert vault.open_bytes(b'{"plain": 1}') == b'{"plain": 1}', "from before there was a key"
    file.chmod(0o644)
    with pytest.raises(ValueError, match="others can read it"):
        key_from(file)


def test_in_production_no_key_no_gateway(tmp_path: Path) -> None:
    from gateway.configured.people import vault_of
    from gateway.settings import SettingsInvalid

    secret = {"GATEWAY_COMMITMENT_SECRET": "x" * 32}
    vault_of(secret)
    for environment in ({}, secret, {"GATEWAY_PEOPLE_KEY": str(tmp_path / "none")}):
        with pytest.raises(SettingsInvalid, match="GATEWAY_PEOPLE_KEY"):
            vault_of(environment, production=True)
    write_key(tmp_path / "key")
    vault_of({"GATEWAY_PEOPLE_KEY": str(tmp_path / "key")}, production=True)

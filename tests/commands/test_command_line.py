"""The command line without a stage: help, exit codes, explain, policy check, registers' errors."""

import asyncio
import datetime as dt
import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import click
import pytest
import typer
from typer.testing import CliRunner, Result

from adapters.formats.accepted import accepted_formats
from adapters.formats.iso20022.write import written_message
from adapters.postgres.registers.applying import PostgresRegisters
from deploy.demo.day import COUNT_MIN, Day, day
from gateway.commands.command_line import app
from gateway.domain.decision import Outcome
from policies.book.load import load
from tests.adapters.formats.iso_samples import AT, carriable
from tests.pipeline.letters_iso import recall
from tests.policies.shipped import BOOK

ON = dt.date(2026, 3, 10)
LIBRARY = Path(__file__).parents[2] / "policies" / "library" / "jilin"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(
        app,
        [str(each) for each in arguments],
        env={"COLUMNS": "300", "GATEWAY_COMMITMENT_SECRET": "x" * 32},
    )


def commands() -> Iterator[tuple[str, ...]]:
    def walk(group: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        for name, command in group.commands.items():
            yield (*path, name)
            if hasattr(command, "commands"):
                yield from walk(command, (*path, name))

    yield from walk(typer.main.get_command(app), ())


@pytest.fixture(autouse=True)
def read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """To read the shipped book takes longer than most of what is asked of it here."""
    monkeypatch.setattr(
        "gateway.policy_books.explain.load",
        lambda folder: BOOK if folder == LIBRARY else load(folder),
    )


@pytest.fixture(scope="module")
def plan() -> Day:
    return day(1, COUNT_MIN + 40, ON)


@pytest.fixture
def registers(plan: Day, tmp_path: Path) -> Path:
    file = tmp_path / "registers.json"
    file.write_bytes(plan.registers)
    return file


@pytest.mark.slow
@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_every_command_has_help_in_words(path: tuple[str, ...]) -> None:
    result = run(*path, "--help")
    assert result.exit_code == 0
    text = click.unstyle(result.output)
    assert "Usage:" in text and len(text.split("Options")[0].split()) > 8


def test_what_is_not_a_command_or_lacks_an_option_is_usage() -> None:
    for arguments in (("nonsense",), ("explain",), ("serve",), ("export", "day"), ("doctor",)):
        assert run(*arguments).exit_code == 2


def test_explain_says_of_each_instruction_what_the_gateway_would_decide(
    plan: Day, registers: Path, tmp_path: Path
) -> None:
    items = [item for item in plan.items if not item.replay and not item.forged]
    files = []
    for number, item in enumerate(items):
        files.append(tmp_path / f"{number}.{item.format}")
        files[-1].write_bytes(item.raw)
    result = run("explain", "--registers", registers, "--on", ON, "--json", *files)
    assert result.exit_code == 0, result.output
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in told] == [file.name for file in files]
    for item, line in zip(items, told, strict=True):
        if item.outcome is not None:
            # Without a ledger nobody knows what is left on the indicator.
            assert line["outcome"] in (item.outcome, Outcome.PASS), line
        if line["outcome"] == "fault":
            assert line["fault"]["code"] and line["findings"] == []
        assert set(line) == {"file", "format", "outcome", "findings", "fault"}
    outcomes = {line["outcome"] for line in told}
    assert outcomes == {"passed", "held", "blocked", "fault"}
    assert {line["format"] for line in told} == {"json", "voucher", "iso20022"}
    piped = run("explain", "--registers", registers, "--on", ON, files[0])
    assert json.loads(piped.stdout) == told[0], "no terminal: the same lines"
    words = run("explain", "--registers", registers, "--on", ON, "--text", files[0])
    assert words.stdout.startswith(f"{files[0].name}: ")
    assert "not a terminal" in " ".join(run("explain", "--help").output.split())


def test_explain_of_a_message_of_many_is_a_line_for_each_payment_and_of_a_letter_a_fault(
    plan: Day, registers: Path, tmp_path: Path
) -> None:
    readers = accepted_formats()
    items = [item for item in plan.items if not item.forged and not item.replay and not item.fault]
    read = [readers[item.format].parse(item.raw) for item in items]
    some = [each for each in read if carriable(each)][:12]
    raw = written_message(some, "pain.001.001.09", "M-EXPLAIN", AT)
    (tmp_path / "many.xml").write_bytes(raw)
    (tmp_path / "broken.xml").write_bytes(raw.replace(b"<NbOfTxs>12<", b"<NbOfTxs>13<"))
    (tmp_path / "recall.xml").write_bytes(recall("1"))
    files = [tmp_path / f"{name}.xml" for name in ("many", "broken", "recall")]
    result = run("explain", "--registers", registers, "--on", ON, "--json", *files)
    assert result.exit_code == 0, result.output
    *told, broken, letter = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["file"] for line in told] == [f"many.xml#{each.key.voucher_no}" for each in some]
    alone = []
    for number, each in enumerate(some):
        alone.append(tmp_path / f"{number}.alone.xml")
        alone[-1].write_bytes(written_message([each], "pacs.008.001.08", f"M-{number}", AT))
    result = run("explain", "--registers", registers, "--on", ON, "--json", *alone)
    each_alone = [json.loads(line) for line in result.stdout.splitlines()]
    for one, other in zip(told, each_alone, strict=True):
        assert (one["outcome"], one["findings"]) == (other["outcome"], other["findings"])
    assert broken["fault"]["code"] == "instruction_invalid"
    assert letter["fault"]["code"] == "media_type_unsupported" and not letter["findings"]


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "media_type_unsupported"),
        (b"\x00\x01\x02", "media_type_unsupported"),
        (b"hello", "media_type_unsupported"),
        (b"{", "not_json"),
        (b"{}", "instruction_invalid"),
        (b"<MOF/>", "not_xml"),
    ],
)
def test_explain_of_garbage_is_a_fault_and_no_crash(
    registers: Path, tmp_path: Path, raw: bytes, code: str
) -> None:
    (tmp_path / "garbage").write_bytes(raw)
    result = run("explain", "--registers", registers, "--json", tmp_path / "garbage")
    assert result.exit_code == 0
    line = json.loads(result.stdout)
    assert (line["outcome"], line["fault"]["code"]) == ("fault", code)


@pytest.mark.parametrize(
    "head", ['<?xml version="1.0" encoding="GBK"?>\n', "\n  ", '<?xml version="1.0"?>']
)
def test_explain_of_a_voucher_without_its_envelope_says_that_the_envelope_is_wanted(
    registers: Path, tmp_path: Path, head: str
) -> None:
    bare = head + "<Voucher><VtCode>8202</VtCode><VoucherNo>1</VoucherNo></Voucher>"
    (tmp_path / "bare.xml").write_bytes(bare.encode("gbk"))
    result = run("explain", "--registers", registers, "--json", tmp_path / "bare.xml")
    fault = json.loads(result.stdout)["fault"]
    assert result.exit_code == 0 and fault["code"] == "media_type_unsupported"
    assert "需要 MOF 信封" in fault["detail"] and "envelope is wanted" in fault["detail"]
    (error,) = fault["errors"]
    assert error["field"] == "MOF" and "信封" in error["zh"] and "envelope" in error["en"]
    assert "缺少 MOF 信封" in run("explain", "--registers", registers, tmp_path / "bare.xml").stdout


def test_explain_without_its_files_is_usage(registers: Path, tmp_path: Path) -> None:
    absent = tmp_path / "absent.json"
    assert run("explain", "--registers", registers, absent).exit_code == 2
    assert run("explain", "--registers", absent, registers).exit_code == 2
    (tmp_path / "bad.json").write_text("{}")
    wrong = run("explain", "--registers", tmp_path / "bad.json", registers)
    assert wrong.exit_code == 2 and "explain:" in wrong.output


def test_explain_with_registers_of_another_division_is_a_fault(
    plan: Day, registers: Path, tmp_path: Path
) -> None:
    document = json.loads(plan.registers) | {"division": "220100000"}
    registers.write_text(json.dumps(document))
    item = next(item for item in plan.items if item.outcome is Outcome.PASS)
    (tmp_path / "i").write_bytes(item.raw)
    result = run("explain", "--registers", registers, "--json", tmp_path / "i")
    assert json.loads(result.stdout)["fault"]["code"] == "division_unknown"


@pytest.mark.slow
def test_policy_check_counts_the_book_and_names_file_and_place_of_an_error(tmp_path: Path) -> None:
    good = run("policy", "check", "--json")
    assert good.exit_code == 0 and "JL-011" in json.loads(good.stdout)["policies"]
    text = (LIBRARY / "JL-011.toml").read_text("utf-8")
    (tmp_path / "JL-011.toml").write_text(text.replace("when", "whenever"), "utf-8")
    broken = run("policy", "check", "--policies", tmp_path)
    assert broken.exit_code == 1 and "JL-011.toml" in broken.output
    (tmp_path / "JL-011.toml").write_text(text.replace("amount", "amuont"), "utf-8")
    misspelt = run("policy", "check", "--policies", tmp_path)
    assert misspelt.exit_code == 1 and "JL-011.toml" in misspelt.output
    (tmp_path / "JL-011.toml").write_text("[", "utf-8")
    assert run("policy", "check", "--policies", tmp_path).exit_code == 1
    (tmp_path / "JL-011.toml").unlink()
    assert run("policy", "check", "--policies", tmp_path).exit_code == 1, "an empty book"


def test_registers_with_bad_rows_name_all_of_them_and_load_nothing(
    plan: Day, registers: Path
) -> None:
    document = json.loads(plan.registers)
    document["indicators"][0]["granted"] = 5
    document["accounts"][1]["class"] = "piggy_bank"
    document["surprise"] = 1
    registers.write_text(json.dumps(document))
    # The port is never dialled: nothing of a broken file reaches a database.
    result = run("registers", "load", registers, "--database", "postgresql://127.0.0.1:1/x")
    assert result.exit_code == 1
    for place in ("indicators[0].granted", "accounts[1].class", "surprise"):
        assert place in result.output, result.output
    assert "nothing was loaded" in result.output


async def said_to_serve(dsn: str, division: str) -> None:
    """As a gateway says it when it starts."""
    rooms = PostgresRegisters(dsn)
    await rooms.serve([division])
    await rooms.close()


@pytest.mark.slow
@pytest.mark.postgres
def test_registers_load_once_and_what_conflicts_or_is_not_served_is_refused(
    plan: Day, registers: Path, database_server: str
) -> None:
    name = f"t_{secrets.token_hex(8)}"

    async def administer(statement: str) -> None:
        connection = await asyncpg.connect(database_server)
        await connection.execute(statement)
        await connection.close()

    asyncio.run(administer(f"CREATE DATABASE {name} TEMPLATE template0"))
    dsn = urlunsplit(urlsplit(database_server)._replace(path=f"/{name}"))
    try:
        first = run("registers", "load", registers, "--database", dsn, "--json")
        assert first.exit_code == 0 and json.loads(first.stdout)["applied"], first.output
        again = run("registers", "load", registers, "--database", dsn)
        assert again.exit_code == 1 and "in force already is version 1" in again.output
        altered = json.loads(plan.registers)
        altered["agencies"][0]["name"] = "另一厅"
        registers.write_text(json.dumps(altered))
        conflict = run("registers", "load", registers, "--database", dsn)
        assert conflict.exit_code == 1 and "feed_conflict" in conflict.output
        assert "in force with other content" in conflict.output
        elsewhere = json.loads(plan.registers) | {"version": 2, "division": "220100000"}
        registers.write_text(json.dumps(elsewhere))
        asyncio.run(said_to_serve(dsn, json.loads(plan.registers)["division"]))
        stray = run("registers", "load", registers, "--database", dsn)
        assert stray.exit_code == 1 and "division_unknown" in stray.output, stray.output
        newer = json.loads(plan.registers) | {"version": 2}
        newer["indicators"].pop()
        registers.write_text(json.dumps(newer))
        second = run("registers", "load", registers, "--database", dsn, "--json")
        assert json.loads(second.stdout)["version"] == 2
        assert len(json.loads(second.stdout)["withdrawn"]) >= 1
    finally:
        asyncio.run(administer(f"DROP DATABASE {name} WITH (FORCE)"))


def test_a_database_that_is_not_there_is_a_sentence_and_no_traceback(registers: Path) -> None:
    nowhere = ("--database", "postgresql://127.0.0.1:1/x")
    for arguments in (
        ("migrate", *nowhere),
        ("registers", "load", registers, *nowhere),
        ("unknowns", "list", *nowhere),
        ("certs", "list", *nowhere),
    ):
        result = run(*arguments)
        assert result.exit_code == 1, result.output
        assert "Traceback" not in result.output and result.output.strip()
        assert result.output.count("Check that PostgreSQL runs") == 1, arguments
    (registers.parent / "empty.json").write_text("{}")
    other = run("registers", "load", registers.parent / "empty.json", *nowhere)
    assert other.exit_code and "Check that PostgreSQL" not in other.output, "the file's own fault"


BREAKS = """
import logging, pathlib, sys, structlog
from gateway.configured.journal import configure_log
configure_log(pathlib.Path(sys.argv[1]))
account, person = "6228230123456789018", "张建国"
try:
    raise KeyError(f"{account} {person}")
except KeyError:
    structlog.get_logger().exception("line.broken", party="spiffe://x")
logging.getLogger("asyncio").error("lost %s of %s", account, person)
"""


@pytest.mark.slow
def test_the_log_tells_an_error_without_its_values(tmp_path: Path) -> None:
    """In a process of its own: a log is configured once, for as long as the program runs."""
    subprocess.run([sys.executable, "-c", BREAKS, str(tmp_path / "log")], check=True)
    text = (tmp_path / "log").read_text("utf-8")
    assert "6228230123456789018" not in text and "张建国" not in text and "locals" not in text
    broken, warned = (json.loads(line) for line in text.splitlines())
    assert broken["exception"][0]["exc_type"] == "KeyError"
    assert broken["exception"][0]["frames"]
    assert (warned["event"], warned["message"]) == ("library.warned", "lost *** of ***")


@pytest.mark.slow
def test_an_officer_whose_key_does_not_open_hears_which_variable_is_asked(tmp_path: Path) -> None:
    secrets_of = {
        "CERTS_KEY_PASSPHRASE": "the officer's own words",
        "CERTS_AUTHORITY_PASSPHRASE": "the authority's words",
        "GATEWAY_KEY_PASSPHRASE": "the gateway's own words",
    }
    typed = CliRunner(env=secrets_of | {"COLUMNS": "300"})
    for name in ("li", "wang"):
        uri = f"spiffe://treasury.test/operator/{name}"
        made = typed.invoke(app, ["certs", "key", str(tmp_path / name), "--uri", uri])
        assert made.exit_code == 0, made.output
    ceremony = ["certs", "ceremony", str(tmp_path / "ca"), "--name", "Test"]
    ceremony += ["--officer", str(tmp_path / "li.csr"), "--officer", str(tmp_path / "wang.csr")]
    assert typed.invoke(app, ceremony).exit_code == 0
    sign = ["policy", "sign", str(tmp_path / "book.json"), "--key", str(tmp_path / "li.key")]
    refused = typed.invoke(app, [*sign, "--certificate", str(tmp_path / "ca" / "li.pem")])
    assert refused.exit_code == 1
    assert "GATEWAY_KEY_PASSPHRASE" in refused.output and "officer's own key" in refused.output
    assert "<class" not in typed.invoke(app, ["policy", "sign", "--help"]).output

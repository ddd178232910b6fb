"""Wrong usage is told whole, and the commands take `--settings` in one way."""

from pathlib import Path

import click
import pytest
from typer.testing import CliRunner, Result

from gateway.commands.command_line import app
from gateway.commands.releases import named
from gateway.commands.terminal import console, fail
from gateway.domain.faults import CommitUnknown, LedgerUnavailable
from tests.house.test_commands import leaves, line

ALONE = {"migrate", "certs inventory", "certs list", "certs ocsp"}
"""They need a database and nothing that settings say."""


def run(*words: object, **environment: str) -> Result:
    return CliRunner().invoke(
        app, [str(each) for each in words], env={"COLUMNS": "300", **environment}
    )


def told(result: Result) -> list[str]:
    """What the message says is wrong, a line each."""
    assert result.exit_code == 2, result.output
    said = click.unstyle(result.output).partition("Error: ")[2].splitlines()
    return [line.strip() for line in said]


def test_all_that_a_command_lacks_is_told_in_one_message() -> None:
    first, *rest = told(run("unknowns", "resolve", GATEWAY_DATABASE=""))
    assert first == "6 处有误 6 things are wrong:"
    options = ("--settings", "--database", "--outcome", "--reason", "--by")
    assert [line.split("'")[1] for line in rest] == ["key", *options]


def test_what_is_wrong_stands_beside_what_lacks() -> None:
    words = ("export", "day", "folder", "--database", "x", "--on", "yesterday", "--color", "red")
    first, *rest = told(run(*words, "--division"))
    assert first.startswith("4 处有误")
    assert rest[0].startswith("No such option: --color")
    assert rest[1] == "Option '--division' requires an argument."
    assert rest[2] == "Missing option '--settings'."
    assert "'--on'" in rest[3] and "yesterday" in rest[3]
    assert len(rest) == 4, "an unknown option's value is no argument of its own"


def test_one_thing_is_said_as_before_and_help_is_help() -> None:
    assert told(run("doctor")) == ["Missing option '--settings'."]
    assert told(run("doctor", "--settings", "x", "more")) == [
        "Got unexpected extra argument(s) (more)"
    ]
    assert told(run("doctor", "--settings", "x", "--nonsense"))[0].startswith("No such option")
    helped = run("unknowns", "resolve", "--help")
    assert helped.exit_code == 0 and "Settle one payment" in helped.output


def test_a_decision_is_one_of_three() -> None:
    words = ("unknowns", "resolve", "k", "--settings", "s", "--database", "d", "--by", "Wang")
    (said,) = told(run(*words, "--reason", "what was seen", "--outcome", "unknown"))
    assert "'accepted', 'rejected', 'not_taken'" in said


def test_every_command_on_the_gateways_database_takes_settings() -> None:
    on_database = {
        path: {option for each in command.params for option in each.opts}
        for path, command in leaves(line())
    }
    without = {
        path
        for path, options in on_database.items()
        if "--database" in options and "--settings" not in options
    }
    assert without == ALONE


@pytest.mark.parametrize(
    "words",
    [
        ("conduct", "alerts"), ("conduct", "score"), ("policy", "shadow", "report"),
        ("export", "consistency", "proof", "--since", "checkpoint"),
    ],
)  # fmt: skip
def test_without_settings_a_division_isnamed(words: tuple[str, ...]) -> None:
    result = run(*words, "--database", "postgresql:///nowhere")
    assert result.exit_code == 2 and "say --division" in result.output


@pytest.mark.parametrize(
    "words",
    [
        ("unknowns", "list"), ("conduct", "alerts"), ("conduct", "score"),
        ("policy", "replay", "220000000/2026/8202/1"), ("policy", "shadow", "list"),
        ("policy", "shadow", "stop"), ("policy", "shadow", "report"),
        ("policy", "shadow", "follow"), ("policy", "shadow", "start", "folder", "--by", "Li"),
        ("policy", "backtest", "old", "new"),
        ("export", "consistency", "proof", "--since", "checkpoint"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_are_usage(words: tuple[str, ...], tmp_path: Path) -> None:
    absent = tmp_path / "absent.toml"
    result = run(*words, "--database", "postgresql:///nowhere", "--settings", absent)
    assert result.exit_code == 2 and "absent.toml" in result.output, result.output


def test_a_registers_file_that_is_not_there_was_not_loaded(tmp_path: Path) -> None:
    """It said that nothing was *known* to have been loaded, as when the database fails midway."""
    absent = tmp_path / "absent.json"
    ran = run("registers", "load", absent, GATEWAY_DATABASE="postgresql://gw@127.0.0.1:1/gw")
    assert ran.exit_code == 1
    assert f"nothing was loaded: no such file: {absent}" in ran.output


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (("people", "key", "{no}/people.key"), "{no}"),
        (("people", "key", "{there}"), "{there}"),
        (("people", "key", "{there}/people.key"), "{there}/people.key"),
        (("sm2", "issue", "{no}", "--authority", "{no}", "--key", "{no}", "--out", "x"), "{no}"),
        (("explain", "--registers", "{no}", "{there}"), "{no}"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_or_written_is_told_in_words(
    words: tuple[str, ...], place: str, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    there.write_text("{}")
    here = {"no": str(tmp_path / "no"), "there": str(there)}
    result = run(*(each.format(**here) for each in words), GATEWAY_KEY_PASSPHRASE="long enough 12")
    assert result.exit_code in (1, 2)
    assert "Errno" not in result.output
    assert f": {place.format(**here)}: " in result.output


def test_a_proposer_without_a_certificate_is_told_in_words(tmp_path: Path) -> None:
    """What `releases` meets within its work: a person's key that is not there."""
    no = tmp_path / "no"
    with pytest.raises(FileNotFoundError) as missing:
        named("li", no, no)
    try:
        raise missing.value
    except OSError as refused:
        with console.capture() as said:
            fail(f"releases: {refused}")
    assert said.get().startswith(f"releases: {no}: 没有这个文件")


@pytest.mark.parametrize(
    ("lost", "remedy", "other"),
    [
        (CommitUnknown(), "Run the same command again", "Check that PostgreSQL"),
        (LedgerUnavailable("no"), "Check that PostgreSQL runs", "Run the same command again"),
    ],
)
def test_who_may_have_written_is_told_to_ask_again_and_not_to_mend_the_address(
    lost: LedgerUnavailable, remedy: str, other: str
) -> None:
    with console.capture() as said:
        try:
            raise ValueError("settling") from lost
        except ValueError as refused:
            fail(f"unknowns: {refused}")
    assert remedy in said.get() and other not in said.get()


@pytest.mark.parametrize("command", ["releases", "voids"])
def test_an_error_begins_with_the_command_that_was_typed(command: str, tmp_path: Path) -> None:
    words = ("list", "--settings", tmp_path / "absent.toml", "--division", "220000000")
    result = run(command, *words)
    assert result.exit_code and result.output.startswith(f"{command}: "), result.output


@pytest.mark.slow
def test_help_says_words_and_no_class_of_the_program() -> None:
    """`default: <class 'str'>` stood behind each passphrase, and `(Art.` where a line was cut."""
    for name, command in leaves(line()):
        assert "<class" not in run(*name.split(), "--help").output, name
        short = command.get_short_help_str(limit=300)
        assert short.count("(") == short.count(")"), f"{name}: {short}"

"""What a command leaves behind: whole or not at all, under the name that was said, and whose."""

import stat
from pathlib import Path

import pytest
import typer
from rich.table import Table
from typer.testing import CliRunner

from gateway.commands import certs, conduct, policy_past
from gateway.commands.command_line import app
from gateway.commands.terminal import show_table

URI = "spiffe://treasury.test/agency/220000000/101001"
TYPED = CliRunner(
    env={
        "CERTS_KEY_PASSPHRASE": "the words of the key",
        "CERTS_AUTHORITY_PASSPHRASE": "the words of the authority",
        "COLUMNS": "300",
    }
)


def key(folder: Path, name: str, *more: str) -> tuple[int, str]:
    words = ["certs", "key", str(folder / name), "--uri", URI, *more]
    done = TYPED.invoke(app, words)
    return done.exit_code, done.output


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--uri", "nonsense"), 2), (("--uri", f"{URI}/x/y"), 2),
        (("--ip", "300.1.1.1"), 1), (("--dns", "网关.test"), 1),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_made_leaves_no_key(
    tmp_path: Path, more: tuple[str, ...], code: int
) -> None:
    """A key is never written over: the second try, in order, would be refused for ever."""
    assert key(tmp_path, "a", *more)[0] == code
    assert not list(tmp_path.iterdir())
    assert key(tmp_path, "a")[0] == 0


def test_key_and_request_have_the_whole_name_that_was_said(tmp_path: Path) -> None:
    """`gateway.bank.example` and `gateway.bank.test` were one file, and the first one's."""
    assert key(tmp_path, "gateway.bank.example")[0] == key(tmp_path, "gateway.bank.test")[0] == 0
    assert {file.name for file in tmp_path.iterdir()} == {
        f"gateway.bank.{name}.{kind}" for name in ("example", "test") for kind in ("key", "csr")
    }


def test_another_keys_request_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.csr").write_text("another's")
    for command in (["certs", "key", "--uri", URI], ["certs", "authority-request", "--name", "N"]):
        done = TYPED.invoke(app, [*command, str(tmp_path / "a")])
        assert done.exit_code == 1 and "another key's" in done.output
    assert (tmp_path / "a.csr").read_text() == "another's" and not (tmp_path / "a.key").exists()


def test_facts_that_are_kept_are_their_owners_only(tmp_path: Path) -> None:
    with policy_past._own(tmp_path / "facts") as kept:
        kept.write("{}\n")
    assert stat.S_IMODE((tmp_path / "facts").stat().st_mode) == 0o600


def test_where_nothing_can_be_written_nothing_is_signed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    certs._expect_room(tmp_path / "a.pem")
    assert not list(tmp_path.iterdir()), "it only looks"
    for place in (tmp_path, tmp_path / "absent" / "a.pem"):
        with pytest.raises(typer.Exit) as ended:
            certs._expect_room(place)
        assert ended.value.exit_code == 1
    with pytest.raises(typer.Exit):
        certs._write(tmp_path, b"-----BEGIN CERTIFICATE-----\n", "certificate 7 is issued")
    assert "certificate 7 is issued" in (said := capsys.readouterr().err)
    assert "-----BEGIN CERTIFICATE-----" in said


def test_words_of_others_are_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    """`[/x]` in a bank's reference ended the list with a traceback; `[b]` was left out of it."""
    alert = {"policy": "JL-101", "light": "red", "article": "第十条", "remedy_zh": "核对"}
    conduct._tell(alert | {"reason_zh": "流水号 [/x] 与 [b]12[/b]"})
    assert "流水号 [/x] 与 [b]12[/b]" in "".join(capsys.readouterr())
    table = Table("one", "two", "three", "four")
    table.add_row("[/x]", "[red]", "[2026]1号", "")
    show_table(table, "")
    said = capsys.readouterr().err
    assert "[/x]" in said and "[red]" in said and "[2026]1号" in said


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1026-11-30"])
@pytest.mark.parametrize(
    "command",
    [
        "day-close --division 220000000 --settings absent --on",
        "export day x --division 220000000 --settings absent --on",
        "conduct score --to 2026-03-02 --from", "conduct alerts --to",
        "policy backtest a b --since", "policy shadow start f --since",
        "explain x --registers absent --on",
    ],
)  # fmt: skip
def test_a_day_that_no_gateway_has_seen_is_told_and_no_trace(command: str, day: str) -> None:
    """`day-close` put the day of a mistyped year on record; the others ended in the calendar."""
    done = TYPED.invoke(app, [*command.split(), day], env={"GATEWAY_DATABASE": "postgresql:///x"})
    assert done.exit_code == 2 and "年份有误" in done.output


@pytest.mark.parametrize(
    "command",
    [
        "policy replay 220000000/2026/8202/1", "policy shadow list",
        "policy shadow report --division 220000000",
        "policy backtest policies/library policies/library --division 220000000",
    ],
)  # fmt: skip
def test_a_key_of_peoples_data_that_is_not_there_is_told_and_no_trace(
    tmp_path: Path, command: str
) -> None:
    where = {"GATEWAY_DATABASE": "postgresql:///x", "GATEWAY_PEOPLE_KEY": str(tmp_path / "away")}
    done = TYPED.invoke(app, command.split(), env=where)
    assert done.exit_code in (1, 2) and "GATEWAY_PEOPLE_KEY" in done.output, done.output


def test_nobody_opens_a_shut_gateway_without_a_name_and_a_reason() -> None:
    """An empty name stood in the mark as whoever answers for it."""
    who = ["--division", "220000000", "--told", "3", "--by", " ", "--reason", "ok"]
    done = TYPED.invoke(app, ["mark", "set", "--settings", "absent.toml", *who])
    assert done.exit_code == 1 and "--by" in done.output and "--reason" in done.output

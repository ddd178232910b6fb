"""An alert on the bank's conduct is read in a narrow window, and copied from it."""

import pytest

from gateway.commands.conduct import _tell

ALERT = {
    "policy": "JL-101", "light": "red", "article": "10(4)2",
    "reason_zh": "220000000/2026/8202/186实付74,906.00元，与指令不符：[/银行的话]" * 4,
    "remedy_zh": "请按指令更正，并退回差额。",
}  # fmt: skip


def test_an_alert_is_two_lines_however_narrow_the_window(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In columns its reason stood a few characters a line."""
    monkeypatch.setenv("COLUMNS", "40")
    _tell(ALERT)
    assert capsys.readouterr().err.splitlines() == [
        f"JL-101（第十条（四）2）{ALERT['reason_zh']}", f"  处理办法 remedy: {ALERT['remedy_zh']}",
    ]  # fmt: skip

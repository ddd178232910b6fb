"""What strangers type as TOML is bounded before it is read, and refused in one way."""

import pytest

from policies.book.load import LIBRARY, load_texts
from policies.book.read import read_policy
from policies.form.sheet import sheet_of
from policies.language.errors import PolicyRefused
from policies.language.toml import TomlRefused, read_toml

CASH = load_texts(LIBRARY / "jilin")["JL-042.toml"]
HOSTILE = (
    ".".join(["a"] * 30_000) + " = 1",
    "[" + ".".join(["a"] * 30_000) + "]",
    "x = { " + ".".join(['"a"'] * 30_000) + " = 1 }",
    "x = " + "[" * 40_000 + "]" * 40_000,
    "x = " + "{a=" * 10_000 + "1" + "}" * 10_000,
    "x = " + "9" * 90_000,
    "x = [",
    "x = 1\nx = 2",
)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_endless_keys_nests_and_numbers_are_refused_like_any_other_mistake(text: str) -> None:
    """Thirty thousand dots took half a minute, the nests were an error of ours."""
    with pytest.raises(TomlRefused):
        read_toml(text)
    with pytest.raises(PolicyRefused) as refused:
        read_policy(f"{CASH}\n{text}\n", "JL-042.toml")
    assert "不是有效的 TOML" in refused.value.problems[0].zh
    assert sheet_of(f"{CASH}\n{text}\n") is None


def test_every_document_of_the_library_is_within_the_bounds() -> None:
    for text in load_texts(LIBRARY / "jilin").values():
        assert read_toml(text)["id"]

"""The law as documents and the bulletin quote it."""

from bureau.desk.law import _quoted, quoted_of


def test_every_quotation_ends_as_a_sentence() -> None:
    """A clause cut out of a list ends with `；`, and stood there without any end."""
    assert all(words.endswith(("。”", "？”", "！”", "”。")) for words in quoted_of().values())
    assert _quoted(article="17", text="不得拆分；") == "第十七条：“不得拆分”。"
    assert _quoted(article="17", text="应当公开。") == "第十七条：“应当公开。”"

"""The regulation's words and the Chinese title of each policy, from the policy documents."""

import tomllib
from collections.abc import Mapping
from functools import cache
from typing import Any

from policies.book.load import LIBRARY, load_texts
from policies.book.names import article_zh


def law_of() -> Mapping[str, str]:
    """The article's text on which each policy rests, by policy id."""
    return {each["id"]: each["law"]["text"] for each in _documents()}


def titles_of() -> Mapping[str, str]:
    return {each["id"]: each["title"]["zh"] for each in _documents()}


def cited_of() -> Mapping[str, str]:
    """Each policy's Chinese title with the articles it rests on, as a letter cites it."""
    return {
        each["id"]: f"{each['title']['zh']}（{article_zh(each['law']['article'])}）"
        for each in _documents()
    }


def quoted_of() -> Mapping[str, str]:
    """The law behind each policy as it is quoted: 第十七条：“预算单位管理和使用……”. Of several
    articles it is the words of one: 第十条（三）11；第十三条（三），其中规定：“……”"""
    return {each["id"]: _quoted(**each["law"]) for each in _documents()}


def _quoted(*, article: str, text: str, **_: str) -> str:
    named = article_zh(article)
    words = text.rstrip("；;")
    end = "" if words.endswith(("。", "！", "？")) else "。"
    return f"{named}{'，其中规定' if '；' in named else ''}：“{words}”{end}"


@cache
def _documents() -> tuple[Mapping[str, Any], ...]:
    return tuple(tomllib.loads(text) for text in load_texts(LIBRARY / "jilin").values())

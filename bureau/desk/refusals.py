"""What the desk answers when an act is not allowed: nothing was changed, and the words say why."""

from collections.abc import Sequence

Words = tuple[str, str]
"""What a person is told: Chinese, and the same in English."""


class ActRefused(ValueError):
    """Chinese first; `code` is stable."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.code = code
        self.zh = zh
        self.en = en

    @property
    def words(self) -> Words:
        return self.zh, self.en


def joined(words: Sequence[Words]) -> Words:
    """All at once, as one sentence in each tongue."""
    return "；".join(zh for zh, _ in words), "; ".join(en for _, en in words)


PROPOSER_CLOSED: Words = (
    "提议人的账号已停用，不能批准；请退回，由他人重新提出。",
    "The account of whoever proposed it is closed: send it back; another person proposes it anew.",
)


def check_proposer(closed: bool) -> None:
    """Two persons answer for what is approved: one whose account is closed by then answers for
    nothing any more."""
    if closed:
        raise ActRefused("proposer_closed", *PROPOSER_CLOSED)


def check_seen(seen: int | None, now: int) -> None:
    """What a person decides on is what the person was shown (docs/decisions/0057): `seen` of its
    steps, and there are `now` so many. None: nothing is decided, any state will do."""
    if seen is not None and seen != now:
        raise ActRefused(
            "moved_on", "打开本页之后又有新的办理情况，请重新查看后再决定。",
            "It has changed since this page was opened; look again and decide.",
        )  # fmt: skip

"""What the desk answers when an act is not allowed: nothing was changed, and the words say why."""


class ActRefused(ValueError):
    """Chinese first; `code` is stable."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(f"{zh} / {en}")
        self.code = code
        self.zh = zh
        self.en = en

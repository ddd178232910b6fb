"""How often a log says what comes again and again: it must not be flooded by it."""

SELDOM_S = 10.0


class Seldom:
    """Each kind is said at once, and then once in a while with how often it came meanwhile."""

    def __init__(self, every_s: float = SELDOM_S) -> None:
        self._every_s = every_s
        self._said: dict[str, tuple[float, int]] = {}

    def due(self, kind: str, now_s: float) -> int | None:
        """How often it came since it was last said, this time too; None: not to be said now.

        `now_s`: monotonic. `kind` is one of few.
        """
        said_s, came = self._said.get(kind, (-self._every_s, 0))
        if now_s - said_s < self._every_s:
            self._said[kind] = said_s, came + 1
            return None
        self._said[kind] = now_s, 0
        return came + 1


LASTING_S = 60.0


class Lasting:
    """One trouble that lasts: said when it begins, then once in a while, and when it is over."""

    def __init__(self, every_s: float = LASTING_S) -> None:
        self._every_s = every_s
        self._said_s: float | None = None

    def due(self, now_s: float) -> bool:
        """It is there (again); whether that is to be said now. `now_s`: monotonic."""
        if self._said_s is not None and now_s - self._said_s < self._every_s:
            return False
        self._said_s = now_s
        return True

    def over(self) -> bool:
        """It is not there; whether it was, and that is to be said."""
        was, self._said_s = self._said_s is not None, None
        return was

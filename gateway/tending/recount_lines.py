"""The limit lines of a recount: what payments come to on each, beside what is stored there."""

from collections.abc import Iterator, Mapping

from gateway.domain.ledger import Limit, LimitKind
from gateway.domain.recount import KeptLine, Line, Spoken


class Lines:
    """What was added up; a line costs two numbers, as many as the registers have limits."""

    def __init__(self) -> None:
        self._reserved: dict[Line, int] = {}
        self._posted: dict[Line, int] = {}
        self._seen: set[Line] = set()

    def add(self, reserved: Spoken, posted: Spoken) -> None:
        """One payment's."""
        for sums, fens in ((self._reserved, reserved), (self._posted, posted)):
            for line, fen in fens.items():
                sums[line] = sums.get(line, 0) + fen

    def unlike(
        self, kept: KeptLine, granted: Mapping[Line, Limit], openings: Mapping[Line, int]
    ) -> Iterator[tuple[str, int, int]]:
        """Column, stored, recounted. A limit that the registers do not name any more is granted
        nothing, and keeps what was frozen."""
        line = kept.line
        self._seen.add(line)
        limit = granted.get(line)
        grant = limit.granted_fen if limit else 0
        frozen = limit.frozen_fen if limit else kept.frozen_fen
        # A plan of one payment method opens with nothing: the bureau counts by indicator.
        no_count = 0 if line[0] == LimitKind.PLAN else kept.opening_fen
        opening = openings.get(line, no_count)
        reserved, posted = self._reserved.get(line, 0), self._posted.get(line, 0)
        for column, stored, recounted in (
            ("granted_fen", kept.granted_fen, grant),
            ("frozen_fen", kept.frozen_fen, frozen),
            ("opening_fen", kept.opening_fen, opening),
            ("reserved_fen", kept.reserved_fen, reserved),
            ("posted_fen", kept.posted_fen, posted),
            ("ceiling_fen", kept.ceiling_fen, max(grant - frozen - opening, reserved + posted)),
        ):
            if stored != recounted:
                yield column, stored, recounted

    def left(self, granted: Mapping[Line, Limit]) -> dict[Line, int]:
        """Lines that ought to be there and were not seen: what is spoken for on each."""
        wanted = granted.keys() | self._reserved.keys() | self._posted.keys()
        return {
            line: self._reserved.get(line, 0) + self._posted.get(line, 0)
            for line in wanted - self._seen
        }

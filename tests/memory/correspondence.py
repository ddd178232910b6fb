"""Letters about payments that were ordered before, in memory: the same answers as PostgreSQL's."""

import datetime as dt
from collections.abc import Mapping, Sequence

from gateway.domain.correspondence import KeptLetter, RecallStanding, RecallWord
from gateway.domain.holds import Notification
from gateway.domain.instruction import InstructionKey
from gateway.domain.ledger import RecordDraft, Standing
from tests.memory.ledger import MemoryLedger
from tests.memory.state import MemoryState

CONFLICT_RECORDS_MAX = 16


class MemoryCorrespondence:
    """`gateway.hold_ports.LetterBook` over the state that `ledger` works on."""

    def __init__(self, state: MemoryState, ledger: MemoryLedger) -> None:
        self._state = state
        self._ledger = ledger
        self.letters: dict[tuple[str, str, str], KeptLetter] = {}
        self.answers: dict[tuple[str, str, str], bytes] = {}
        self.words: list[RecallWord] = []
        self.totals: dict[tuple[str, str], int] = {}
        """By division and number: what clearing vouchers came to."""
        self.conflicts: dict[tuple[str, str], set[bytes]] = {}

    async def close(self) -> None:
        return None

    async def keep(self, letter: KeptLetter) -> tuple[bytes, bytes | None] | None:
        place = letter.division, letter.party, letter.id
        if place not in self.letters:
            self.letters[place] = letter
            return None
        return self.letters[place].digest, self.answers.get(place)

    async def conflict(self, division: str, record: RecordDraft, digest: bytes) -> bool:
        told = self.conflicts.setdefault((division, record.subject), set())
        if digest in told or len(told) >= CONFLICT_RECORDS_MAX:
            return False
        told.add(digest)
        self._ledger.pend(division, record)
        return True

    async def answered(
        self, letter: KeptLetter, answer: bytes, at: dt.datetime,
        records: Sequence[RecordDraft] = (),
    ) -> None:  # fmt: skip
        place = letter.division, letter.party, letter.id
        if place not in self.answers:
            self.answers[place] = answer
            for record in records:
                self._ledger.pend(letter.division, record)

    async def cleared(self, division: str, numbers: Sequence[str]) -> Mapping[str, int]:
        return {
            number: fen for (of, number), fen in self.totals.items()
            if of == division and number in numbers
        }  # fmt: skip

    async def standings(self, keys: Sequence[InstructionKey]) -> Mapping[InstructionKey, Standing]:
        found = {key: await self._ledger.standing(key) for key in keys}
        return {key: standing for key, standing in found.items() if standing}

    async def say(self, word: RecallWord) -> bool:
        place = word.recall, word.key, word.status
        if place in {(each.recall, each.key, each.status) for each in self.words}:
            return False
        self.words.append(word)
        self._ledger.pend(word.key.division, word.record)
        if word.notification is not None:
            told = Notification(
                id=self._state.next_id(), subject=str(word.key), created_at=word.at,
                body=word.notification,
            )  # fmt: skip
            self._state.notifications[told] = word.key.division, word.agency_code
        return True

    async def recalls(self, division: str, recall: str, voucher_no: str) -> list[RecallStanding]:
        return [
            RecallStanding(
                key=word.key, status=word.status, agency_code=word.agency_code, asker=word.asker
            )
            for word in self.words
            if (word.key.division, word.recall, word.key.voucher_no)
            == (division, recall, voucher_no)
        ]

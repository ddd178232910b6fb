"""The simulated bank does what seed and key say, pays twice what is sent twice, and owns up."""

from collections import Counter
from pathlib import Path

import attrs
import msgspec
import pytest

from adapters.bank.fate import Fate, Habits
from adapters.bank.journal import Journal
from adapters.bank.simulated_core import SimulatedCore

ALL = Habits(
    seed=7,
    reject_share=0.09,
    late_share=0.09,
    pending_share=0.09,
    silence_share=0.18,
    crash_share=0.18,
    double_answer_share=0.09,
    forget_share=0.09,
    babble_share=0.09,
    late_s=1000.0,
    forget_s=1000.0,
)
KEYS = [f"220000000/2026/8202/S{number:06d}" for number in range(4000)]


class Deskless:
    """A core without a door: what it said, and how often it died."""

    def __init__(self, habits: Habits, state: Path) -> None:
        self.deaths = 0
        self.batches = 0
        self.core = SimulatedCore(habits, state, flush_soon=self._batch, die=self._die, fsync=False)

    def submit(self, key: str, body: bytes = b"{}") -> list[dict[str, str]]:
        said: list[bytes] = []
        self.core.submit(key, body, said.append)
        assert said == [], "nothing is said before it is on the disk"
        self.core.journal.flush()
        return [msgspec.json.decode(each) for each in said]

    def enquire(self, key: str) -> str:
        status, body = self.core.enquire(key)
        told = msgspec.json.decode(body)
        assert told["key"] == key
        assert (status == 404) == (told["outcome"] == "not_found")
        return str(told["outcome"])

    def effects(self) -> dict[str, int]:
        rows = msgspec.json.decode(self.core.audit())["effects"]
        return {row["key"]: row["count"] for row in rows}

    def _batch(self) -> None:
        self.batches += 1

    def _die(self) -> None:
        self.deaths += 1


def of_fate(fate: Fate) -> str:
    return next(key for key in KEYS if ALL.fate(key) is fate)


def test_every_fate_has_about_its_share() -> None:
    seen = Counter(ALL.fate(key) for key in KEYS)
    assert set(seen) == set(Fate)
    for count in seen.values():
        assert 0.07 < count / len(KEYS) < 0.12


def test_a_fate_follows_from_seed_and_key_alone() -> None:
    again = Habits(**attrs.asdict(ALL))
    other = Habits(seed=8, reject_share=0.5)
    assert [ALL.fate(key) for key in KEYS] == [again.fate(key) for key in KEYS]
    same = sum(other.fate(key) is Habits(seed=9, reject_share=0.5).fate(key) for key in KEYS)
    assert 0.4 < same / len(KEYS) < 0.6


def test_shares_beyond_the_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 1"):
        Habits(reject_share=0.6, late_share=0.6)


TAKEN = {
    # fate: (answers, enquiry afterwards, effects, deaths)
    Fate.ACCEPT: (["accepted"], "accepted", 1, 0),
    Fate.REJECT: (["rejected"], "rejected", 0, 0),
    Fate.LATE: ([], "not_found", 1, 0),
    Fate.PENDING: ([], "pending", 1, 0),
    Fate.SILENT_TAKEN: ([], "accepted", 1, 0),
    Fate.SILENT_LOST: ([], "not_found", 0, 0),
    Fate.CRASH_AFTER: ([], "accepted", 1, 1),
    Fate.CRASH_BEFORE: ([], "not_found", 0, 1),
    Fate.TWICE: (["accepted", "accepted"], "accepted", 1, 0),
    Fate.FORGET: ([], "not_found", 1, 0),
}


@pytest.mark.parametrize("fate", list(TAKEN))
def test_each_fate_answers_counts_and_is_found_as_it_says(fate: Fate, tmp_path: Path) -> None:
    said, found, effects, deaths = TAKEN[fate]
    core = Deskless(ALL, tmp_path / "journal")
    key = of_fate(fate)
    assert [each["outcome"] for each in core.submit(key)] == said
    assert core.enquire(key) == found
    assert core.effects().get(key, 0) == effects
    assert core.deaths == deaths
    told = msgspec.json.decode(core.core.audit())
    assert (told["submissions"], told["lost"]) == (1, int(fate is Fate.SILENT_LOST))


def test_details_that_are_left_out_are_not_moved_and_a_wrong_sum_is_refused(tmp_path: Path) -> None:
    core = Deskless(Habits(), tmp_path / "journal")
    rows = [{"payee": {"account": f"A{n}", "name": "x"}, "amount": f"{n}.00"} for n in (1, 2, 4)]
    body = msgspec.json.encode({"payer": {"account": "P"}, "details": rows})
    for number, paid in (("1", 500), ("2", 501)):
        key = f"220000000/2026/8202/{number}"
        core.core.submit(key, body, lambda told: None, frozenset({2}), paid)
        core.core.journal.flush()
    moved = msgspec.json.decode(core.core.movements(0, 10))["entries"]
    assert [row["amount"] for row in moved] == ["1.00", "4.00"]
    assert core.effects() == {"220000000/2026/8202/1": 1, "220000000/2026/8202/2": 0}


def test_a_refusal_names_its_reason(tmp_path: Path) -> None:
    core = Deskless(ALL, tmp_path / "journal")
    [told] = core.submit(of_fate(Fate.REJECT))
    assert told["reason"] == ALL.refusal_reason(told["key"])


def test_the_same_key_twice_pays_twice_and_is_counted(tmp_path: Path) -> None:
    core = Deskless(Habits(), tmp_path / "journal")
    first, second = core.submit(KEYS[0])[0], core.submit(KEYS[0])[0]
    assert first["reference"] != second["reference"]
    assert core.effects() == {KEYS[0]: 2}


def test_the_books_outlive_the_bank_parked_payments_included(tmp_path: Path) -> None:
    state = tmp_path / "journal"
    core = Deskless(ALL, state)
    keys = [of_fate(fate) for fate in TAKEN]
    for key in keys:
        core.submit(key, key.encode())
    again = Deskless(ALL, state)
    assert again.effects() == core.effects()
    assert [again.enquire(key) for key in keys] == [core.enquire(key) for key in keys]
    now = Deskless(Habits(seed=7), state)
    assert (
        now.submit("220000000/2026/8202/X")[0]["reference"] == f"JH{len(core.effects()) + 1:012d}"
    )


def test_a_late_payment_counts_when_it_is_due(tmp_path: Path) -> None:
    habits = Habits(late_share=1.0, late_s=0.0)
    core = Deskless(habits, tmp_path / "journal")
    assert core.submit(KEYS[0]) == []
    assert core.enquire(KEYS[0]) == "accepted"


def test_what_waits_together_is_written_together(tmp_path: Path) -> None:
    core = Deskless(Habits(), tmp_path / "journal")
    said: list[bytes] = []
    for key in KEYS[:50]:
        core.core.submit(key, b"{}", said.append)
    assert (core.batches, said) == (1, [])
    core.core.journal.flush()
    assert len(said) == 50
    core.submit(KEYS[50])
    assert core.batches == 2


def test_a_torn_last_line_is_cut_off_and_a_torn_middle_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "journal"
    Deskless(Habits(), state).submit(KEYS[0])
    whole = state.read_bytes()
    state.write_bytes(whole + whole[:20])
    assert Deskless(Habits(), state).submit(KEYS[1])[0]["outcome"] == "accepted"
    assert Journal(state).count == 2
    state.write_bytes(whole[:20] + b"\n" + whole)
    with pytest.raises(ValueError, match="line 1"):
        Journal(state)


def test_the_audit_shows_the_digest_of_the_bytes_that_came(tmp_path: Path) -> None:
    core = Deskless(Habits(), tmp_path / "journal")
    core.submit(KEYS[0], b"abc")
    [row] = msgspec.json.decode(core.core.audit())["effects"]
    assert row["sha256"] == ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"]

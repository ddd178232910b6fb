"""Replay, back-test and shadow over a staged day of real programs: the past decided once more."""

import asyncio
import datetime as dt
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest

from adapters.postgres.oversight.past import PostgresPast
from deploy.demo.stage import Stage
from gateway.configured.people import vault_of
from gateway.domain.decision import Outcome, restored
from gateway.domain.faults import Conflicting, Unreadable
from gateway.domain.past import Question, Wanted
from gateway.policy_books.retrace import Retracer, book_that_decided
from gateway.serving.questions import Questions
from policies.book.load import load_texts
from tests.commands.conftest import DIVISION
from tests.commands.staged import Ran, run

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

SEEN_S = 150.0


def dsn(stage: Stage) -> str:
    return stage.environment(stage.gateway_environment)["GATEWAY_DATABASE"]


@pytest.fixture(scope="module")
def mild(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The live policies without the one on transfers to an agency's own account."""
    folder = tmp_path_factory.mktemp("mild")
    for name, text in load_texts(live(stage)).items():
        if name != "JL-020.toml":
            (folder / name).write_text(text, "utf-8")
    return folder


def live(stage: Stage) -> Path:
    return stage.library


async def everything(stage: Stage) -> list[tuple[str, bool, Outcome, bool]]:
    past = PostgresPast(dsn(stage), vault_of(stage.gateway_environment))
    try:
        retracer, found, books = Retracer(past), [], {}
        async for page in past.decided(DIVISION, -1):
            for each in page:
                decision = restored(each.decision)
                revision = decision.book_revision
                if revision not in books:
                    books[revision] = book_that_decided(revision, live(stage), None)
                again = await retracer.again(each, books[revision])
                rested = bool(decision.basis.windows or decision.basis.shorts)
                found.append((str(each.key), again.same, decision.outcome, rested))
        return found
    finally:
        await past.close()


def test_every_recorded_decision_is_replayed_bit_for_bit(stage: Stage) -> None:
    found = asyncio.run(everything(stage))
    assert len(found) > 80
    assert [key for key, same, _, _ in found if not same] == []
    assert {outcome for _, _, outcome, _ in found} == set(Outcome)
    assert any(rested for *_, rested in found), "none rested on what the ledger told"


def test_one_decision_is_replayed_by_its_key(stage: Stage, mild: Path) -> None:
    key = asyncio.run(everything(stage))[0][0]
    assert (
        run(stage, "policy", "replay", key, "--policies", live(stage), "--json").json["same"]
        is True
    )
    other = run(stage, "policy", "replay", key, "--policies", mild)
    assert other.code == 2 and "no book" in other.said
    assert run(stage, "policy", "replay", "220000000/2026/8202/nobody").code == 2


def backtest(stage: Stage, *words: object) -> Ran:
    return run(stage, "policy", "backtest", live(stage), *words, "--json")


def test_a_back_test_from_the_ledger_and_from_its_kept_facts_say_the_same(
    stage: Stage, mild: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "facts.jsonl"
    same = backtest(stage, live(stage), "--division", DIVISION).json
    assert same["instructions"] > 80 and same["changed"] == 0
    ran = backtest(stage, mild, "--division", DIVISION, "--keep", kept)
    assert ran.json["changed"] > 0
    by_policy = [set(change["policies"]) for change in ran.json["changes"]]
    assert all("JL-020" in policies for policies in by_policy)
    assert ran.json["changes"][0]["samples"][0]["reason_zh"]
    assert backtest(stage, mild, "--facts", kept).json == ran.json


def shadow(stage: Stage, *words: object) -> Any:
    ran = run(stage, "policy", "shadow", *words, "--json")
    assert ran.code == 0, ran.said
    return ran.json


def seen(stage: Stage, wanted: int) -> dict[str, Any]:
    """The report once the gateway's own follower has read so many; it is its own process."""
    deadline = time.monotonic() + SEEN_S
    while True:
        report: dict[str, Any] = shadow(stage, "report", "--division", DIVISION)
        if report["run"]["compared"] >= wanted or time.monotonic() > deadline:
            return report


def test_a_candidate_runs_beside_the_live_book_and_nothing_of_it_is_enforced(
    stage: Stage, mild: Path
) -> None:
    decided = asyncio.run(everything(stage))
    begun = ("--by", "王处长", "--since", "2026-01-01")
    (started,) = shadow(stage, "start", live(stage), *begun)
    assert started["read_seq"] == -1
    again = run(stage, "policy", "shadow", "start", mild, *begun)
    assert again.code == 1 and "already" in again.said
    alike = seen(stage, len(decided))
    assert (alike["instructions"], alike["changed"]) == (len(decided), 0), alike
    assert shadow(stage, "stop") == [{"division": DIVISION, "run": 1}]
    shadow(stage, "start", mild, *begun)
    report = seen(stage, len(decided))
    assert report["run"]["run"] == 2 and report["changed"] > 0
    assert all("JL-020" in change["policies"] for change in report["changes"])
    offline = backtest(stage, mild, "--division", DIVISION).json
    assert report["changes"][0]["count"] == offline["changes"][0]["count"]
    words = run(stage, "policy", "shadow", "report", "--division", DIVISION).out
    assert "影子比对" in words and "规则 JL-020" in words
    shadow(stage, "stop")
    assert run(stage, "policy", "shadow", "stop").code == 1
    listed = shadow(stage, "list")
    assert [each["trouble"] for each in listed] == ["", ""]
    assert json.dumps(asyncio.run(everything(stage))) == json.dumps(decided)


async def answered(questions: Questions, question: Question) -> dict[str, Any]:
    """The last state of a question, once the gateway's own follower has answered it."""
    await questions.ask(question, dt.datetime.now(dt.UTC))
    deadline = time.monotonic() + SEEN_S
    flips: list[dict[str, Any]] = []
    while True:
        after = flips[-1]["seq"] if flips else -1
        state = await questions.state(DIVISION, question.number, after)
        assert state is not None and time.monotonic() < deadline, state
        flips += state.get("flips", [])
        if state["over"]:
            return state | {"flips": flips}
        await asyncio.sleep(0.2)


def asked(number: int, what: Wanted, **more: Any) -> Question:
    digest = hashlib.sha256(repr((number, what, more)).encode()).digest()
    return Question(division=DIVISION, number=number, digest=digest, what=what, by="li", **more)


def test_the_bureaus_questions_are_answered_from_the_gateways_own_records(
    stage: Stage, mild: Path
) -> None:
    documents = json.dumps(load_texts(mild)).encode()
    offline = backtest(stage, mild, "--division", DIVISION).json
    key = next(k for k, _, outcome, _ in asyncio.run(everything(stage)) if outcome == "blocked")

    async def ask() -> None:
        past = PostgresPast(dsn(stage), vault_of(stage.gateway_environment))
        questions = Questions(past)
        try:
            back = asked(1, Wanted.BACKTEST, documents=documents)
            state = await answered(questions, back)
            assert state["compared"] == offline["instructions"] and state["trouble"] == ""
            assert len(state["flips"]) == offline["changed"] > 0
            assert all("JL-020" in flip["policies"] for flip in state["flips"])
            assert state["read"] == state["last"]
            again = await answered(questions, back)
            assert again["flips"] == state["flips"], "the same question is asked once"
            with pytest.raises(Conflicting):
                await questions.ask(asked(1, Wanted.REPLAY, subject=key), dt.datetime.now(dt.UTC))
            replay = await answered(questions, asked(2, Wanted.REPLAY, subject=key))
            assert [each["same"] for each in replay["answer"]["replays"]] == [True]
            subject = state["flips"][0]["subject"]
            tried = asked(3, Wanted.TRY, subject=subject, documents=documents)
            answer = (await answered(questions, tried))["answer"]
            assert answer["before"] != answer["after"] == state["flips"][0]["after"]
            nobody = f"{DIVISION}/2026/8202/nobody"
            lost = await answered(questions, asked(4, Wanted.REPLAY, subject=nobody))
            assert "no such instruction" in lost["answer"]["trouble"]
            assert await questions.state(DIVISION, 99, -1) is None
            poison = asked(10, Wanted.REPLAY, subject=f"{DIVISION}/99999999999/8202/1")
            lost = await answered(questions, poison)
            assert "no such instruction" in lost["answer"]["trouble"], "and others go on after it"
            junk = json.dumps({"JL-001.toml": "no book"}).encode()
            failed = await answered(questions, asked(11, Wanted.BACKTEST, documents=junk))
            assert "PolicyRefused" in failed["trouble"] and failed["compared"] == 0
            next_one = await answered(questions, asked(12, Wanted.BACKTEST, documents=documents))
            assert next_one["compared"] == state["compared"], "the failed one is out of the way"
            now = dt.datetime.now(dt.UTC)
            await questions.ask(asked(5, Wanted.SHADOW, documents=documents), now)
            with pytest.raises(Unreadable, match="runs in"):
                await questions.ask(asked(6, Wanted.SHADOW, documents=documents), now)
            await questions.ask(asked(7, Wanted.STOP), now)
            shadow = await questions.state(DIVISION, 5, -1)
            assert shadow is not None and shadow["over"] and shadow["compared"] == 0
        finally:
            await past.close()

    asyncio.run(ask())

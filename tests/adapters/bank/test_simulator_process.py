"""The simulated bank as a real process, spoken to by the real adapter, killed and started again."""

import asyncio
import contextlib
import datetime as dt
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.request import urlopen

import attrs
import msgspec
import pytest

from adapters.bank.fate import Fate, Habits
from adapters.bank.http_core import HttpBank
from certs.authority import Purpose, create_root, create_subordinate, issue, request
from certs.keys import generate_key, save_certificates, save_key
from certs.tls import Credentials, client_context
from gateway.domain.bank import BankOutcome, EnquiryOutcome, RecallOrder
from gateway.domain.enquiries import RecallStatus
from tests.adapters.bank.scripted import CONDUCT, key

PATIENT_S = 6.0
"""For an answer of a busy machine."""
SILENT_S = 1.5
"""For one that does not come."""
SECRET = "a passphrase for this test only"


@contextlib.asynccontextmanager
async def simulator(
    state: Path, *options: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "adapters.bank.simulator", "--port", "0", "--state", str(state),
        *options, stdout=asyncio.subprocess.PIPE, env={"BANK_TLS_PASSPHRASE": SECRET},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        ready = await asyncio.wait_for(process.stdout.readline(), 60)
        yield process, int(ready.split()[1])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def bank(port: int, deadline_s: float = PATIENT_S, connections: int = 8) -> HttpBank:
    return HttpBank("127.0.0.1", port, None, CONDUCT, connections, deadline_s, 100)


async def effects(port: int) -> dict[str, int]:
    body = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/v1/journal").read())
    return {row["key"]: row["count"] for row in msgspec.json.decode(body)["effects"]}


@pytest.mark.slow
async def test_every_answer_and_every_silence_agrees_with_the_books(tmp_path: Path) -> None:
    shares = ("--reject-share", "0.2", "--silence-share", "0.05", "--double-answer-share", "0.2")
    habits = Habits(seed=3, reject_share=0.2, silence_share=0.05, double_answer_share=0.2)
    async with simulator(tmp_path / "journal", "--seed", "3", *shares) as (_, port):
        core = bank(port, connections=200)
        keys = [key(number) for number in range(200)]
        got = await asyncio.gather(*(core.submit(each, b"{}", "json") for each in keys))
        paid = await effects(port)
        for each, answer in zip(keys, got, strict=True):
            fate = habits.fate(str(each))
            if fate is Fate.REJECT:
                assert answer.outcome is BankOutcome.REJECTED
            elif fate in (Fate.ACCEPT, Fate.TWICE):
                assert answer.outcome is BankOutcome.ACCEPTED
            else:
                assert answer.outcome is BankOutcome.UNKNOWN
        assert set(paid.values()) == {0, 1}
        await core.aclose()


@pytest.mark.slow
async def test_what_took_effect_survives_kill_9_and_what_was_parked_falls_due(
    tmp_path: Path,
) -> None:
    options = ("--late-share", "0.5", "--late-s", "6", "--seed", "5")
    habits = Habits(seed=5, late_share=0.5)
    late = next(key(n) for n in range(99) if habits.fate(str(key(n))) is Fate.LATE)
    good = next(key(n) for n in range(99) if habits.fate(str(key(n))) is Fate.ACCEPT)
    async with simulator(tmp_path / "journal", *options) as (process, port):
        core, hasty = bank(port), bank(port, SILENT_S)
        assert (await core.submit(good, b"{}", "json")).outcome is BankOutcome.ACCEPTED
        assert (await hasty.submit(late, b"{}", "json")).outcome is BankOutcome.UNKNOWN
        assert (await core.enquire(late)).outcome is EnquiryOutcome.NOT_FOUND
        process.send_signal(signal.SIGKILL)
        await process.wait()
        assert (await core.submit(good, b"{}", "json")).outcome in (
            BankOutcome.NOT_TAKEN,
            BankOutcome.UNKNOWN,
        )
        await core.aclose()
        await hasty.aclose()
    async with simulator(tmp_path / "journal", *options) as (_, port):
        core = bank(port)
        assert (await core.enquire(good)).outcome is EnquiryOutcome.ACCEPTED
        async with asyncio.timeout(60):
            while (await core.enquire(late)).outcome is not EnquiryOutcome.ACCEPTED:
                assert (await effects(port))[str(late)] == 1
        assert await effects(port) == {str(good): 1, str(late): 1}
        await core.aclose()


@pytest.mark.slow
async def test_a_crash_in_mid_request_is_unknown_whether_or_not_it_took_effect(
    tmp_path: Path,
) -> None:
    habits = Habits(crash_share=1.0)
    for fate, found in (
        (Fate.CRASH_AFTER, EnquiryOutcome.ACCEPTED),
        (Fate.CRASH_BEFORE, EnquiryOutcome.NOT_FOUND),
    ):
        victim = next(key(n) for n in range(99) if habits.fate(str(key(n))) is fate)
        state = tmp_path / fate
        async with simulator(state, "--crash-share", "1") as (process, port):
            core = bank(port)
            assert (await core.submit(victim, b"{}", "json")).outcome is BankOutcome.UNKNOWN
            assert await process.wait() == -signal.SIGKILL
            await core.aclose()
        async with simulator(state, "--crash-share", "1") as (_, port):
            core = bank(port)
            assert (await core.enquire(victim)).outcome is found
            await core.aclose()


@pytest.mark.slow
async def test_it_declares_that_it_is_not_idempotent(tmp_path: Path) -> None:
    async with simulator(tmp_path / "journal", "--horizon-s", "10") as (_, port):
        url = f"http://127.0.0.1:{port}/v1/conduct"
        body = await asyncio.to_thread(lambda: urlopen(url).read())
    assert msgspec.json.decode(body) == {"idempotent": False, "enquiry": True, "horizon_s": 10.0}


@pytest.mark.slow
async def test_over_mutual_tls_only_a_known_party_pays(tmp_path: Path) -> None:
    at = dt.datetime.now(dt.UTC)
    root = create_root("test root", at)
    transport = create_subordinate(root, Purpose.TRANSPORT, "test transport", at)
    save_certificates(tmp_path / "ca.pem", [transport.certificate])
    for name, uri in (("bank", "bank/103"), ("gateway", "gateway/103")):
        own = generate_key()
        host = {"dns": ["localhost"], "ip": ["127.0.0.1"]} if name == "bank" else {}
        wanted = request(own, f"spiffe://test/{uri}", **host)
        save_key(tmp_path / f"{name}.key", own, SECRET.encode())
        save_certificates(tmp_path / f"{name}.pem", [issue(transport, wanted, at)])
    tls = (
        "--tls-cert", str(tmp_path / "bank.pem"), "--tls-key", str(tmp_path / "bank.key"),
        "--tls-ca", str(tmp_path / "ca.pem"),
    )  # fmt: skip
    context = client_context(
        Credentials(
            certificate=tmp_path / "gateway.pem",
            key=tmp_path / "gateway.key",
            passphrase=SECRET.encode(),
            authorities=tmp_path / "ca.pem",
        )
    )
    async with simulator(tmp_path / "journal", *tls) as (_, port):
        core = HttpBank("127.0.0.1", port, context, CONDUCT, 2, 5.0, 10)
        for number in range(5):
            got = await core.submit(key(number), b"{}", "json")
            assert got.outcome is BankOutcome.ACCEPTED
        assert (await core.enquire(key(1))).outcome is EnquiryOutcome.ACCEPTED
        stranger = bank(port, SILENT_S)
        got = await stranger.submit(key(9), b"{}", "json")
        assert got.outcome is BankOutcome.UNKNOWN
        assert (await core.enquire(key(9))).outcome is EnquiryOutcome.NOT_FOUND
        await core.aclose()
        await stranger.aclose()


@pytest.mark.slow
async def test_a_recall_is_answered_by_what_the_books_say_and_changes_nothing(
    tmp_path: Path,
) -> None:
    habits = Habits(seed=9, reject_share=0.2, pending_share=0.2, late_s=600.0, recall_share=0.5)
    shares = ("--seed", "9", "--reject-share", "0.2", "--pending-share", "0.2", "--late-s", "600",
              "--recall-share", "0.5")  # fmt: skip
    async with simulator(tmp_path / "journal", *shares) as (_, port):
        core = bank(port, connections=40)
        core.conduct = attrs.evolve(CONDUCT, recall=True)
        keys = [key(number) for number in range(40)]
        await asyncio.gather(*(core.submit(each, b"{}", "json") for each in keys))
        before = await effects(port)
        for each in keys:
            order = RecallOrder(id="ab" * 16, key=each, amount_fen=1, reason="DUPL", words="")
            said, fate = await core.recall(order), habits.fate(str(each))
            paid = fate is Fate.ACCEPT
            if fate is Fate.PENDING:
                assert said.status is RecallStatus.PENDING and said.heard
            elif paid and not habits.gives_back(str(each)):
                assert said.status is RecallStatus.REFUSED and "退款" in (said.reason or "")
            else:
                assert said.status is RecallStatus.ACCEPTED
        unknown = attrs.evolve(order, key=key(99))
        assert not (await core.recall(unknown)).heard
        assert await effects(port) == before
        await core.aclose()

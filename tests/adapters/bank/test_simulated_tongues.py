"""Whatever the simulated core says in its tongues, the gateway's wires hear it, or hear nothing."""

import datetime as dt
from pathlib import Path

import pytest

from adapters.bank.fate import Fate, Habits
from adapters.bank.iso_core import IsoWire
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import enquirer, read_status
from adapters.bank.simulated_core import SimulatedCore
from adapters.bank.simulated_tongues import TONGUES, Request, put
from adapters.bank.voucher_store import VoucherStoreWire
from gateway.domain.bank import BankOutcome, EnquiryOutcome
from gateway.domain.instruction import key_named

NOW = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
WIRES: dict[str, VoucherStoreWire | IsoWire] = {
    "voucher_store": VoucherStoreWire(),
    "iso20022": IsoWire(read_status, enquirer(lambda: NOW), IsoRecalls(lambda: NOW, "103")),
}
ENDS = {Fate.ACCEPT: BankOutcome.ACCEPTED, Fate.REJECT: BankOutcome.REJECTED,
        Fate.BABBLE: BankOutcome.UNKNOWN}  # fmt: skip
NAMED = [key_named(f"220000000/2026/8202/S{number:04d}") for number in range(60)]
KEYS = [key for key in NAMED if key is not None]


@pytest.mark.parametrize("tongue", TONGUES)
@pytest.mark.parametrize("fate", ENDS)
def test_what_is_said_is_heard_and_babble_is_silence(
    tongue: str, fate: Fate, tmp_path: Path
) -> None:
    habits = Habits(
        reject_share=float(fate is Fate.REJECT), babble_share=float(fate is Fate.BABBLE),
        forget_s=1000.0,
    )  # fmt: skip
    core = SimulatedCore(
        habits, tmp_path / "journal", flush_soon=lambda: None, die=lambda: None, fsync=False
    )
    wire, spoken = WIRES[tongue], TONGUES[tongue]
    for key in KEYS:
        status, none = put(spoken, *core.enquire(str(key)), asked=True)
        assert wire.enquired(key, status, none).outcome is EnquiryOutcome.NOT_FOUND
        said: list[bytes] = []
        core.submit(str(key), b"{}", said.append)
        core.journal.flush()
        [told] = [wire.submitted(key, *put(spoken, 200, each, asked=False)) for each in said]
        found = wire.enquired(key, *put(spoken, *core.enquire(str(key)), asked=True)).outcome
        taken_only = tongue == "voucher_store" and str(key)[-1] in "13579"
        if fate is Fate.ACCEPT and taken_only:
            assert told.outcome is BankOutcome.UNKNOWN, "put, and paid later"
        else:
            assert told.outcome is ENDS[fate]
        assert found == {"unknown": "silent"}.get(ENDS[fate], ENDS[fate])


@pytest.mark.parametrize("tongue", TONGUES)
def test_what_the_gateway_writes_is_carried_to_its_key(tongue: str) -> None:
    key = KEYS[0]
    wire, format = WIRES[tongue], {"voucher_store": "voucher"}.get(tongue, tongue)
    for whole, method, url in (
        (wire.submission("core", key, b"<raw/>", format, None), b"POST", b"/v1/payments"),
        (wire.enquiry("core", key), b"GET", b"/v1/payments/" + str(key).encode()),
    ):
        head, _, body = whole.partition(b"\r\n\r\n")
        verb, path, _ = head.split(b"\r\n")[0].split(b" ")
        came = Request(method=verb, url=path, key=str(key).encode())
        carried = TONGUES[tongue].carried(came, body)
        assert (carried.method, carried.url) == (method, url)
        assert method == b"GET" or carried.key == str(key).encode()

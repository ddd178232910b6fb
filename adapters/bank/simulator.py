"""A bank core that misbehaves on purpose, in a process of its own: `python -m ... --port 0`.

Prints `listening PORT` when it is ready. Everything it does to a key follows from `--seed` and the
key, so a test can foretell it; what took effect is in `--state` and survives kill -9.
"""

import argparse
import asyncio
import os
import signal
import ssl
import sys
from pathlib import Path

import attrs
import msgspec
import uvloop

from adapters.bank.fate import Habits
from adapters.bank.simulated_core import SimulatedCore
from adapters.bank.simulated_tongues import TONGUES
from adapters.bank.simulator_door import SimulatorDoor

KEY_UNLOCK_VARIABLE = "BANK_TLS_PASSPHRASE"
BACKLOG = 1024


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m adapters.bank.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0: any free one")
    parser.add_argument("--state", type=Path, required=True, help="the journal's file")
    parser.add_argument("--horizon-s", type=float, default=None, help="declared finality horizon")
    parser.add_argument(
        "--no-fsync", action="store_true", help="survive kill -9 only, no power cut"
    )
    parser.add_argument("--wire", choices=("json", *TONGUES), default="json")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path, help=f"passphrase in ${KEY_UNLOCK_VARIABLE}")
    parser.add_argument("--tls-ca", type=Path, help="whose certificates clients must show")
    for field in attrs.fields(Habits):
        parser.add_argument(
            "--" + field.name.replace("_", "-"), type=type(field.default), default=field.default
        )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    options = arguments(argv)
    uvloop.run(serve(options))


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    habits = Habits(**{field.name: getattr(options, field.name) for field in attrs.fields(Habits)})
    core = SimulatedCore(
        habits,
        options.state,
        flush_soon=lambda: loop.call_soon(_flush_or_die, core),
        die=_die,
        fsync=not options.no_fsync,
    )
    conduct = msgspec.json.encode(
        {"idempotent": False, "enquiry": True, "horizon_s": options.horizon_s}
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: SimulatorDoor(core, conduct, habits.delay_ms / 1000, TONGUES.get(options.wire)),
        options.host,
        options.port,
        ssl=_tls(options),
        backlog=BACKLOG,
    )
    sys.stdout.write(f"listening {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()
    core.journal.close()


def _flush_or_die(core: SimulatedCore) -> None:
    """A core that cannot keep its books must not go on answering from memory."""
    try:
        core.journal.flush()
    except OSError:
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    """TLS 1.3 only; mutual where `--tls-ca` names an authority."""
    if options.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(
        options.tls_cert, options.tls_key, lambda: os.environ.get(KEY_UNLOCK_VARIABLE, "")
    )
    if options.tls_ca is not None:
        context.load_verify_locations(options.tls_ca)
        # the transport authority itself is the anchor, not the root above it
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_mode = ssl.CERT_REQUIRED
    return context


if __name__ == "__main__":
    main()

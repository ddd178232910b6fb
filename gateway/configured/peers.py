"""Whom this gateway calls: its bank core and the bureaus, as the settings describe them."""

from adapters.bank.books import HttpBooks
from adapters.bank.http_core import HttpBank
from adapters.bank.iso_core import IsoWire
from adapters.bank.iso_recall import IsoRecalls
from adapters.bank.iso_status import enquirer, read_status
from adapters.bank.voucher_store import VoucherStoreWire
from adapters.bank.wire import JsonWire, Wire
from adapters.bureau.https import HttpsBureau
from adapters.formats.json_statement import read_page
from certs.live import LiveTls
from gateway.configured.machine import SystemClock
from gateway.domain.bank import BankConduct
from gateway.settings import Settings

BANK_WAITING_MAX = 512


def bank_of(settings: Settings, tls: LiveTls) -> HttpBank:
    """The bank core as the settings describe it. Raises ValueError, OSError (its TLS files)."""
    chosen = settings.bank
    context = tls.client(chosen.peer) if chosen.tls else None
    return HttpBank(
        host=chosen.host,
        port=chosen.port,
        ssl_context=context,
        conduct=BankConduct(
            idempotent=chosen.idempotent,
            enquiry=chosen.enquiry,
            horizon_s=chosen.horizon_s,
            partial=chosen.partial,
            recall=chosen.recall,
        ),
        connections=chosen.connections,
        deadline_s=chosen.deadline_s,
        waiting_max=BANK_WAITING_MAX,
        wire=wire_of(settings),
    )


def bank_books_of(settings: Settings, tls: LiveTls) -> HttpBooks | None:
    """The core's list of movements, if the settings say that it has one."""
    chosen = settings.bank
    if not chosen.books:
        return None
    context = tls.client(chosen.peer) if chosen.tls else None
    return HttpBooks(chosen.host, chosen.port, context, chosen.deadline_s, read_page)


def bureau_of(settings: Settings, tls: LiveTls, division: str) -> HttpsBureau:
    """A division's bureau, and nobody else on its port. Raises ValueError, OSError."""
    chosen = settings.bureaus[division]
    return HttpsBureau(chosen.url, tls.client(chosen.peer))


def wire_of(settings: Settings) -> Wire:
    """How this bank's core is spoken to."""
    if settings.bank.wire == "voucher_store":
        return VoucherStoreWire()
    if settings.bank.wire == "iso20022":
        now = SystemClock().now
        recalls = IsoRecalls(now, settings.gateway.bank_code)
        return IsoWire(read_status, enquirer(now), recalls)
    return JsonWire()

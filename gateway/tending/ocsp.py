"""`certs ocsp`: a process of its own that answers about certificates from the registry."""

import asyncio
import base64
import datetime as dt
import signal
from pathlib import Path

from adapters.postgres.certificates.cases import PostgresCertificates
from certs.certified import Certificate
from certs.keys import load_certificates, load_key, read_certificate
from certs.revocation import Responder, identity_of
from gateway.domain.certificates import Issued, Revocation
from gateway.web.brief import brief_door
from gateway.web.ocsp import Recent, ocsp_application


async def answer_ocsp(database: str, responder: Responder, host: str, port: int) -> None:
    """Until SIGTERM or SIGINT. Raises OSError."""
    store = PostgresCertificates(database)
    issuer = identity_of(responder.authority)

    async def read() -> tuple[dict[str, Issued], dict[str, Revocation]]:
        known = {
            case.issued.serial: case.issued for case in await store.cases()
            if case.issued and case.issued.issuer == issuer
        }  # fmt: skip
        return known, {one.serial: one for one in await store.revocations() if one.issuer == issuer}

    registry, lists = Recent(read), Recent(store.lists)

    async def answer(question: bytes) -> bytes:
        known, ended = await registry()

        def certificate(serial: str) -> Certificate | None:
            found = known.get(serial)
            return read_certificate(found.certificate) if found else None

        return responder.answer(question, certificate, ended.get, dt.datetime.now(dt.UTC))

    decode = lambda text: base64.b64decode(text, validate=True)  # noqa: E731
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with brief_door(ocsp_application(answer, lists, decode), host, port):
            await stop.wait()
    finally:
        await store.close()


def responder_of(authority: Path, certificate: Path, key: Path, passphrase: bytes) -> Responder:
    """Raises ValueError, OSError."""
    return Responder(
        authority=load_certificates(authority)[0],
        certificate=load_certificates(certificate)[0],
        key=load_key(key, passphrase),
    )

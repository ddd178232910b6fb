"""Examining the watched folder: whether documents can be taken, answered and refused there."""

import os
from collections.abc import Iterator

from adapters.folder.tray import PLACES
from adapters.folder.tray_proof import made, prove_usable
from certs.files import open_to_all
from gateway.examining.finding import Finding, bad, good, warn
from gateway.settings import Settings


def files(settings: Settings) -> Iterator[Finding]:
    if settings.files is None:
        return
    root = settings.files.folder
    try:
        prove_usable(root, _user(settings))
        exposed = list(filter(None, map(open_to_all, (root, *(root / each for each in PLACES)))))
    except OSError as error:
        yield bad("files", f"{root} cannot be used: {error.strerror or error}")
        return
    if exposed:
        words = "anybody on this host may take documents and answers away, or put false ones there"
        yield warn("files", f"{', '.join(map(str, dict.fromkeys(exposed)))}: {words}")
    if made(root):
        yield good("files", f"{root}: documents can be taken, answered and refused")
    else:
        words = "its folders are not there: the gateway makes them. Is a disk to be mounted there?"
        yield warn("files", f"{root}: {words}")


def _user(settings: Settings) -> int:
    """Whose the gateway's process is: ours, or where root looks, that of its key, which nobody
    else can read."""
    user = os.geteuid()
    return settings.tls.key.stat().st_uid if user == 0 else user

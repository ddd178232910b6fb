"""Open files: each connection is one, and too many at the door must leave the workers theirs.

A visitor needs no certificate to hold a connection. Where the system grants fewer files than
`gateway.connections_max` and our own work need, a crowd at the door would leave the database, the
bank and the keys without one, and the program would end.
"""

import resource

import structlog

from gateway.settings import Settings

OURS = 256
"""Beside the bank's connections: the database's pools, the bureaus, notifications, files that are
read anew, the operators' port."""
VISITORS_MIN = 64

log = structlog.get_logger()


def connections_granted(settings: Settings) -> int:
    """Raises our limit to what the system grants, and says how many visitors there is room for.

    Raises ValueError if for fewer than VISITORS_MIN.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    unlimited = most == resource.RLIM_INFINITY
    wanted = settings.gateway.connections_max
    ours = OURS + 2 * settings.bank.connections
    granted = wanted if unlimited else min(wanted, most - ours)
    if granted < min(wanted, VISITORS_MIN):
        raise ValueError(
            f"the system grants {most} open files (ulimit -n, LimitNOFILE): this gateway needs"
            f" {ours} for its own work and one for each of gateway.connections_max = {wanted}"
        )
    if granted < wanted:
        log.warning("descriptors.few", open_files=most, connections_max=wanted, granted=granted)
    return granted

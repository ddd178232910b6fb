"""Whether the secrets at hand are those that the database was written with.

Another commitments' secret would make openings of old records impossible, another key for people's
data would leave all that is sealed unreadable: told before anything is written with it.
"""

from adapters.postgres.secret_marks import other_secrets
from certs.commitments import Commitments
from gateway.configured.people import vault_of
from gateway.settings import (
    COMMITMENT_VARIABLE,
    PEOPLE_VARIABLE,
    Secrets,
    Settings,
    SettingsInvalid,
)

_VARIABLES = {"commitments": COMMITMENT_VARIABLE, "people": PEOPLE_VARIABLE}


async def unlike_secrets(settings: Settings, secrets: Secrets, *, keep: bool = False) -> list[str]:
    """What is wrong with them, in words; with `keep` a database that knows none remembers these.

    Raises LedgerUnavailable.
    """
    try:
        vault = vault_of(production=settings.policies.books is not None)
        marks = {"commitments": Commitments(secrets.commitment).mark, "people": vault.mark}
    except (SettingsInvalid, ValueError) as reason:
        return [str(reason)]
    other = await other_secrets(secrets.database, marks, keep=keep)
    return [
        f"{_VARIABLES[name]} is not the one that this database was written with; put the right one"
        " back (runbooks/gateway-restart)"
        for name in other
    ]


async def refuse_other_secrets(settings: Settings, secrets: Secrets) -> None:
    """At the start. Raises SettingsInvalid, LedgerUnavailable."""
    if wrong := await unlike_secrets(settings, secrets, keep=True):
        raise SettingsInvalid("; ".join(wrong))

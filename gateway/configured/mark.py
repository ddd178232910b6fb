"""Which logs this gateway signs, and where this host remembers how far they had come."""

from adapters.folder.mark import MarkFile
from certs.log.note import log_origin
from certs.own_log import OwnLog
from certs.trust import Trust
from gateway.settings import Settings


def own_logs(settings: Settings, trust: Trust) -> dict[str, OwnLog]:
    """By division served."""
    return {
        division: OwnLog(
            trust=trust, origin=log_origin(settings.gateway.uri, division, trust.own.suite)
        )
        for division in settings.gateway.divisions
    }


def mark_file(settings: Settings) -> MarkFile | None:
    """None where the settings name none: then only the bureau can tell."""
    return MarkFile(settings.witness.mark) if settings.witness.mark else None

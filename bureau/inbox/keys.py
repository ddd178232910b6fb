"""Whose keys speak for a log: the gateway's certificates, and the bureau's own as its witness."""

from bureau.ports import LogPlace
from certs.log.note import NoteKey, log_key, witness_key, witness_keys
from certs.trust import Trust


def receiving_keys(trust: Trust, place: LogPlace) -> tuple[NoteKey, ...]:
    """The gateway's keys that may sign a new checkpoint; several while a key is being rotated.

    Raises ValueError if the place's origin is not one of the gateway's own.
    """
    table = trust.table
    return tuple(
        log_key(party.certificate, place.origin).within(party.not_before, table.counts_until(party))
        for party in table.of(place.gateway)
        if not table.is_revoked(party)
    )


def auditing_keys(trust: Trust, place: LogPlace) -> tuple[NoteKey, ...]:
    """Also revoked ones: what was cosigned in its time stays provable (RECORDS: trusted time)."""
    parties = trust.table.of(place.gateway)
    return tuple(log_key(party.certificate, place.origin) for party in parties)


def own_keys(trust: Trust) -> tuple[NoteKey, ...]:
    """Every key under which this bureau has cosigned, the present one first."""
    own = trust.own
    earlier = (witness_key(party.certificate) for party in trust.table.of(own.uri))
    return (*witness_keys(own), *earlier)

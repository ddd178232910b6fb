"""Where an error is, in words that the operators' log may hold."""

import re

from gateway.domain.faults import FieldError

_SCHEMA_PATH = re.compile(r"(?:[A-Za-z][A-Za-z_]*(?:\[\d{1,6}\])*\.?)+")


def known_part(error: FieldError) -> str:
    """Where an error is, as the log may say it: a name that the sender made up is left out.

    A field nobody knows may be called anything, an id number or a person's name included.
    """
    place = error.field
    if error.code == "unknown":
        place = f"{place.rpartition('.')[0]}.".lstrip(".")
    return place if _SCHEMA_PATH.fullmatch(place) or not place else "?"

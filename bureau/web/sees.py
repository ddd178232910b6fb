"""Whether a case is somebody's business."""

from collections.abc import Mapping
from typing import Any

from bureau.desk.casework.words import Against
from bureau.desk.people import Office, Person


def sees(person: Person, row: Mapping[str, Any]) -> bool:
    """Whether a case is this person's business."""
    if person.inside:
        return True
    against = Against.BANK if person.office is Office.BANK else Against.AGENCY
    return (
        bool(row["told"])
        and row["against"] == against
        and person.scope.covers(row["agency_code"], row["bank"])
    )

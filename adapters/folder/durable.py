"""What a folder's names say outlives a power cut."""

import os
from pathlib import Path


def settle(folder: Path) -> None:
    """Renames are on the disk only when their folder is."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

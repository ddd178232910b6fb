"""A small disk of its own for PostgreSQL, which a test fills to the last byte and frees again."""

import contextlib
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

SIZE_MIB = 256
BALLAST = "ballast"


class SmallDisk:
    """A tmpfs over `folder`. To mount one takes root: elsewhere the test is skipped and says so."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("a small disk is mounted for PostgreSQL: needs root")
        self._folder.mkdir(parents=True)
        options = ["-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs"]
        mounted = subprocess.run(
            ["mount", *options, str(self._folder)], capture_output=True, text=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip(f"a small disk is mounted for PostgreSQL: {mounted.stderr.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def fill(self) -> None:
        with (self._folder / BALLAST).open("wb", buffering=0) as ballast:
            for piece in (1 << 16, 1 << 12):
                with contextlib.suppress(OSError):  # ENOSPC
                    while True:
                        ballast.write(bytes(piece))

    def free(self) -> None:
        (self._folder / BALLAST).unlink()

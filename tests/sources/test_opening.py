from pathlib import Path

import pytest

from batchgen.errors import SourceNotFound
from batchgen.sources import open_source


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "my table.csv"
    path.write_text("id\n1\n")
    return path


def test_a_path_is_opened_where_it_is(table: Path, tmp_path: Path) -> None:
    with open_source(str(table), work_dir=tmp_path, s3=None) as source:
        assert (source.path, source.location, source.suffix) == (table, str(table), ".csv")


def test_a_file_url_is_opened_with_its_escapes_resolved(table: Path, tmp_path: Path) -> None:
    with open_source(table.as_uri(), work_dir=tmp_path, s3=None) as source:
        assert "%20" in source.location
        assert source.path == table


def test_the_home_folder_is_found(table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_source(f"~/{table.name}", work_dir=tmp_path, s3=None) as source:
        assert source.path == table


def test_a_folder_is_a_source(tmp_path: Path) -> None:
    with open_source(tmp_path, work_dir=tmp_path, s3=None) as source:
        assert source.path == tmp_path


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("", "it is empty"),
        ("missing.csv", "there is no such file or folder"),
        ("no\0path", "null"),
        ("~no-such-user-here/x.csv", "home"),
        ("/dev/null", "neither a file nor a folder"),
        ("file://elsewhere/x.csv", "it names the host 'elsewhere'"),
        (
            "https://example.com/x.csv",
            "https:// is not supported, only paths, file://, s3://, databases, git+… and package:",
        ),
        ("s3://bucket", "it names no object"),
        ("s3://bucket/folder/", "S3 is not configured"),
        ("s3://bucket/x.csv", "S3 is not configured"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_line(location: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound) as raised, open_source(location, work_dir=tmp_path, s3=None):
        pass
    assert problem in raised.value.problem
    assert "\n" not in str(raised.value)


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    address = "ftp://me:s3cret@host/db"
    with pytest.raises(SourceNotFound) as raised, open_source(address, work_dir=tmp_path, s3=None):
        pass
    assert "s3cret" not in str(raised.value)
    assert "ftp://host/db" in str(raised.value)

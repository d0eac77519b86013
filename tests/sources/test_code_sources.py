"""Sources of code: git repositories, archives, installed packages."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from batchgen.data_types.contract import Record
from batchgen.data_types.test_code import TEST_CODE
from batchgen.errors import SourceNotFound, SourceUnreadable
from batchgen.sources import archive, open_source
from batchgen.sources.git_repository import parse_address

GIT = shutil.which("git") or "git"
CART = "def total(prices):\n    return sum(prices)\n"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run([GIT, *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits: the second is tagged, the third on a branch with a slash in its name."""
    folder = tmp_path / "re@po"
    (folder / "src" / "shop").mkdir(parents=True)
    git(folder, "init", "-q")
    (folder / "src" / "shop" / "__init__.py").write_text("")
    for number, name in enumerate(("one", "two", "three")):
        (folder / "src" / "shop" / f"{name}.py").write_text(CART)
        if number == 2:
            git(folder, "checkout", "-q", "-b", "feature/three")
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", name)
        if number == 1:
            git(folder, "tag", "v2")
    git(folder, "checkout", "-q", "main")
    return folder


def modules(location: str, work_dir: Path) -> set[str]:
    with open_source(location, work_dir=work_dir, s3=None) as source:
        found = TEST_CODE.fetcher().fetch(source, TEST_CODE.options_type())
        names = {row.data["module"] for row in found if isinstance(row, Record)}
    assert list(work_dir.iterdir()) == []
    return names


def test_a_git_repository_is_read_at_its_branch_tag_or_commit(repository: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    first = git(repository, "rev-list", "--max-parents=0", "HEAD")
    url = f"git+file://{repository}"
    assert modules(url, work) == {"shop.one", "shop.two"}
    assert modules(f"{url}@{first}", work) == {"shop.one"}
    assert modules(f"{url}@v2#subdirectory=src", work) == {"shop.one", "shop.two"}
    assert modules(f"{url}@feature/three", work) == {"shop.one", "shop.two", "shop.three"}


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("git+file://{repository}@nowhere", "no branch, tag or commit 'nowhere'"),
        ("git+file://{repository}@v2#subdirectory=docs", "no folder 'docs'"),
        ("git+file://{repository}@v2#subdirectory=../..", "cannot be used"),
        ("git+file:///nowhere/at/all", "nowhere"),
        ("git+ssh://git@example.org/a.git", "only git"),
        ("git+file://{repository}@--upload-pack=touch /tmp/x", "cannot be used"),
        ("git+https://me:secret@example.org/a.git", "credential helper"),
        ("git+https://token@example.org/a.git", "credential helper"),
    ],
)
def test_what_git_cannot_give_is_told_and_no_password_is_repeated(
    repository: Path, tmp_path: Path, location: str, told: str
) -> None:
    with (
        pytest.raises(SourceNotFound) as caught,
        open_source(location.format(repository=repository), work_dir=tmp_path / "work", s3=None),
    ):
        pass
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "token" not in str(caught.value)


def test_hooks_and_settings_of_a_repository_are_not_run(repository: Path, tmp_path: Path) -> None:
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    (repository / ".gitattributes").write_text("*.py filter=evil\n")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "evil")
    with open_source(f"git+file://{repository}", work_dir=tmp_path / "work", s3=None):
        pass
    assert not (tmp_path / "ran").exists()


def test_an_address_is_taken_apart() -> None:
    address = parse_address("git+https://example.org/o/r.git@feature/x#subdirectory=py")
    assert (address.url, address.ref, address.folder) == ("https://example.org/o/r.git", "feature/x", "py")


def write_zip(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in files.items():
            packed.writestr(name, text)
    return path


def write_tar(path: Path, *members: tarfile.TarInfo | tuple[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as packed:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                packed.addfile(member)
            else:
                entry = tarfile.TarInfo(member[0])
                entry.size = len(member[1])
                packed.addfile(entry, io.BytesIO(member[1].encode()))
    return path


def test_wheels_zips_and_sdists_are_read(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    wheel = {"shop/__init__.py": "", "shop/cart.py": CART, "shop-1.dist-info/METADATA": "Name: shop\n"}
    assert modules(str(write_zip(tmp_path / "shop-1-py3-none-any.whl", wheel)), work) == {"shop.cart"}
    one = {"shop/__init__.py": "", "shop/cart.py": CART}
    assert modules(str(write_zip(tmp_path / "shop.zip", one)), work) == {"shop.cart"}
    sdist = write_tar(
        tmp_path / "shop-1.tar.gz", ("shop-1/src/shop/__init__.py", ""), ("shop-1/src/shop/cart.py", CART)
    )
    assert modules(f"file://{sdist}", work) == {"shop.cart"}


def link(name: str, target: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, target
    return entry


def test_links_and_devices_of_an_archive_are_left_out(tmp_path: Path) -> None:
    device = tarfile.TarInfo("shop/null.py")
    device.type = tarfile.CHRTYPE
    packed = write_tar(tmp_path / "a.tar.gz", ("shop/cart.py", CART), link("shop/shadow.py", "/etc/shadow"), device)
    with open_source(packed, work_dir=tmp_path / "work", s3=None) as source:
        assert [path.name for path in source.path.rglob("*.py")] == ["cart.py"]


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "..\\evil.py", "c:\\evil.py"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_with_files_outside_of_itself_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    packed = write_zip(path, {name: CART}) if kind == "zip" else write_tar(path, (name, CART))
    with pytest.raises(SourceUnreadable, match="outside of itself"), open_source(packed, work_dir=tmp_path, s3=None):
        pass
    assert not list(tmp_path.rglob("evil.py"))


def test_damaged_and_boundless_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.whl").write_bytes(b"PK no archive at all")
    with (
        pytest.raises(SourceUnreadable, match="no sound archive"),
        open_source(tmp_path / "a.whl", work_dir=tmp_path, s3=None),
    ):
        pass
    bomb = write_zip(tmp_path / "b.zip", {f"{number}.py": "#" * 1000 for number in range(20)})
    monkeypatch.setattr(archive, "_MOST_BYTES", 10_000)
    with pytest.raises(SourceUnreadable, match="more than 10,000 bytes"), open_source(bomb, work_dir=tmp_path, s3=None):
        pass
    monkeypatch.setattr(archive, "_MOST_ENTRIES", 5)
    with pytest.raises(SourceUnreadable, match="more than 5 files"), open_source(bomb, work_dir=tmp_path, s3=None):
        pass


def test_an_installed_package_is_found_by_its_name(tmp_path: Path) -> None:
    tmp_path.joinpath("work").mkdir()
    assert "json.decoder" in modules("package:json", tmp_path / "work")
    assert modules("package:colorsys", tmp_path / "work") == {"colorsys"}
    with open_source("package:click", work_dir=tmp_path, s3=None) as source:
        assert (source.path.name, source.distribution) == ("click", "click")
    with open_source("package:xml.dom", work_dir=tmp_path, s3=None) as source:
        assert (source.path.name, source.distribution) == ("dom", None)


@pytest.mark.parametrize("name", ["nowhere", "", "a b", "../x", "sys", "math"])
def test_what_is_no_installed_python_package_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceNotFound), open_source(f"package:{name}", work_dir=tmp_path, s3=None):
        pass

"""Sources of code: git repositories, archives, installed packages."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import subprocess
import tarfile
import tracemalloc
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgen.data_types.contract import Record
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.options import TestCodeOptions
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
        ("git+file:///nowhere/at/all", "'/nowhere/at/all' does not appear to be a git repository"),
        ("git+ssh://git@example.org/a.git", "only git"),
        ("git+file://{repository}@--upload-pack=touch /tmp/x", "cannot be used"),
        ("git+https://me:secret@example.org/a.git", "credential helper"),
        ("git+https://token@example.org/a.git", "credential helper"),
        ("git+https://me:se/secret@example.org/a.git", "no URL"),
        ("git+ssh://me:se/secret@example.org/a.git", "no URL"),
        ("git+https://[secret/a.git", "no URL"),
        ("git+https://example.org/a.git?access_token=secret", "cannot be used"),
        ("git+file://{repository}@v2\0", "no URL"),
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


def test_no_hook_filter_or_other_transport_is_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hook and the filter are the user's own, as `git lfs install` sets them up for every repository."""
    script = tmp_path / "templates" / "hooks" / "post-checkout"
    script.parent.mkdir(parents=True)
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    settings = f'[init]\ntemplateDir = {tmp_path}/templates\n[filter "lfs"]\nprocess = {script}\nrequired = true\n'
    other = f'[url "ext::{script} "]\ninsteadOf = https://other.example/\n[protocol "ext"]\nallow = always\n'
    (tmp_path / ".gitconfig").write_text(settings + other)
    (repository / ".gitattributes").write_text("*.py filter=lfs\n")
    git(repository, "-c", "filter.lfs.required=false", "add", ".")
    git(repository, "commit", "-q", "-m", "large files")
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_source(f"git+file://{repository}", work_dir=tmp_path / "work", s3=None) as source:
        assert (source.path / "src" / "shop" / "one.py").read_text() == CART
    with (
        pytest.raises(SourceNotFound, match="transport 'ext' not allowed"),
        open_source("git+https://other.example/a", work_dir=tmp_path / "work", s3=None),
    ):
        pass
    assert not (tmp_path / "ran").exists()


def test_links_of_a_repository_are_left_out(repository: Path, tmp_path: Path) -> None:
    (repository / "src" / "shop" / "linked.py").symlink_to("../../../ä b.py")
    (repository / "outside").symlink_to(tmp_path)
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "links")
    work = tmp_path / "work"
    work.mkdir()
    with open_source(f"git+file://{repository}@main", work_dir=work, s3=None) as source:
        assert {path.name for path in source.path.rglob("*.py")} == {"__init__.py", "one.py", "two.py"}
    with (
        pytest.raises(SourceNotFound, match="no folder 'outside'"),
        open_source(f"git+file://{repository}#subdirectory=outside", work_dir=work, s3=None),
    ):
        pass


def test_without_git_its_package_is_named(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(SourceNotFound, match="apt-get install git"),
        open_source(f"git+file://{repository}", work_dir=tmp_path / "work", s3=None),
    ):
        pass


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


def folder(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.DIRTYPE
    return entry


def test_links_and_devices_of_an_archive_are_left_out(tmp_path: Path) -> None:
    device = tarfile.TarInfo("shop/null.py")
    device.type = tarfile.CHRTYPE
    packed = write_tar(tmp_path / "a.tar.gz", ("shop/cart.py", CART), link("shop/shadow.py", "/etc/shadow"), device)
    linked = zipfile.ZipInfo("shop/shadow.py")
    linked.external_attr = (stat.S_IFLNK | 0o777) << 16
    zipped = write_zip(tmp_path / "a.zip", {"shop/cart.py": CART})
    with zipfile.ZipFile(zipped, "a") as more:
        more.writestr(linked, "/etc/shadow")
    for path in (packed, zipped):
        with open_source(path, work_dir=tmp_path / "work", s3=None) as source:
            assert [file.name for file in source.path.rglob("*.py")] == ["cart.py"]


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "..\\evil.py", "c:\\evil.py"])
@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_with_files_outside_of_itself_is_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    packed = write_zip(path, {name: CART}) if kind == "zip" else write_tar(path, (name, CART))
    with pytest.raises(SourceUnreadable, match="outside of itself"), open_source(packed, work_dir=tmp_path, s3=None):
        pass
    assert not list(tmp_path.rglob("evil.py"))


def zipped(method: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as packed:
        packed.writestr("shop/ä.py", CART * 100)
    return content.getvalue()


def tarred(mode: Literal["w", "w:gz", "w:bz2", "w:xz"]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as packed:
        entry = tarfile.TarInfo("shop/ä.py")
        entry.size = 100 * len(CART)
        packed.addfile(entry, io.BytesIO(100 * CART.encode()))
    return content.getvalue()


SOUND = {
    "stored.whl": zipped(zipfile.ZIP_STORED),
    "deflated.zip": zipped(zipfile.ZIP_DEFLATED),
    "bzip2.zip": zipped(zipfile.ZIP_BZIP2),
    "lzma.zip": zipped(zipfile.ZIP_LZMA),
    "a.tar": tarred("w"),
    "a.tgz": tarred("w:gz"),
    "a.tar.bz2": tarred("w:bz2"),
    "a.tar.xz": tarred("w:xz"),
}


@pytest.mark.parametrize("name", SOUND)
def test_every_kind_of_archive_is_unpacked(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SOUND[name])
    with open_source(tmp_path / name, work_dir=tmp_path / "work", s3=None) as source:
        assert [path.read_text() for path in source.path.rglob("ä.py")] == [CART * 100]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(SOUND)), st.data())
def test_a_damaged_archive_is_unpacked_or_refused_in_one_line(name: str, data: st.DataObject) -> None:
    content = bytearray(SOUND[name])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=5)):
        content[place] = data.draw(st.integers(0, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        try:
            with open_source(path, work_dir=Path(folder, "work"), s3=None):
                pass
        except SourceUnreadable as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - sound ones are none of its business


def test_headers_that_claim_much_take_neither_memory_nor_time(tmp_path: Path) -> None:
    for kind, size in ((tarfile.XHDTYPE, 100_000_000), (tarfile.GNUTYPE_LONGNAME, 100_000_000), (b"Z", 1 << 40)):
        entry = tarfile.TarInfo("shop/cart.py")
        entry.type, entry.size = kind, size
        with gzip.open(tmp_path / "a.tar.gz", "wb", compresslevel=1) as packed:
            packed.write(entry.tobuf())
            packed.writelines(bytes(1 << 20) for _ in range(100))
        tracemalloc.start()
        with (
            pytest.raises(SourceUnreadable, match="a header"),
            open_source(tmp_path / "a.tar.gz", work_dir=tmp_path, s3=None),
        ):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 20_000_000


def test_damaged_and_boundless_archives_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in (b"PK no archive at all", SOUND["stored.whl"].replace("ä".encode(), b"\xff\xff")):
        (tmp_path / "a.whl").write_bytes(content)
        with (
            pytest.raises(SourceUnreadable, match="no sound archive"),
            open_source(tmp_path / "a.whl", work_dir=tmp_path, s3=None),
        ):
            pass
    folders = write_tar(tmp_path / "c.tar.gz", *(folder(f"{number}") for number in range(20)))
    bomb = write_zip(tmp_path / "b.zip", {f"{number}.py": "#" * 1000 for number in range(20)})
    monkeypatch.setattr(archive, "_MOST_BYTES", 10_000)
    with pytest.raises(SourceUnreadable, match="more than 10,000 bytes"), open_source(bomb, work_dir=tmp_path, s3=None):
        pass
    monkeypatch.setattr(archive, "_MOST_ENTRIES", 5)
    for many in (bomb, folders):
        with (
            pytest.raises(SourceUnreadable, match="more than 5 entries"),
            open_source(many, work_dir=tmp_path, s3=None),
        ):
            pass


def test_an_installed_package_is_found_by_its_name(tmp_path: Path) -> None:
    tmp_path.joinpath("work").mkdir()
    assert "json.decoder" in modules("package:json", tmp_path / "work")
    assert modules("package:colorsys", tmp_path / "work") == {"colorsys"}
    with open_source("package:click", work_dir=tmp_path, s3=None) as source:
        assert (source.path.name, source.distribution) == ("click", "click")
    with open_source("package:xml.dom", work_dir=tmp_path, s3=None) as source:
        assert (source.path.name, source.distribution) == ("dom", None)


def test_a_package_and_those_above_it_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "shop" / "tills"
    inner.mkdir(parents=True)
    (tmp_path / "shop" / "__init__.py").write_text("raise SystemExit\n")
    (inner / "__init__.py").write_text("raise SystemExit\n")
    monkeypatch.syspath_prepend(tmp_path)
    with open_source("package:shop.tills", work_dir=tmp_path, s3=None) as source:
        assert source.path == inner


def test_of_distributions_that_share_a_top_package_the_right_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cart", "till", "wall"):
        module = tmp_path / "shop" / name / "__init__.py"
        module.parent.mkdir(parents=True)
        module.touch()
        info = tmp_path / f"shop_{name}-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: shop-{name}\nVersion: 1\n")
        (info / "RECORD").write_text(f"shop/{name}/__init__.py,,\n{info.name}/METADATA,,\n{info.name}/RECORD,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("cart", "till", "wall"):
        with open_source(f"package:shop.{name}", work_dir=tmp_path, s3=None) as source:
            assert (source.path, source.distribution) == (tmp_path / "shop" / name, f"shop-{name}")
    with (
        pytest.raises(SourceNotFound, match="no code of its own"),
        open_source("package:shop", work_dir=tmp_path, s3=None),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere", "there is no package 'nowhere' here"),
        ("json.nowhere", "there is no package 'json.nowhere' here"),
        ("", "the form is package:NAME"),
        ("a b", "the form is package:NAME"),
        ("../x", "the form is package:NAME"),
        ("sys", "built in, compiled or packed"),
        ("math", "built in, compiled or packed"),
    ],
)
def test_what_is_no_installed_python_package_is_told(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(SourceNotFound) as caught, open_source(f"package:{name}", work_dir=tmp_path, s3=None):
        pass
    assert told in caught.value.problem


@pytest.mark.parametrize("folder", ["shop-1/.git", "shop-1/.GIT", "shop-1"])
def test_the_settings_of_a_repository_in_an_archive_run_nothing(tmp_path: Path, folder: str) -> None:
    """As a repository, and as a bare one whose settings name a tree."""
    ran = tmp_path / "ran"
    tree = "" if folder != "shop-1" else "bare = false\n worktree = .\n"
    config = (
        f'[core]\n repositoryformatversion = 0\n {tree}fsmonitor = touch {ran}\n[filter "x"]\n clean = touch {ran}\n'
    )
    sdist = write_tar(
        tmp_path / "shop-1.tar.gz",
        ("shop-1/shop/__init__.py", ""),
        ("shop-1/shop/cart.py", CART),
        (f"{folder}/HEAD", "ref: refs/heads/main\n"),
        (f"{folder}/config", config),
        (f"{folder}/objects/info/packs", ""),
        (f"{folder}/refs/heads/x", ""),
        (f"{folder}/info/attributes", "*.py filter=x\n"),
    )
    with (
        open_source(sdist, work_dir=tmp_path / "work", s3=None) as source,
        pytest.raises(SourceUnreadable, match="what changed"),
    ):
        list(TEST_CODE.fetcher().fetch(source, TestCodeOptions(since="HEAD")))
    assert not ran.exists()


def test_an_archive_that_is_too_deep_is_refused(tmp_path: Path) -> None:
    deep = write_tar(tmp_path / "deep.tar.gz", ("a/" * 400 + "b.py", CART))
    with pytest.raises(SourceUnreadable, match="deep"), open_source(deep, work_dir=tmp_path / "work", s3=None):
        pass
    assert list((tmp_path / "work").iterdir()) == []

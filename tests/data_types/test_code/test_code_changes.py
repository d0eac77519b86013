"""Selection by change: what git says was changed since a commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from source_trees import fetch, records, write_tree

from batchgen.data_types import parse_options
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.code.changes import changed_ranges
from batchgen.errors import InvalidOption, SourceEmpty, SourceUnreadable

CODE = """\
import os

def one():
    return 1

def two():
    x = 2
    return x

class Three:
    def three(self):
        return 3
"""

NEW = "def new():\n    return 'Ü'\n\nclass Newer:\n    def method(self):\n        return 0\n"


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A package in a repository, everything committed, the first commit tagged."""
    tree = write_tree(tmp_path, {"src/shop/__init__.py": "", "src/shop/a.py": CODE, "src/shop/b.py": CODE})
    git(tree, "init", "-q")
    git(tree, "add", ".")
    git(tree, "commit", "-q", "-m", "first")
    git(tree, "tag", "v1")
    return tree


def changed(source: Path, ref: str = "v1") -> list[str]:
    return [record.record_id.removeprefix("src/").removeprefix("shop/") for record in records(source, since=ref)]


@pytest.mark.parametrize(
    ("old", "new", "targets"),
    [
        ("return 1", "return 11", ["a.py:one"]),
        ("    x = 2\n", "", ["a.py:two"]),
        ("def two():\n    x = 2\n    return x\n\n", "", ["a.py:Three"]),
        ("        return 3\n", "        return 3\n\ndef four():\n    return 4\n", ["a.py:four"]),
        ("import os\n", "import os\nimport re\n", []),
        ("return 3", "return 33", ["a.py:Three"]),
    ],
)
@pytest.mark.parametrize("source", [".", "src", "src/shop", "src/shop/a.py"])
def test_targets_with_changed_lines_are_kept(
    repository: Path, source: str, old: str, new: str, targets: list[str]
) -> None:
    file = repository / "src/shop/a.py"
    file.write_text(CODE.replace(old, new), encoding="utf-8")
    if not targets:
        with pytest.raises(SourceEmpty, match="since"):
            changed(repository / source)
    else:
        assert changed(repository / source) == targets


def test_new_files_count_whole_and_renamed_ones_by_their_changes(repository: Path) -> None:
    write_tree(repository, {"src/shop/new name.py": NEW, "src/shop/new.py": NEW, "src/shop/ignored.py": NEW})
    (repository / ".gitignore").write_text("ignored.py\n", encoding="utf-8")
    write_tree(repository, {"src/shop/staged.py": "def staged():\n    return 'Ü'\n"})
    git(repository, "add", "src/shop/staged.py")
    git(repository, "mv", "src/shop/b.py", "src/shop/moved.py")
    (repository / "src/shop/moved.py").write_text(CODE.replace("return 3", "return 4"), encoding="utf-8")
    assert changed(repository / "src/shop") == [
        "moved.py:Three",
        "new.py:new",
        "new.py:Newer",
        "staged.py:staged",
    ]
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    assert changed(repository)[0] == "moved.py:Three"
    with pytest.raises(SourceEmpty):
        changed(repository, "HEAD")


def test_the_repository_may_be_the_package_itself(tmp_path: Path) -> None:
    package = write_tree(tmp_path / "shop", {"__init__.py": "", "a.py": CODE})
    git(package, "init", "-q")
    git(package, "add", ".")
    git(package, "commit", "-q", "-m", "first")
    (package / "a.py").write_text(CODE.replace("return 1", "return 0"), encoding="utf-8")
    assert changed(package, "HEAD") == ["a.py:one"]


def test_the_users_settings_of_git_do_not_matter(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "color.ui": "always",
        "diff.external": "false",
        "diff.context": "9",
        "core.pager": "false",
    }.items():
        git(repository, "config", name, value)
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    (repository / "src/shop/a.py").write_text(CODE.replace("return 1", "return 0"), encoding="utf-8")
    assert changed(repository) == ["a.py:one"]


@pytest.mark.parametrize(
    ("diff", "found"),
    [
        (["+++ b/a.py", "@@ -1 +1 @@", "-x", "+y"], [("a.py", (1, 1))]),
        (["+++ b/a.py", "@@ -3,2 +2,0 @@ def f():", "-x", "-y"], [("a.py", (2, 3))]),
        (["+++ b/a b.py\t", "@@ -0,0 +1,3 @@", "+x", "+y", "+z"], [("a b.py", (1, 3))]),
        (['+++ "b/a\\"b.py"', "@@ -0,0 +1 @@", "+x"], [('a"b.py', (1, 1))]),
        (["+++ /dev/null", "@@ -1 +0,0 @@", "-x"], []),
        (
            [
                "+++ b/a.py",
                "@@ -1,2 +1,2 @@",
                "--- b/c.py",
                "-@@ -7 +7 @@",
                "+++ b/b.py",
                "+@@ -9 +9 @@",
                "@@ -5 +5 @@",
            ],
            [("a.py", (1, 2)), ("a.py", (5, 5))],
        ),
        (
            ["+++ b/a.py", "@@ -1 +1 @@", "-x", "\\ No newline at end of file", "+y", "+++ b/b.py", "@@ -2 +2 @@"],
            [("a.py", (1, 1)), ("b.py", (2, 2))],
        ),
    ],
)
def test_hunks_are_read_by_their_counts(diff: list[str], found: list[tuple[str, tuple[int, int]]]) -> None:
    assert list(changed_ranges(f"{line}\n" for line in diff)) == found


def test_what_git_does_not_know_is_named_with_what_to_do(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadable, match=r"no such commit.*branch or tag"):
        fetch(repository, since="v2")
    with pytest.raises(SourceUnreadable, match="no such commit"):
        fetch(repository, since="v1..HEAD")
    plain = write_tree(tmp_path.parent / f"{tmp_path.name}_plain", {"a.py": CODE})
    with pytest.raises(SourceUnreadable, match=r"not a git repository.*branch or tag"):
        fetch(plain, since="v1")


def test_without_git_it_is_said_that_git_is_missing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(SourceUnreadable, match="Install git"):
        fetch(repository, since="v1")


@pytest.mark.parametrize("ref", ["--output=/tmp/x", "-p", "", " "])
def test_what_is_no_name_of_a_commit_is_refused(ref: str) -> None:
    with pytest.raises(InvalidOption, match="since"):
        parse_options(TEST_CODE, {"since": ref})

"""Which files are read, in which order, and under which names."""

from __future__ import annotations

import json
import os
import textwrap
from pathlib import Path

import pytest
from source_trees import fetch, records, write_tree

from batchgen.data_types.contract import BadRow, Record
from batchgen.errors import SourceEmpty, SourceUnreadable

CODE = "def pay(amount):\n    return amount * 2\n"


def paths(folder: Path, **options: object) -> list[str]:
    return [record.data["path"] for record in records(folder, **options)]


def test_a_package_of_the_standard_library_is_read_from_the_folder_above_it() -> None:
    found = {record.record_id: record for record in records(Path(json.__file__).parent)}
    decode = found["json/decoder.py:JSONDecoder.decode"]
    assert decode.data["module"] == "json.decoder"
    assert found["json/__init__.py:loads"].data["module"] == "json"


def test_a_module_may_be_given_as_its_file() -> None:
    found = records(Path(textwrap.__file__))
    assert {record.data["module"] for record in found} == {"textwrap"}
    assert found[0].record_id.startswith("textwrap.py:")
    inside = records(Path(json.__file__).parent / "scanner.py")
    assert inside[0].record_id.startswith("json/scanner.py:")


def test_a_source_may_be_given_relative_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path, {"pkg/__init__.py": "", "pkg/sub/__init__.py": "", "pkg/sub/mod.py": CODE})
    monkeypatch.chdir(tmp_path / "pkg" / "sub")
    assert paths(Path()) == paths(Path("..")) == paths(Path("mod.py")) == ["pkg/sub/mod.py"]


def test_files_come_sorted_and_tests_caches_and_builds_are_left_out(tmp_path: Path) -> None:
    kept = ["pkg/__init__.py", "pkg/a.py", "pkg/build/__init__.py", "pkg/b.py", "top.py"]
    skipped = [
        "tests/helper.py",
        "pkg/test_a.py",
        "pkg/a_test.py",
        "conftest.py",
        "setup.py",
        "pkg/__main__.py",
        ".hidden/x.py",
        "pkg/.x.py",
        "__pycache__/x.py",
        "build/lib/x.py",
        "env/pyvenv.cfg",
        "env/x.py",
        "pkg.egg-info/x.py",
        "pkg/not-a-name.py",
        "pkg/class.py",
    ]
    write_tree(tmp_path, dict.fromkeys(reversed([*kept, *skipped]), CODE))
    assert paths(tmp_path) == ["pkg/__init__.py", "pkg/a.py", "pkg/b.py", "pkg/build/__init__.py", "top.py"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write_tree(tmp_path / "outside", {"secret.py": CODE, "folder/secret.py": CODE})
    source = write_tree(tmp_path / "source", {"own.py": CODE})
    (source / "linked.py").symlink_to(outside / "secret.py")
    (source / "linked").symlink_to(outside / "folder")
    (source / "loop").symlink_to(source)
    os.mkfifo(source / "pipe.py")
    assert paths(source) == ["own.py"]


@pytest.mark.parametrize(
    ("path", "packages", "module"),
    [
        ("pkg/mod.py", ["pkg"], "pkg.mod"),
        ("src/pkg/mod.py", ["src/pkg"], "pkg.mod"),
        ("libs/one/pkg/sub/mod.py", ["libs/one/pkg", "libs/one/pkg/sub"], "pkg.sub.mod"),
        ("src/flat.py", [], "flat"),
        ("namespace/mod.py", [], "namespace.mod"),
        ("project-1.0/namespace/mod.py", [], "namespace.mod"),
    ],
)
def test_modules_have_the_names_they_are_imported_by(
    tmp_path: Path, path: str, packages: list[str], module: str
) -> None:
    write_tree(tmp_path, {path: CODE} | {f"{package}/__init__.py": "" for package in packages})
    assert [record.data["module"] for record in records(tmp_path)] == [module]


def test_include_and_exclude_select_by_path(tmp_path: Path) -> None:
    write_tree(tmp_path, dict.fromkeys(["a/x.py", "a/y.py", "b/x.py"], CODE))
    assert paths(tmp_path, include=["a"]) == ["a/x.py", "a/y.py"]
    assert paths(tmp_path, include="a/*, b/x.py", exclude="*/y.py") == ["a/x.py", "b/x.py"]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"x = 1\ndef f(:\n    return 1\n", 2),
        (b"x = 1\ny = 2\nz = '\xff'\n", 3),
        (b"x = '\xff'\n", 1),
        (b"# coding: no-such-encoding\nx = 1\n", 1),
        (b"# coding: rot13\nx = 1\n", 1),
        (b"x = 1\0\n", 1),
        (b"x = " + b"-" * 100_000 + b"1\n", 1),
        (b"x = " + b"(" * 1_000 + b")" * 1_000 + b"\n", 1),
    ],
)
def test_a_file_that_is_no_python_is_a_bad_row_and_the_rest_goes_on(tmp_path: Path, content: bytes, line: int) -> None:
    write_tree(tmp_path, {"good.py": CODE})
    (tmp_path / "bad.py").write_bytes(content)
    bad, good = fetch(tmp_path)
    assert isinstance(bad, BadRow)
    assert bad.place == f"bad.py:{line}"
    assert bad.problem
    assert isinstance(good, Record)


def test_a_file_is_read_in_the_encoding_it_declares(tmp_path: Path) -> None:
    text = "# -*- coding: latin-1 -*-\r\ndef greet():\r\n    return 'Grüße'\r\n"
    (tmp_path / "a.py").write_bytes(text.encode("latin-1"))
    (tmp_path / "b.py").write_bytes(b"\xef\xbb\xbf" + CODE.encode())
    first, second = records(tmp_path)
    assert first.data["source"] == "def greet():\n    return 'Grüße'"
    assert second.data["first"] == 1


def test_escapes_that_python_warns_of_are_no_errors(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": "def f():\n    return '\\d' is 'x'\n"})
    assert len(records(tmp_path)) == 1


def test_a_source_without_python_is_named_as_such(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n", encoding="utf-8")
    with pytest.raises(SourceUnreadable, match="no Python files"):
        fetch(tmp_path)
    with pytest.raises(SourceUnreadable, match="no Python files"):
        fetch(tmp_path / "data.csv")


def test_options_that_leave_nothing_are_named_as_the_reason(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.py": CODE})
    with pytest.raises(SourceEmpty, match="exclude"):
        fetch(tmp_path, exclude=["*"])

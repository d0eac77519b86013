"""What a project says that it needs is read in every form, and odd files are no error."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchgen.data_types.test_code.running.requirements import find_requirements

READ = {
    "pyproject": (
        {"pyproject.toml": "[project]\ndependencies = ['a>=1', 'b; python_version>\"3\"']"},
        ["a>=1", 'b; python_version>"3"'],
    ),
    "poetry": (
        {"pyproject.toml": "[tool.poetry.dependencies]\npython = '^3.11'\na = '^1.2'\nb = {path = 'b'}"},
        ["a>=1.2,<2"],
    ),
    "a file named by setuptools": (
        {
            "pyproject.toml": "[tool.setuptools.dynamic]\ndependencies = {file = 'needs.txt'}",
            "needs.txt": "a==1  # why",
        },
        ["a==1"],
    ),
    "setup.cfg": ({"setup.cfg": "[options]\ninstall_requires =\n    a\n"}, ["a"]),
    "setup.py": ({"setup.py": "needs = ['a']\nsetup(install_requires=needs)"}, ["a"]),
    "requirements.txt": ({"requirements.txt": "--prefer-binary\na==1 \\\n  --hash=sha256:0\n"}, ["a==1"]),
    "poetry's tables": (
        {
            "pyproject.toml": "[tool.poetry.dependencies]\na = {version = '^1', extras = ['x', 'y']}\n"
            "b = {version = '2', markers = \"python_version > '3'\"}\nc = '>=1 <2'\nd = '^1 || ^2'\n"
            "e = [{version = '1', python = '<3'}, {version = '2', python = '>3'}]\nf = {version = '1', optional = true}"
        },
        ["a[x,y]>=1,<2", "b==2; python_version > '3'", "c>=1,<2", "d", "e"],
    ),
    "setup.cfg with comments": ({"setup.cfg": "[options]\ninstall_requires =\n  a>=1 # why\n  # b\n"}, ["a>=1"]),
    "setup.cfg names files": (
        {"setup.cfg": "[options]\ninstall_requires = file: a.txt, b.txt\n", "a.txt": "a", "b.txt": "b"},
        ["a", "b"],
    ),
    "setup.py with a text": ({"setup.py": "setup(install_requires='a\\nb')"}, ["a", "b"]),
    "requirements.txt names files": (
        {"requirements.txt": "-r base.txt\n--requirement=more.txt\n-c not.txt\na", "base.txt": "b", "more.txt": "c"},
        ["a", "b", "c"],
    ),
    "with a byte order mark": ({"requirements.txt": "\ufeffa\n"}, ["a"]),
    "nothing": ({}, []),
    # Odd ones.
    "no table": ({"pyproject.toml": "project = 3\ntool = [1]"}, []),
    "no list": ({"pyproject.toml": "[project]\ndependencies = 7"}, []),
    "no texts": ({"pyproject.toml": "[project]\ndependencies = [1, {a = 2}, 'a']"}, ["a"]),
    "poetry without a table": ({"pyproject.toml": "[tool.poetry]\ndependencies = ['a']"}, []),
    "poetry with odd versions": ({"pyproject.toml": "[tool.poetry.dependencies]\na = '^²'\nb = '^'\nc = 1"}, []),
    "a file elsewhere": (
        {"pyproject.toml": "[tool.setuptools.dynamic]\ndependencies.file = ['../other.txt', '\\u0000']"},
        [],
    ),
    "files that name each other": ({"requirements.txt": "-r requirements.txt\n-r ../other.txt\na"}, ["a"]),
    "no file name": ({"pyproject.toml": "[tool.setuptools.dynamic]\ndependencies.file = [1]"}, []),
    "deep toml": ({"pyproject.toml": "a = " + "[" * 20_000}, []),
    "no toml": ({"pyproject.toml": "\ufeff= ="}, []),
    "deep setup.py": ({"setup.py": "setup(install_requires=" + "(" * 5_000 + ")" * 5_000 + ")"}, []),
    "computed": ({"setup.py": "setup(install_requires=['a'] + more)"}, []),
    "a dict": ({"setup.py": "setup(install_requires={'a': {}, **{}})"}, []),
    "unhashable": ({"setup.py": "setup(install_requires={[]: 1})"}, []),
    "numbers": ({"setup.py": "setup(install_requires=[1, 2])"}, []),
    "NUL": ({"setup.py": "\0"}, []),
    "no options": ({"setup.cfg": "install_requires = a"}, []),
}


@pytest.mark.parametrize(("files", "needed"), READ.values(), ids=READ)
def test_what_a_project_needs(files: dict[str, str], needed: list[str], tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("stolen")
    project = tmp_path / "project"
    (project / ".git").mkdir(parents=True)
    for name, text in files.items():
        (project / name).write_text(text, encoding="utf-8")
    assert find_requirements(project, None) == needed


def test_a_file_that_powershell_wrote(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes("a==1\r\nb\r\n".encode("utf-16"))
    assert find_requirements(tmp_path, None) == ["a==1", "b"]


def test_an_installed_distribution_is_read_from_its_metadata() -> None:
    assert any(each.startswith("pluggy==") for each in find_requirements(Path("/nowhere"), "pytest"))

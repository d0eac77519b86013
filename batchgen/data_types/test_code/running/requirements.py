"""What the code under test needs to be imported, from whatever its project says it in; nothing of it is run."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from email.parser import HeaderParser
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from batchgen.data_types.test_code.code.parsing import NotPython, parse

_LEVELS = 4
"""How far above a source its project may begin."""
_NAME = re.compile(r"[-_.]+")


def find_requirements(root: Path, distribution: str | None) -> list[str]:
    """Return the requirements (PEP 508) of the installed distribution, or of the project around a source root."""
    if distribution is not None:
        return installed_requirements(distribution)
    folder = project_folder(root)
    if folder is None:
        return []
    for read in _READERS:
        found = read(folder)
        if found is not None:
            return sorted({requirement for requirement in found if _is_requirement(requirement)})
    return []


def installed_requirements(distribution: str) -> list[str]:
    """Return everything that an installed distribution needs, as it is installed here, without itself."""
    found: dict[str, str] = {}
    pending = [distribution]
    while pending:
        name = pending.pop()
        try:
            known = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for needed in map(Requirement, filter(_is_requirement, known.requires or ())):
            key = _normal(needed.name)
            if key in found or (needed.marker is not None and not needed.marker.evaluate({"extra": ""})):
                continue
            try:
                found[key] = f"{needed.name}=={metadata.version(needed.name)}"
            except metadata.PackageNotFoundError:
                found[key] = str(needed)
            pending.append(needed.name)
    found.pop(_normal(distribution), None)
    return sorted(found.values())


def project_folder(root: Path) -> Path | None:
    """Return the nearest folder, from the source root upward, that says what its code needs."""
    for folder in (root, *list(root.parents)[:_LEVELS]):
        if any((folder / name).is_file() for name in _FILES) or _dist_info(folder) is not None:
            return folder
        if (folder / ".git").exists() or folder.name == "site-packages":
            return None
    return None


def _pyproject(folder: Path) -> Iterable[str] | None:
    document = _toml(folder / "pyproject.toml")
    project = _table(document, "project")
    if "dependencies" in project:
        return _texts(project["dependencies"])
    poetry = _table(document, "tool", "poetry")
    if "dependencies" in poetry:
        return list(_poetry(_table(poetry, "dependencies")))
    named = _texts(_table(document, "tool", "setuptools", "dynamic", "dependencies").get("file", []))
    return [line for name in named for line in _lines(folder, name)] if named else None


def _table(document: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return a table of a table; an empty one where it is missing, or is none."""
    for name in names:
        found = document.get(name)
        document = found if isinstance(found, dict) else {}
    return document


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list | tuple) else [value]
    return [each for each in values if isinstance(each, str)]


def _setup_cfg(folder: Path) -> Iterable[str] | None:
    path = folder / "setup.cfg"
    if not path.is_file():
        return None
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except configparser.Error:
        return None
    text = parser.get("options", "install_requires", fallback=None)
    return None if text is None else [line.strip() for line in text.splitlines() if line.strip()]


def _setup_py(folder: Path) -> Iterable[str] | None:
    """Read `install_requires=[…]` where it is written out, or names a list that is."""
    path = folder / "setup.py"
    if not path.is_file():
        return None
    tree = parse(path.read_text(encoding="utf-8", errors="replace"))
    if isinstance(tree, NotPython):
        return None
    assigned = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "install_requires":
            value = assigned.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
            return _written_out(value)
    return None


def _written_out(value: ast.expr) -> list[str] | None:
    """Return the texts of a list that is written out; None for one that is computed."""
    if not isinstance(value, ast.List | ast.Tuple):
        return None
    texts = [item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return texts if len(texts) == len(value.elts) else None


def _metadata(folder: Path) -> Iterable[str] | None:
    path = _dist_info(folder)
    if path is None:
        return None
    head = HeaderParser().parsestr(path.read_text(encoding="utf-8", errors="replace"))
    return [text for text in head.get_all("Requires-Dist") or [] if "extra ==" not in text]


def _requirements_txt(folder: Path) -> Iterable[str] | None:
    name = "requirements.txt"
    return list(_lines(folder, name)) if (folder / name).is_file() else None


_READERS: tuple[Callable[[Path], Iterable[str] | None], ...] = (
    _pyproject,
    _setup_cfg,
    _setup_py,
    _metadata,
    _requirements_txt,
)
_FILES = ("pyproject.toml", "setup.cfg", "setup.py", "requirements.txt", "PKG-INFO")


def _dist_info(folder: Path) -> Path | None:
    """The metadata of an unpacked wheel or sdist; of a folder of many packages none is meant."""
    found = [path for path in folder.glob("*.dist-info/METADATA") if path.is_file()]
    if len(found) == 1:
        return found[0]
    path = folder / "PKG-INFO"
    return path if path.is_file() else None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
        return {}


def _lines(folder: Path, name: str) -> Iterator[str]:
    """Yield the requirements of a file in the project's folder, without its options and hashes."""
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            return
        text = path.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
    except (OSError, ValueError):
        return
    for line in text.splitlines():
        requirement = re.split(r"\s+#|\s--", line.strip())[0].strip()
        if requirement and requirement[0] not in "#-":
            yield requirement


def _poetry(dependencies: dict[str, Any]) -> Iterator[str]:
    """Yield Poetry's own form of requirements in that of PEP 508."""
    for name, given in dependencies.items():
        version = given.get("version", "*") if isinstance(given, dict) else given
        optional = isinstance(given, dict) and (given.get("optional") or not {"version"} & given.keys())
        if name.lower() == "python" or optional or not isinstance(version, str):
            continue
        yield name + ",".join(filter(None, (_poetry_version(part.strip()) for part in version.split(","))))


def _poetry_version(text: str) -> str:
    """`^1.2` → `>=1.2,<2`, `~1.2` → `>=1.2,<1.3`, `1.2` → `==1.2`, `*` → nothing."""
    if text in {"", "*"}:
        return ""
    if text[0] not in "^~":
        return text if text[0] in "<>=!" else f"=={text}"
    plain = text.lstrip("^~=")
    numbers = [int(part) if part.isdecimal() else 0 for part in plain.split(".")]
    if text[0] == "^":
        kept = next((at for at, number in enumerate(numbers) if number), len(numbers) - 1)
    else:
        kept = min(1, len(numbers) - 1)
    above = [*numbers[:kept], numbers[kept] + 1]
    return f">={plain},<{'.'.join(map(str, above))}"


def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return True


def _normal(name: str) -> str:
    return _NAME.sub("-", name).lower()

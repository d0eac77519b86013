"""What the code under test needs to be imported, from whatever its project says it in; nothing of it is run."""

from __future__ import annotations

import ast
import codecs
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
_MOST_FILES = 50
"""Files of requirements that name each other."""
_NAME = re.compile(r"[-_.]+")
_COMMENT = re.compile(r"(?:^|\s)#|\s--")
_INCLUDED = re.compile(r"\s*(?:-r|--requirement)[\s=]*(\S+)")
_BETWEEN = re.compile(r"\s*,\s*|\s+(?=[<>=!~^])")
"""Between Poetry's constraints."""


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
    if text is None:
        return None
    if text.startswith("file:"):
        return [line for name in text.removeprefix("file:").split(",") for line in _lines(folder, name.strip())]
    return [_COMMENT.split(line)[0].strip() for line in text.splitlines()]


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
    """Return the texts of a list, or the lines of a text, that is written out; None for one that is computed."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value.splitlines()
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
    """Yield the requirements of a file in the project's folder, and of those it names, without options and hashes."""
    pending, seen = [name], {name}
    while pending:
        name = pending.pop()
        for line in _lines_of_one(folder, name):
            included = _INCLUDED.match(line)
            requirement = _COMMENT.split(line)[0].strip()
            other = (Path(name).parent / included[1]).as_posix() if included else name
            if other not in seen and len(seen) < _MOST_FILES:
                seen.add(other)
                pending.append(other)
            elif requirement and requirement[0] not in "#-":
                yield requirement


def _lines_of_one(folder: Path, name: str) -> list[str]:
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            return []
        return _text(path.read_bytes()).replace("\\\n", " ").splitlines()
    except (OSError, ValueError):
        return []


def _text(raw: bytes) -> str:
    """Decode as pip does: PowerShell writes UTF-16."""
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if wide else "utf-8-sig", errors="replace").replace("\r\n", "\n")


def _poetry(dependencies: dict[str, Any]) -> Iterator[str]:
    """Yield Poetry's own form of requirements in that of PEP 508; of alternatives the name alone."""
    for name, given in dependencies.items():
        table = given if isinstance(given, dict) else {"version": "*" if isinstance(given, list) else given}
        version = table.get("version")
        if name.lower() == "python" or table.get("optional") or not isinstance(version, str):
            continue
        parts = [] if "||" in version else _BETWEEN.split(version.strip())
        extras = f"[{','.join(_texts(table['extras']))}]" if "extras" in table else ""
        marker = f"; {table['markers']}" if isinstance(table.get("markers"), str) else ""
        yield name + extras + ",".join(filter(None, map(_poetry_version, parts))) + marker


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

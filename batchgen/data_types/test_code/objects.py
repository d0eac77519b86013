"""Accepted answers to test files: `tests/test_<module>.py`, ready to be collected by pytest from one folder."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson

from batchgen.data_types.contract import Result
from batchgen.data_types.test_code.merging import Piece, TestFile, merge, take_apart

_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_MAX_NAME = 120
_HEADER = "# Written by a model, not verified: nobody has run these tests yet. Read them before you trust them.\n"


def write_test_files(results: Iterable[Result], folder: Path) -> None:
    """Write the test files of all results below `folder`.

    Results are sorted by module on disk first, so that memory holds the answers of one module at a time and the files
    do not depend on the order of the results.
    """
    with tempfile.TemporaryDirectory() as spool:
        modules = _spool(results, Path(spool))
        if modules:
            (folder / "tests").mkdir(parents=True, exist_ok=True)
        for stem, module, spooled in _stems(modules):
            files = merge(list(_pieces(spooled)))
            for number, file in enumerate(files, start=1):
                name = f"test_{stem}.py" if number == 1 else f"test_{stem}__{number}.py"
                (folder / "tests" / name).write_text(_text(file, module), encoding="utf-8")


def _spool(results: Iterable[Result], spool: Path) -> dict[str, Path]:
    """Write each module's results to a file of its own, and return these files by module."""
    modules: dict[str, Path] = {}
    for result in results:
        data, output = result.record.data, result.output
        spooled = modules.setdefault(output["module"], spool / str(len(modules)))
        title = f"{output['target']} lines {data['first']}-{data['last']}"
        row = [data["path"], data["first"], data["last"], title, output["code"]]
        with spooled.open("ab") as file:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return modules


def _pieces(spooled: Path) -> Iterator[Piece]:
    with spooled.open("rb") as file:
        rows = sorted(orjson.loads(line) for line in file)
    return (take_apart(title, code) for *_, title, code in rows)


def _stems(modules: dict[str, Path]) -> Iterator[tuple[str, str, Path]]:
    """Yield each module with the stem of its file name; names that would fall together get a hash of the module."""
    taken: set[str] = set()
    for module in sorted(modules):
        plain = module.replace(".", "_")
        stem = _UNSAFE.sub("_", plain)[:_MAX_NAME]
        if stem != plain or stem.lower() in taken:
            stem = f"{stem}_{hashlib.sha256(module.encode()).hexdigest()[:8]}"
        taken.add(stem.lower())
        yield stem, module, modules[module]


def _text(file: TestFile, module: str) -> str:
    head = [f"# Tests of {module}\n", _HEADER]
    if file.pieces[0].alone:
        piece = file.pieces[0]
        return "".join([*head, f"# Target: {piece.title}\n\n", piece.code])
    imports = {line for piece in file.pieces for line in piece.imports}
    parts = ["".join([*head, "\n", *_sorted_imports(imports, module.partition(".")[0])])]
    written: set[str] = set()
    for piece in file.pieces:
        parts.append(f"# Target: {piece.title}\n")
        parts.extend(f"{block.text}\n" for block in piece.blocks if block.meaning not in written)
        written.update(block.meaning for block in piece.blocks)
    return "\n\n".join(parts)


def _sorted_imports(lines: set[str], package: str) -> Iterator[str]:
    """Yield import lines in three groups: standard library, the rest, the package under test."""
    groups: dict[int, list[str]] = {}
    for line in sorted(lines, key=lambda line: (line.startswith("from"), line.lower(), line)):
        top = line.split()[1].partition(".")[0]
        group = 2 if top == package else 0 if top in sys.stdlib_module_names else 1
        groups.setdefault(group, []).append(line)
    for position, group in enumerate(sorted(groups)):
        yield "\n" if position else ""
        yield from (f"{line}\n" for line in groups[group])

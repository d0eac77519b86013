"""Accepted answers to test files: `tests/test_<module>.py`, ready to be committed and collected from one folder."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from structlog.stdlib import get_logger

from batchgen.data_types.contract import BatchFacts, Result
from batchgen.data_types.test_code.answer.pruning import only
from batchgen.data_types.test_code.delivery.delivered import Delivered
from batchgen.data_types.test_code.delivery.merging import TestFile, merge, take_apart
from batchgen.data_types.test_code.delivery.selection import candidates, choose
from batchgen.data_types.test_code.delivery.wording import some

log = get_logger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_WORD = re.compile(r"\w+")
_MAX_NAME = 120
_FORMAT_S = 300
_VERIFIED = "# Verified: each test passed in a sandbox, in several orders, and fails when its target only raises.\n"
_NOT_VERIFIED = "# Not verified: nobody has run these tests. Read them before you trust them.\n"
_SIMULATED = "# Simulated: no model wrote them.\n"


def write_test_files(results: Iterable[Result], facts: BatchFacts, folder: Path) -> Delivered:
    """Write the test files of all results below `folder`; returns the tests that they hold.

    Results are sorted by module on disk first, so that memory holds the answers of one module at a time and the files
    do not depend on the order of the results.
    """
    with tempfile.TemporaryDirectory() as spool:
        modules = _spool(results, Path(spool))
        if not modules:
            return Delivered(())
        (folder / "tests").mkdir(parents=True, exist_ok=True)
        delivered = Delivered(_write_modules(modules, facts, folder / "tests"))
    _format(folder, sorted({module.partition(".")[0] for module in modules}))
    return delivered


def _write_modules(modules: dict[str, Path], facts: BatchFacts, folder: Path) -> Iterator[tuple[str, str]]:
    """Write the files of each module, and yield the record and the id of each test in them."""
    for stem, module, spooled in _stems(modules):
        rows = _chosen(spooled)
        by_title = {row["title"]: row for row in rows}
        for number, file in enumerate(merge([take_apart(row["title"], row["code"]) for row in rows]), start=1):
            name = f"test_{stem}.py" if number == 1 else f"test_{stem}__{number}.py"
            held = [by_title[piece.title] for piece in file.pieces]
            tests = sum(len(row["tests"]) for row in held)
            text = _text(file, module, tests, facts, verified=all(row["verified"] for row in held))
            (folder / name).write_text(text, encoding="utf-8")
        yield from ((row["record_id"], test) for row in rows for test in row["tests"])


def write_patch(folder: Path, path: Path) -> None:
    """Write a patch that adds the test files, as `git apply` takes it."""
    with path.open("w", encoding="utf-8", newline="\n") as patch:
        for file in sorted((folder / "tests").glob("*.py")):
            name = file.relative_to(folder).as_posix()
            text = file.read_bytes().decode()  # as it is: no line ending is translated
            lines = text.removesuffix("\n").split("\n")
            patch.write(f"diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n")
            patch.write(f"@@ -0,0 +1,{len(lines)} @@\n")
            patch.writelines(f"+{line}\n" for line in lines)
            patch.write("" if text.endswith("\n") else "\\ No newline at end of file\n")


def _spool(results: Iterable[Result], spool: Path) -> dict[str, Path]:
    """Write each module's results to a file of its own, and return these files by module."""
    modules: dict[str, Path] = {}
    for result in results:
        data, output = result.record.data, result.output
        spooled = modules.setdefault(output["module"], spool / str(len(modules)))
        row = {
            "order": [data["path"], data["first"], data["last"], result.record.record_id],
            "record_id": result.record.record_id,
            "title": f"{output['target']} lines {data['first']}-{data['last']}",
            "output": output,
        }
        with spooled.open("ab") as file:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return modules


def _chosen(spooled: Path) -> list[dict[str, Any]]:
    """Return a module's answers in the order of the source, with the tests that are delivered and no others."""
    with spooled.open("rb") as file:
        rows = sorted(map(orjson.loads, file), key=lambda row: row["order"])
    found = [candidates(row["record_id"], row["order"][1], row["output"]) for row in rows]
    chosen = choose(each for of_row in found for each in of_row)
    kept = []
    for row, of_row in zip(rows, found, strict=True):
        tests = [each.test for each in of_row if (each.record_id, each.test) in chosen]
        if tests:
            code, verified = row["output"]["code"], bool(row["output"].get("verified"))
            cut = code if len(tests) == len(of_row) else only(code, tests)
            if cut is None:  # they cannot be taken apart: all of them are delivered
                cut, tests = code, [each.test for each in of_row]
            kept.append(row | {"tests": tests, "code": cut, "verified": verified})
    return kept


def _format(folder: Path, packages: list[str]) -> None:
    """Format the files and sort their imports; one that the formatter does not take stays as it is."""
    first_party = "lint.isort.known-first-party=[" + ", ".join(f'"{name}"' for name in packages) + "]"
    options = ["--isolated", "--no-cache", "--line-length", "100", "--target-version", "py311"]
    for command in (
        ["check", "--select", "I", "--fix", "--exit-zero", "--config", first_party, *options],
        ["format", *options],
    ):
        done = subprocess.run(
            [sys.executable, "-I", "-m", "ruff", *command, str(folder / "tests")],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_FORMAT_S,
            check=False,
        )
        if done.returncode:
            log.warning("not_formatted", problem=done.stderr.strip()[-500:])


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


def _text(file: TestFile, module: str, tests: int, facts: BatchFacts, *, verified: bool) -> str:
    written_by = f"written by {facts.model}: job {facts.job_id}, {facts.created_at:%Y-%m-%d}"
    head = [
        f"# {some(tests, 'test')} of {module}, {written_by}.\n",
        _VERIFIED if verified else _NOT_VERIFIED,
        _SIMULATED if facts.simulated else "",
    ]
    if file.pieces[0].alone:
        piece = file.pieces[0]
        return "".join([*head, f"# Target: {piece.title}\n\n", piece.code.rstrip("\n"), "\n"])
    blocks = "\n".join(block.text for piece in file.pieces for block in piece.blocks)
    words = set(_WORD.findall(blocks))
    imports = {
        line for piece in file.pieces for line, (name, _) in piece.imports.items() if _is_used(name, line, words)
    }
    parts = ["".join([*head, "\n", *(f"{line}\n" for line in sorted(imports))])]
    written: set[str] = set()
    for piece in file.pieces:
        new = [block for block in piece.blocks if block.meaning not in written]
        parts.append(f"# Target: {piece.title}\n")
        parts.extend(f"{block.text}\n" for block in new)
        written.update(block.meaning for block in new)
    return "\n\n".join(parts)


def _is_used(name: str, line: str, words: set[str]) -> bool:
    """Tell whether an import is needed: its name stands in the code, if only as a fixture's parameter."""
    return name in words or line.startswith("from __future__")

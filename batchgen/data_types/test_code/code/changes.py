"""Which lines of a source were changed since a commit, as git tells; the source is not written to."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from batchgen.errors import SourceUnreadable

_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_TIMEOUT_S = 300
_ALL = (1, 1_000_000_000)

Ranges = list[tuple[int, int]]


class Changes:
    """The lines that were changed in each file, by its path below the source root."""

    def __init__(self, ranges: Mapping[str, Ranges]) -> None:
        self._ranges = ranges

    @classmethod
    def since(cls, ref: str, folder: Path, prefix: str, location: str) -> Changes:
        """Ask git in the source's folder; `prefix` is that folder's path below the source root, or nothing.

        New files count whole. Raises SourceUnreadable where git does not know: no repository, no such commit, no git.
        """
        names = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        with _git(folder, location, *names) as commit:
            known = commit.read().decode().strip()
        found: dict[str, Ranges] = {}
        options = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--relative")
        prefixes = ("--src-prefix=a/", "--dst-prefix=b/", "--ignore-submodules")
        with _git(folder, location, "diff", *options, *prefixes, known, "--", "*.py") as diff:
            for path, lines in changed_ranges(os.fsdecode(line) for line in diff):
                found.setdefault(prefix + path, []).append(lines)
        with _git(folder, location, "ls-files", "-z", "--others", "--exclude-standard", "--", "*.py") as new:
            found |= {prefix + name: [_ALL] for name in os.fsdecode(new.read()).split("\0") if name}
        return cls(found)

    def touch(self, path: str, first: int = 1, last: int = _ALL[1]) -> bool:
        """Tell whether a line from first to last was changed."""
        return any(start <= last and first <= end for start, end in self._ranges.get(path, ()))


def changed_ranges(diff: Iterable[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield path and lines (from 1, of the new side) of each hunk of a unified diff without context.

    Where lines were only taken away, the line before and the one after count as changed.
    """
    path = ""
    body = 0
    for line in diff:
        if body and line[:1] in {"+", "-"}:
            body -= 1
            continue
        if line.startswith("+++ "):
            path = _path(line[4:].rstrip("\r\n"))
        hunk = _HUNK.match(line)
        if hunk is not None:
            removed, start, added = (int(number) if number is not None else 1 for number in hunk.groups())
            body = removed + added
            if path:
                yield path, (start, start + added - 1) if added else (start, start + 1)


def _path(text: str) -> str:
    """Return the path of a `+++` line; nothing where the file was taken away."""
    name = text.removesuffix("\t")
    if name.startswith('"'):
        name = name[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return name.removeprefix("b/") if name.startswith("b/") else ""


@contextmanager
def _git(folder: Path, location: str, *arguments: str) -> Iterator[IO[bytes]]:
    """Give what git says, as a file to be read: a diff may be long."""
    # No bare repository that only lies in the source: its settings could name programs.
    settings = ("core.quotePath=false", "core.fsmonitor=false", "safe.bareRepository=explicit")
    command = ["git", *(part for setting in settings for part in ("-c", setting)), *arguments]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment = kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
    with tempfile.TemporaryFile() as output:
        try:
            subprocess.run(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE,
                timeout=_TIMEOUT_S,
                check=True,
            )
        except FileNotFoundError as error:
            raise _unknown(location, "git is not installed", "Install git, or leave out the option since.") from error
        except subprocess.TimeoutExpired as error:
            raise _unknown(location, f"git takes over {_TIMEOUT_S} s", "Try again, or leave out since.") from error
        except subprocess.CalledProcessError as error:
            problem = error.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fatal: ")
            advice = "The option since needs a folder in a git repository, and a commit, branch or tag that is in it."
            raise _unknown(location, problem or "no such commit", advice) from error
        output.seek(0)
        yield output


def _unknown(location: str, problem: str, advice: str) -> SourceUnreadable:
    return SourceUnreadable(source=location, problem=f"git cannot tell what changed ({problem})", advice=advice)

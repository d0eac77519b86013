"""What judging needs of the source, in one file beside the records: the code under test, and what it needs to run.

The answers may be judged a day later on another machine, when the source is another one or gone.
"""

from __future__ import annotations

import gzip
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

from batchgen.data_types.test_code.code.source_tree import is_left_out, source_root
from batchgen.errors import SourceUnreadable
from batchgen.sandbox import readable
from batchgen.sources.archive import unpack
from batchgen.sources.opened import OpenedSource

REQUIREMENTS = "requirements.txt"
SOURCE = "source"
_MOST_BYTES = 500_000_000
_COMPILE_S = 300


def pack_material(source: OpenedSource, requirements: list[str], path: Path) -> None:
    """Write the source tree and its requirements as a tar.gz, the same bytes for the same content.

    Raises SourceUnreadable for a tree that is too large.
    """
    given = Path(os.path.abspath(source.path))  # noqa: PTH100 - `absolute()` keeps `..`, `resolve()` follows links
    root = source_root(given)
    total = 0
    with (
        path.open("wb") as raw,
        gzip.GzipFile(fileobj=raw, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        _add(archive, REQUIREMENTS, "".join(f"{line}\n" for line in requirements).encode())
        for file in sorted(_files(given, root, source.distribution)):
            content = file.read_bytes()
            total += len(content)
            if total > _MOST_BYTES:
                raise SourceUnreadable(
                    source=source.location,
                    problem=f"it has more than {_MOST_BYTES:,} bytes of files",
                    advice="Name the package or folder that is to be tested, not what lies around it.",
                )
            _add(archive, f"{SOURCE}/{file.relative_to(root).as_posix()}", content)


def unpack_material(packed: Path, folder: Path) -> None:
    """Lay out what was packed below `folder`, for anybody to read, its modules compiled."""
    unpack("material", packed, folder)
    (folder / SOURCE).mkdir(exist_ok=True)
    readable(folder)
    subprocess.run(
        [sys.executable, "-I", "-m", "compileall", "-q", "-j", "1", str(folder / SOURCE)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_COMPILE_S,
        check=False,  # a file that does not compile is none that is tested
    )
    readable(folder)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = 0o644
    archive.addfile(entry, io.BytesIO(content))


def _files(given: Path, root: Path, distribution: str | None) -> Iterator[Path]:
    """Yield what belongs to the source: the package, the folder, or of a single file what may be imported beside it."""
    if given.is_file() and given.parent == root:
        yield from (file for file in root.glob("*.py") if file.is_file() and not file.is_symlink())
        for folder in root.iterdir():
            if (folder / "__init__.py").is_file() and not folder.is_symlink():
                yield from tree_files(folder)
    elif given == root:
        yield from tree_files(root)
    else:  # a package: all of it, with the packages around it
        yield from tree_files(root / given.relative_to(root).parts[0])
    for folder in root.glob("*.dist-info") if distribution is not None else ():
        if metadata.PathDistribution(folder).name == distribution:  # code may ask for its own version
            yield from tree_files(folder)


def tree_files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that code may need; links are not followed, caches and environments left out."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                if not is_left_out(path):
                    yield from tree_files(path)
            elif entry.is_file(follow_symlinks=False) and path.suffix not in {".pyc", ".pyo"}:
                yield path


def import_root(path: str, module: str) -> str:
    """Return the folder, below the source root, from which a file is imported under its module's name."""
    parts = PurePosixPath(path).parts
    parts = parts[:-1] if parts[-1] == "__init__.py" else parts
    return PurePosixPath(*parts[: len(parts) - len(module.split("."))]).as_posix()

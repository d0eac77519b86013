"""Unpacks an archive of code (wheel, zip, tar) as if it were hostile: no links, nothing outside, a bounded size."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from batchgen.errors import SourceUnreadable

ENDINGS = (".whl", ".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_MOST_ENTRIES = 100_000
_MOST_BYTES = 2_000_000_000
_MOST_LEVELS = 100
"""Folders within each other: whoever walks a tree does so with a bounded stack."""
_REPOSITORY = ".git"
_CHUNK = 1 << 20
_LONGEST_READ = 1 << 24
"""More than any sound header of a tar; files are read in chunks."""
_UNREADABLE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)
"""What the standard library raises for archives that are damaged, encrypted or of an unknown kind."""


def is_archive(name: str) -> bool:
    """Tell whether a file is an archive by its name."""
    return name.lower().endswith(ENDINGS)


@contextmanager
def unpacked(location: str, archive: Path, work_dir: Path) -> Iterator[Path]:
    """Give the folder that an archive holds: its single top folder, where it has just one; it is gone afterwards.

    Raises SourceUnreadable.
    """
    work_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="archive-", dir=work_dir) as folder:
        target = Path(folder)
        unpack(location, archive, target)
        tops = list(target.iterdir())
        is_package = len(tops) == 1 and (tops[0] / "__init__.py").is_file()
        yield tops[0] if len(tops) == 1 and tops[0].is_dir() and not is_package else target


def unpack(location: str, archive: Path, target: Path) -> None:
    """Unpack a zip or a tar of any compression into a folder; raises SourceUnreadable."""
    try:
        _unpack(location, archive, target)
    except _UNREADABLE as error:
        problem = " ".join(str(error).split()) or type(error).__name__
        raise _bad(location, f"it is no sound archive ({problem})") from error


def _unpack(location: str, archive: Path, target: Path) -> None:
    left = _MOST_BYTES
    for number, (name, content) in enumerate(_entries(archive)):
        if number >= _MOST_ENTRIES:
            raise _bad(location, f"it has more than {_MOST_ENTRIES:,} entries")
        if content is None:
            continue
        if _REPOSITORY in map(str.lower, PurePosixPath(name.replace("\\", "/")).parts):
            continue  # its settings name programs, which git would run
        with content:
            left -= _write(content, _inside(location, name, target), left)
        if left <= 0:
            raise _bad(location, f"its files have more than {_MOST_BYTES:,} bytes")


def _entries(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Yield the entries, plain files with their content: folders are made for them, links and devices left out."""
    if archive.name.lower().endswith((".whl", ".zip")):
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                yield entry.filename, None if entry.is_dir() or _is_link(entry) else packed.open(entry)
        return
    with _decompressed(archive) as stream, tarfile.TarFile(fileobj=_Forward(stream)) as tar:
        for member in tar:
            yield member.name, tar.extractfile(member) if member.isreg() else None


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _decompressed(archive: Path) -> io.BufferedIOBase:
    with archive.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(archive, "rb")
    if head.startswith(b"BZh"):
        return bz2.open(archive, "rb")
    if head == b"\xfd7zXZ\0":
        return lzma.open(archive, "rb")
    return archive.open("rb")


class _Forward(io.BufferedIOBase):
    """The bytes of a tar, read forward and in bounds: tarfile believes whatever sizes its headers claim."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= _LONGEST_READ:
            raise tarfile.ReadError(f"a header claims {size} bytes")
        return self._stream.read(size)

    def seek(self, position: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or not self.tell() <= position <= _MOST_BYTES + _LONGEST_READ:
            raise tarfile.ReadError(f"a header leads to byte {position}")
        return self._stream.seek(position)

    def tell(self) -> int:
        return self._stream.tell()


def _inside(location: str, name: str, target: Path) -> Path:
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part != "."]
    if not parts or parts[0].endswith(":") or any(part in {"/", ".."} or "\0" in part for part in parts):
        raise _bad(location, f"it has a file outside of itself ({name!r})")
    if len(parts) > _MOST_LEVELS:
        raise _bad(location, f"it has folders that are more than {_MOST_LEVELS} deep")
    path = target.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write(content: IO[bytes], path: Path, most: int) -> int:
    size = 0
    with path.open("wb") as file:
        while size <= most and (chunk := content.read(_CHUNK)):
            file.write(chunk)
            size += len(chunk)
    return size


def _bad(location: str, problem: str) -> SourceUnreadable:
    return SourceUnreadable(source=location, problem=problem, advice="Give a wheel, a zip or a tar of Python code.")

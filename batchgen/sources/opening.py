"""Finds the source behind an address: a path, file://, s3://, a git repository, an installed package.

What is fetched or unpacked lies on disk for as long as it is read, so that a reader may seek in it and read it twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from batchgen.errors import SourceNotFound
from batchgen.sources.archive import is_archive, unpacked
from batchgen.sources.git_repository import SCHEME as GIT
from batchgen.sources.git_repository import checked_out
from batchgen.sources.installed_package import SCHEME as PACKAGE
from batchgen.sources.installed_package import installed_package
from batchgen.sources.opened import OpenedSource
from batchgen.sources.rows import is_table
from batchgen.sources.sql import is_database, opened_database

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
PASSWORD = re.compile(r"(?<=://)[^/@]*@")


@contextmanager
def open_source(location: str | Path, *, work_dir: Path, s3: S3Client | None) -> Iterator[OpenedSource]:
    """Open the source at `location`; what had to be fetched lies below `work_dir` and is deleted at the end.

    Raises SourceNotFound, SourceUnreadable for a damaged or hostile archive, and Unavailable where S3 or a git host
    does not answer.
    """
    location = str(location)
    if location.startswith(PACKAGE):
        yield installed_package(location)
    elif location.startswith(GIT):
        with checked_out(location, work_dir) as path:
            yield OpenedSource(location, path)
    elif is_database(location):
        yield opened_database(location)
    elif location.lower().startswith("s3://") and location.endswith("/"):
        from batchgen.sources.s3_prefix import tables_below  # noqa: PLC0415 - as below

        yield tables_below(location, work_dir, s3, is_table=is_table)
    else:
        with _file(location, work_dir, s3) as path:
            if path.is_file() and is_archive(path.name):
                with unpacked(location, path, work_dir) as folder:
                    yield OpenedSource(location, folder)
            else:
                yield OpenedSource(location, path)


@contextmanager
def _file(location: str, work_dir: Path, s3: S3Client | None) -> Iterator[Path]:
    """Give the file or folder at an address."""
    scheme = SCHEME.match(location)
    match scheme and scheme[1].lower():
        case None:
            yield existing(location, Path(location))
        case "file":
            yield existing(location, path_of_url(location))
        case "s3":
            from batchgen.sources.s3_object import fetched_object  # noqa: PLC0415 - 0.5 s for boto3, s3:// alone needs it

            with fetched_object(location, work_dir, s3) as path:
                yield path
        case unknown:
            problem = f"{unknown}:// is not supported, only paths, file://, s3://, databases, git+… and package:"
            raise SourceNotFound(source=PASSWORD.sub("", location), problem=problem)


def path_of_url(location: str) -> Path:
    """Return the path that a file:// URL names on this machine."""
    parts = urlsplit(location)
    if parts.netloc not in {"", "localhost"}:
        problem = f"it names the host {parts.netloc!r}; a local file has three slashes, file:///path"
        raise SourceNotFound(source=location, problem=problem)
    return Path(url2pathname(parts.path))


def existing(location: str, path: Path) -> Path:
    """Return the path, `~` resolved, once it is known to be a file or folder that may be read."""
    if not location:
        raise SourceNotFound(source="''", problem="it is empty")
    try:
        path = path.expanduser()
        if path.is_dir():
            return path
        if path.exists() and not path.is_file():
            raise SourceNotFound(source=location, problem="it is neither a file nor a folder")
        path.open("rb").close()
    except FileNotFoundError:
        raise SourceNotFound(source=location, problem="there is no such file or folder") from None
    except (OSError, RuntimeError, ValueError) as error:  # no home for `~user`, a NUL in the path
        problem = getattr(error, "strerror", None) or str(error)
        raise SourceNotFound(source=location, problem=problem) from error
    return path

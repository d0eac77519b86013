"""A source that has been found: a local file or folder, whatever address it was given by; a database; several files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """`location` as the user wrote it, for messages and without passwords; `path` where it can be read now."""

    location: str
    path: Path
    distribution: str | None = None
    """The installed distribution that brings it, where it was named as a package."""
    database: str | None = field(default=None, repr=False)
    """The URL of a database, which may hold a password."""
    parts: Callable[[], Iterator[OpenedSource]] | None = None
    """The files of a source of several, opened one after the other."""

    @classmethod
    def of_database(cls, location: str, url: str) -> Self:
        """A database; it has no path."""
        return cls(location, Path(), database=url)

    @classmethod
    def of_parts(cls, location: str, parts: Callable[[], Iterator[OpenedSource]]) -> Self:
        """Several files; there is no one path."""
        return cls(location, Path(), parts=parts)

    @property
    def suffix(self) -> str:
        """The file's ending in lower case, with its dot, or nothing."""
        return self.path.suffix.lower()

"""A source that has been found: a local file or folder, whatever address it was given by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """`location` as the user wrote it, for messages; `path` where it can be read now."""

    location: str
    path: Path
    distribution: str | None = None
    """The installed distribution that brings it, where it was named as a package."""

    @property
    def suffix(self) -> str:
        """The file's ending in lower case, with its dot, or nothing."""
        return self.path.suffix.lower()

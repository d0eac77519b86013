"""Folders for working files. What a killed process left behind is removed by the next one that opens the workspace.

Beside them lies a cache, which is kept.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from batchgen.errors import InvalidSetting


class Workspace:
    """Hands out folders that vanish after use, each named after its process."""

    def __init__(self, folder: Path, cache: Path) -> None:
        """Make the folder, readable by its owner alone; the cache is made once something is put there."""
        self._folder = folder
        self.cache = cache
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            problem = f"{folder} cannot be made ({error.strerror})"
            raise InvalidSetting(variable="BATCHGEN_STATE_DIR", problem=problem) from error
        for left in folder.iterdir():
            pid = left.name.split("-", 1)[0]
            if pid.isdigit() and not psutil.pid_exists(int(pid)):
                shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def folder(self, subject: str) -> Iterator[Path]:
        """A new empty folder while the block runs."""
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=f"{os.getpid()}-{subject}-") as path:
            yield Path(path)

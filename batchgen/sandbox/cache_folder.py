"""Folders that take long to make and are kept: each made by one process at a time, and removed once nobody used it."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_UNUSED_S = 30 * 24 * 3600
_LOCK = threading.Lock()
"""File locks are between processes."""


class CacheFolder:
    """Entries by kind and key. What is there is whole: an entry that was interrupted is made anew."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made when the first entry is."""
        self.folder = folder

    def entry(self, kind: str, key: str, make: Callable[[Path], None]) -> Path:
        """Return the entry's folder; `make` fills it where there is none. What `make` raises leaves nothing."""
        kept = self.folder / kind
        path, ready = kept / key, kept / f"{key}.ready"
        with self._locked(kind, key):
            if not ready.exists():
                shutil.rmtree(path, ignore_errors=True)
                path.mkdir(parents=True)
                try:
                    make(path)
                    path.chmod(0o755)  # the sandbox's user has to read it, whatever the umask
                except BaseException:
                    shutil.rmtree(path, ignore_errors=True)
                    raise
            ready.touch()
        self._forget_unused(kept)
        return path

    @contextmanager
    def _locked(self, kind: str, key: str) -> Iterator[None]:
        import fcntl  # noqa: PLC0415 - this module is imported where there is none, and never used there

        locks = self.folder / kind
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _LOCK, (locks / f"{key}.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _forget_unused(self, kept: Path) -> None:
        """Remove entries that nobody asked for in a month; one that is being made has no mark yet."""
        for ready in kept.glob("*.ready"):
            if time.time() - ready.stat().st_mtime > _UNUSED_S:
                ready.unlink(missing_ok=True)
                shutil.rmtree(kept / ready.stem, ignore_errors=True)
                (kept / f"{ready.stem}.lock").unlink(missing_ok=True)


def readable(folder: Path) -> None:
    """Let anybody read what is below a folder: the sandbox runs under a user of its own."""
    for path, folders, files in os.walk(folder):
        for name in folders:
            (Path(path) / name).chmod(0o755)
        for name in files:
            file = Path(path) / name
            if not file.is_symlink():
                file.chmod(0o755 if os.access(file, os.X_OK) else 0o644)
    folder.chmod(0o755)

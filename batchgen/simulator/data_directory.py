"""Keeps a second simulator off a data directory that one is using: two would overwrite each other's state."""

import sys
from pathlib import Path
from typing import BinaryIO


class DataDirectory:
    """Held from construction to ``release``. Raises OSError when another simulator holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._lock = (path / "lock").open("wb")
        try:
            _lock(self._lock)
        except OSError as error:
            self._lock.close()
            raise OSError(f"the data directory {path} is in use by another simulator") from error

    def release(self) -> None:
        self._lock.close()


def _lock(opened: BinaryIO) -> None:
    if sys.platform != "win32":  # elsewhere the user has to see to it
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)

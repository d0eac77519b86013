"""What is remembered of the stack between two commands: ports, secrets and processes, in one private JSON file."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from batchgen.local.errors import LocalStackError
from batchgen.local.info import Part
from batchgen.local.private_files import write_private
from batchgen.local.processes import OwnedProcess


@dataclass(frozen=True)
class PartRecord:
    """One server: where it listens, what it is opened with, and its process from the moment it is started."""

    ports: list[int]
    secrets: dict[str, str] = field(repr=False)
    process: OwnedProcess | None = None


class StateFile:
    """The records of all parts; every change is on disk when `put` returns. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Reads the file, an absent one as empty; raises LocalStackError when it cannot be read."""
        self._path = path
        self._records = _load(path)
        self._writing = Lock()

    def records(self) -> dict[Part, PartRecord]:
        return dict(self._records)

    def put(self, part: Part, record: PartRecord) -> None:
        with self._writing:
            self._records[part] = record
            document = {"parts": {name.value: asdict(entry) for name, entry in self._records.items()}}
            write_private(self._path, json.dumps(document, indent=2) + "\n")


@contextmanager
def only_one(lock: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock; where another command holds it, call `on_wait` and wait for its end, be it a crash."""
    if sys.platform == "win32":
        raise LocalStackError("The embedded stack needs Linux or macOS.")
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _load(path: Path) -> dict[Part, PartRecord]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {Part(name): _record(entry) for name, entry in document["parts"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LocalStackError(
            f"{path} cannot be read ({type(error).__name__}).",
            "End the servers it stands for and delete it; the data beside it stays, passwords are made anew.",
        ) from error


def _record(entry: dict[str, Any]) -> PartRecord:
    process = entry["process"]
    return PartRecord(
        ports=[int(port) for port in entry["ports"]],
        secrets=dict(entry["secrets"]),
        process=None if process is None else OwnedProcess(**process),
    )

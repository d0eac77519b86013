"""Starts servers that outlive the command, recognises them later, and ends them with their children.

A process is recognised by its pid together with a random token in its environment; the start time decides where the
environment cannot be read. So a pid that the machine gave to somebody else meanwhile is never signalled.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

TOKEN_VARIABLE = "BATCHGEN_STARTED_AS"  # noqa: S105 - the name of a variable
_CLOCK_SHIFT_S = 2.0
_POLL_S = 0.01
_ORPHANS_END_S = 2.0
_KILLED_END_S = 10.0

# Runs in the new process. It becomes the server only after the starter has written the pid down; a starter that dies
# before that closes the pipe, and nothing untracked is left.
_GATE = """
import os, sys
if not os.read(0, 1):
    sys.exit("the command that started this server ended too early")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.chdir(sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])
"""


@dataclass(frozen=True)
class OwnedProcess:
    """A server process that was started here."""

    pid: int
    started: float
    """Seconds since the epoch, as psutil tells it."""
    token: str


def launch(
    command: Sequence[str],
    *,
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    token: str,
    record: Callable[[OwnedProcess], None],
) -> OwnedProcess:
    """Start `command` in `folder`, detached from the terminal, its output appended to `log`.

    `record` is called with the new process before the command runs. Signals that this process ignores or blocks are
    reset (a shell's background job ignores SIGINT), else the server could not be stopped.
    """
    with _pipe() as (gate, open_gate):
        pid = os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", "-c", _GATE, str(folder), *command],
            {**environment, TOKEN_VARIABLE: token},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, gate, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE],
        )
        process = OwnedProcess(pid=pid, started=psutil.Process(pid).create_time(), token=token)
        record(process)
        os.write(open_gate, b"1")
    return process


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    try:
        yield read_end, write_end
    finally:
        os.close(read_end)
        os.close(write_end)


def is_running(process: OwnedProcess) -> bool:
    """True while the process itself lives; a stranger with its pid does not count."""
    try:
        found = psutil.Process(process.pid)
        return _is_same(found, process) and _lives(found)
    except psutil.NoSuchProcess:
        return False


def listens(process: OwnedProcess, port: int) -> bool:
    """True when it is this process that accepts connections on the port."""
    try:
        opened = psutil.Process(process.pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(connection.laddr.port == port for connection in opened if connection.status == psutil.CONN_LISTEN)


def family(process: OwnedProcess) -> list[psutil.Process]:
    """The process and whatever it started that still lives, also after its own end."""
    return [found for found in psutil.process_iter() if _belongs(found, process)]


def stop(process: OwnedProcess, *, within_s: float = 15.0) -> None:
    """End the process and its children: SIGTERM, after `within_s` seconds SIGKILL; returns when all are gone."""
    leader = [member for member in family(process) if member.pid == process.pid]
    _signal(leader, signal.SIGTERM)  # it ends its children in its own order
    _still_alive(leader, within_s)
    orphans = [member for member in family(process) if member.pid != process.pid]
    _signal(orphans, signal.SIGTERM)
    _still_alive(orphans, _ORPHANS_END_S)
    members = family(process)
    _signal(members, signal.SIGKILL)
    members = _still_alive(members, _KILLED_END_S)
    if not members:
        return
    survivors = ", ".join(str(member.pid) for member in members)
    raise TimeoutError(f"process {survivors} does not end, not even by SIGKILL")


def _signal(members: Iterable[psutil.Process], sign: signal.Signals) -> None:
    for member in members:
        with suppress(psutil.NoSuchProcess):
            member.send_signal(sign)


def _still_alive(members: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    deadline = time.monotonic() + seconds
    alive = list(members)
    while True:
        alive = [member for member in alive if _lives(member)]
        if not alive or time.monotonic() > deadline:
            return alive
        time.sleep(_POLL_S)


def _lives(found: psutil.Process) -> bool:
    try:
        # Where this very command started it: only its parent can remove what remains of it.
        return os.waitpid(found.pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        pass
    try:
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _belongs(found: psutil.Process, process: OwnedProcess) -> bool:
    try:
        if found.pid == process.pid:
            return _is_same(found, process)
        return found.environ().get(TOKEN_VARIABLE) == process.token
    except (psutil.Error, OSError):
        return False


def _is_same(found: psutil.Process, process: OwnedProcess) -> bool:
    if found.status() == psutil.STATUS_ZOMBIE:
        return False
    try:
        token = found.environ().get(TOKEN_VARIABLE)
    except (psutil.AccessDenied, OSError):
        token = None
    if token is not None:
        return token == process.token
    return abs(found.create_time() - process.started) < _CLOCK_SHIFT_S

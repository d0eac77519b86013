"""What the four servers have in common: how one is described, started, waited for and stopped."""

import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from batchgen.local import processes
from batchgen.local.errors import LocalStackError, PortTakenError, StartCalledOff
from batchgen.local.ports import free_ports
from batchgen.local.private_files import write_private
from batchgen.local.processes import OwnedProcess

_POLL_S = 0.02
_LOG_LINES = 15
PORT_TRIES = 3
_PORT_TAKEN = ("already in use", "port allocation failed")
_INHERITED = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class ServerPlan:
    """One server as it would be started: nothing runs yet."""

    name: str
    command: Callable[[], Sequence[str]]
    """Raises LocalStackError where the program is not on this machine."""
    folder: Path
    """Its working directory, where its data lies."""
    log: Path
    port: int
    """The one it is asked on."""
    answers: Callable[[], bool]
    """True once it serves requests; False or an OSError until then."""
    remedy: str
    """What to do where it cannot run here, for the error message."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Added to the few variables that every server gets; nothing else of this process's environment reaches it."""
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Its configuration by name, written to its folder for this user alone before it starts."""
    start_within_s: float = 60.0
    stop_within_s: float = 15.0
    sweep: Callable[[], None] = lambda: None
    """Removes what the server leaves behind outside its folder."""


@dataclass(frozen=True)
class RunningServer:
    """A server that answers."""

    plan: ServerPlan
    process: OwnedProcess

    def stop(self) -> None:
        stop(self.process, self.plan)


def launch(plan: ServerPlan, record: Callable[[OwnedProcess], None] = lambda _: None) -> OwnedProcess:
    """Start the server without waiting for it; `record` gets its process before it runs."""
    command = plan.command()
    plan.folder.mkdir(parents=True, exist_ok=True)
    for name, text in plan.files.items():
        write_private(plan.folder / name, text)
    plan.log.parent.mkdir(parents=True, exist_ok=True)
    _keep_one_former_log(plan.log)
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return processes.launch(
        command,
        folder=plan.folder,
        log=plan.log,
        environment={**inherited, **plan.environment},
        token=secrets.token_hex(16),
        record=record,
    )


def await_answer(plan: ServerPlan, process: OwnedProcess, cancelled: Event | None = None) -> None:
    """Return when the server answers.

    Raises StartCalledOff when `cancelled` is set, PortTakenError where another program has its port, and
    LocalStackError with the end of its log where it ends or does not answer in time.
    """
    deadline = time.monotonic() + plan.start_within_s
    # Both, since on a port that two servers were given it is the other one that answers.
    while not (answers(plan) and processes.listens(process, plan.port)):
        if not processes.is_running(process):
            raise _early_end(plan)
        if time.monotonic() > deadline:
            raise _failure(LocalStackError, plan, f"does not answer after {plan.start_within_s:g} s")
        if cancelled is not None and cancelled.is_set():
            raise StartCalledOff(f"{plan.name} was left while it started")
        time.sleep(_POLL_S)


def start(plan: ServerPlan) -> RunningServer:
    """Start the server and return when it answers; where it does not, nothing of it is left."""
    process = launch(plan)
    try:
        await_answer(plan, process)
    except BaseException:
        stop(process, plan)
        raise
    return RunningServer(plan, process)


def start_on_free_ports(count: int, make_plan: Callable[[list[int]], ServerPlan]) -> tuple[RunningServer, list[int]]:
    """Start on ports that are free, on others where somebody else is quicker; returns the ports as well."""
    for tries_left in reversed(range(PORT_TRIES)):
        ports = free_ports(count)
        try:
            return start(make_plan(ports)), ports
        except PortTakenError:
            if not tries_left:
                raise
    raise AssertionError


def stop(process: OwnedProcess, plan: ServerPlan) -> None:
    """End the server and its children, and remove what it leaves outside its folder."""
    try:
        processes.stop(process, within_s=plan.stop_within_s)
    except TimeoutError as error:
        raise LocalStackError(f"{plan.name} cannot be stopped: {error}.", "Look at it with ps.") from error
    plan.sweep()


def answers(plan: ServerPlan) -> bool:
    """True when the server serves requests right now."""
    try:
        return plan.answers()
    except OSError:
        return False


def python_command(*arguments: str) -> tuple[str, ...]:
    """This Python, running a module; `-P` keeps files of the working directory from shadowing packages."""
    return (sys.executable, "-P", *arguments)


def _keep_one_former_log(log: Path) -> None:
    if log.exists():
        log.replace(log.with_suffix(".log.1"))


def _early_end(plan: ServerPlan) -> LocalStackError:
    log = _text(plan.log).lower()
    kind = PortTakenError if any(phrase in log for phrase in _PORT_TAKEN) else LocalStackError
    return _failure(kind, plan, "ended while it started")


def _failure(kind: type[LocalStackError], plan: ServerPlan, what: str) -> LocalStackError:
    lines = _text(plan.log).splitlines()[-_LOG_LINES:]
    return kind(f"{plan.name} {what} (log: {plan.log}).", plan.remedy, "\n".join(lines))


def _text(log: Path) -> str:
    return log.read_text(errors="replace") if log.exists() else ""

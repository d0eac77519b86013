"""Workers as processes: many at once, and one that is stopped in the middle of a stage and goes on too late."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress

from batchgen.services import Services
from batchgen.settings import Settings
from faults.effects import CrashPoint, EffectWatch
from faults.forks import end_of, fork, has_stopped


def advance_all(environment: dict[str, str]) -> None:
    """What each worker does: everything that is due, of every job, until only a person can go on."""
    with Services(Settings.model_validate(environment)) as services:
        services.advance()


def crowd(environment: dict[str, str], workers: int) -> list[int]:
    """So many workers begin at the same moment; returns their exit codes."""
    gate, open_gate = os.pipe()

    def at_the_gate() -> None:
        os.close(open_gate)
        os.read(gate, 1)
        advance_all(environment)

    pids = [fork(at_the_gate) for _ in range(workers)]
    os.close(open_gate)
    codes = [end_of(pid) for pid in pids]
    os.close(gate)
    return codes


def stop_at(environment: dict[str, str], point: CrashPoint) -> int:
    """Start a worker that stops there, and wait for that; returns its pid, or 0 if it ended before."""

    def reached(here: CrashPoint) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGSTOP)

    def work() -> None:
        EffectWatch(reached).install()
        advance_all(environment)

    pid = fork(work)
    return pid if has_stopped(pid) else 0


def go_on(pid: int) -> int:
    """Let a stopped worker run to its end; returns its exit code."""
    os.kill(pid, signal.SIGCONT)
    return end_of(pid)


@contextmanager
def stopped_worker(
    processes: ProcessPoolExecutor, environment: dict[str, str], point: CrashPoint
) -> Iterator[Callable[[], int]]:
    """A worker that stands still at this point; call what is yielded to have it go on to its end."""
    pid = processes.submit(stop_at, environment, point).result()
    assert pid, f"no worker came to: {point}"
    went_on: list[Future[int]] = []

    def resume() -> int:
        went_on.append(processes.submit(go_on, pid))
        return went_on[0].result()

    try:
        yield resume
    finally:
        if not went_on:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

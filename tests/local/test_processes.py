"""Starting, recognising and ending processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from local_waiting import wait_until

from batchgen.local import processes
from batchgen.local.processes import OwnedProcess

Launch = Callable[[str], OwnedProcess]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Starts a Python script that says "ready" in its log, and stops it at the end."""
    started: list[OwnedProcess] = []

    def start(script: str) -> OwnedProcess:
        log = tmp_path / f"{len(started)}.log"
        process = processes.launch(
            [sys.executable, "-c", script],
            folder=tmp_path,
            log=log,
            environment={},
            token=f"{tmp_path}-{len(started)}",
            record=started.append,
        )
        wait_until(lambda: log.exists() and "ready" in log.read_text())
        return process

    yield start
    for process in started:
        processes.stop(process, within_s=0.1)


WAITS = "import signal; print('ready', flush=True); signal.pause()"
IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS
STARTS_A_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {IGNORES_TERM!r}]); " + WAITS


def test_it_is_recognised_while_it_lives_and_not_after(launch: Launch) -> None:
    process = launch(WAITS)
    assert processes.is_running(process)
    processes.stop(process)
    assert not processes.is_running(process)


def test_it_is_in_a_session_of_its_own_without_our_input(launch: Launch) -> None:
    process = launch("import sys; assert sys.stdin.read() == ''; " + WAITS)
    assert os.getsid(process.pid) == process.pid


def test_whoever_has_its_pid_now_is_not_touched(launch: Launch) -> None:
    stranger = launch(WAITS)
    former = replace(stranger, token="of another start")
    assert not processes.is_running(former)
    processes.stop(former, within_s=0.1)
    assert processes.is_running(stranger)


def test_a_stranger_without_a_token_is_told_by_its_start_time() -> None:
    me = psutil.Process()
    assert not processes.is_running(OwnedProcess(me.pid, started=me.create_time() - 60, token="before the reboot"))


def test_one_that_ignores_sigterm_is_killed(launch: Launch) -> None:
    process = launch(IGNORES_TERM)
    processes.stop(process, within_s=0.1)
    assert not psutil.pid_exists(process.pid)


def test_its_children_end_with_it(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_ORPHANS_END_S", 0.1)
    process = launch(STARTS_A_CHILD)
    wait_until(lambda: len(processes.family(process)) == 2)
    family = processes.family(process)
    processes.stop(process)
    assert not any(member.is_running() and member.status() != psutil.STATUS_ZOMBIE for member in family)


def test_children_whose_parent_was_killed_are_found(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_ORPHANS_END_S", 0.1)
    process = launch(STARTS_A_CHILD)
    wait_until(lambda: len(processes.family(process)) == 2)
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not processes.is_running(process))
    assert len(processes.family(process)) == 1
    processes.stop(process)
    assert processes.family(process) == []


def test_signals_that_the_starter_ignores_reach_it(tmp_path: Path) -> None:
    """A shell starts background jobs with SIGINT ignored; some supervisors ignore SIGTERM."""
    record = tmp_path / "pid"
    starter = (
        "import pathlib, signal, sys; from batchgen.local import processes\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        f"processes.launch([sys.executable, '-c', {WAITS!r}], folder=here, log=here / 'log', environment={{}},\n"
        "    token='t', record=lambda p: (here / 'pid').write_text(str(p.pid)))\n"
    )
    subprocess.run([sys.executable, "-c", starter], check=True, timeout=20)
    server = psutil.Process(int(record.read_text()))
    try:
        wait_until(lambda: "ready" in (tmp_path / "log").read_text())
        server.terminate()
        wait_until(lambda: not server.is_running() or server.status() == psutil.STATUS_ZOMBIE)
    finally:
        processes.stop(OwnedProcess(server.pid, started=0.0, token="t"), within_s=0.1)


def test_a_starter_that_dies_before_it_has_recorded_leaves_nothing(tmp_path: Path) -> None:
    starter = (
        "import os, pathlib, sys; from batchgen.local import processes\n"
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        f"processes.launch([sys.executable, '-c', {WAITS!r}], folder=here, log=here / 'log', environment={{}},\n"
        "    token='unrecorded', record=lambda p: (print(p.pid, flush=True), os._exit(9)))\n"
    )
    done = subprocess.run([sys.executable, "-c", starter], check=False, capture_output=True, text=True, timeout=20)
    assert done.returncode == 9
    pid = int(done.stdout)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert "ready" not in (tmp_path / "log").read_text()

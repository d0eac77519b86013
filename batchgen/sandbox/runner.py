"""What runs inside the sandbox: a supervisor that forks one child a run and tells what came of it.

Sent to the sandbox's Python as text and imported by nobody, so it stands alone: the standard library, pytest and
coverage. The supervisor holds the pipes to the outside; a child, in which untrusted code runs, has none of them, only
a pipe to the supervisor on which every line begins with a secret word.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.machinery
import json
import os
import random
import resource
import secrets
import selectors
import shutil
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

_PR_SET_DUMPABLE = 4
_WORD = 16
"""Bytes of the secret word that marks a child's genuine lines."""
_POLL_S = 0.1
_GRACE_S = 0.2
_IPC_RMID = 0
_MAPPED, _RESIDENT = 0, 1
"""Columns of /proc/PID/statm."""
_BLOCK = 512
"""What `st_blocks` counts in."""
_SPARE_PROCESSES = 4
"""So close to the limit on processes a run has passed it: the supervisor's own count too."""
_RUN = Path("/tmp/run")  # noqa: S108 - the sandbox's own
_WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
_ERROR_CHARACTERS = 3_000
_TEST_FILE = "test_generated.py"


# The supervisor


def serve(requests: int, answers: int) -> None:
    """Answer requests until the outside closes the pipe. A message is its length (8 bytes) and JSON."""
    with os.fdopen(requests, "rb") as reader, os.fdopen(answers, "wb") as writer:
        settings = _receive(reader)
        if settings is None:
            return
        limits = settings["limits"]
        _limit(limits)
        _set_dumpable(on=False)  # nobody with our user id may look into our memory or take our pipes
        _load_what_every_run_needs(settings)
        _send(writer, {"ready": True, "python": sys.version.split()[0]})
        while (request := _receive(reader)) is not None:
            _send(writer, _supervise(request, settings, limits, (requests, answers)))


def _receive(reader: Any) -> dict[str, Any] | None:
    head = reader.read(8)
    if len(head) < 8:  # noqa: PLR2004 - the length's own size
        return None
    message: dict[str, Any] = json.loads(reader.read(struct.unpack(">Q", head)[0]))
    return message


def _send(writer: Any, message: dict[str, Any]) -> None:
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")  # no half of a surrogate pair gets out
    writer.write(struct.pack(">Q", len(body)) + body)
    writer.flush()


def _limit(limits: dict[str, int]) -> None:
    """Set what the kernel holds for this process and all below it."""
    for name, value in (
        ("RLIMIT_AS", limits["memory_bytes"]),
        ("RLIMIT_FSIZE", limits["file_bytes"]),
        ("RLIMIT_NPROC", limits["processes"]),
        ("RLIMIT_NOFILE", limits["open_files"]),
        ("RLIMIT_CORE", 0),
        ("RLIMIT_MSGQUEUE", 0),  # POSIX queues would outlive a run: without a mount nobody sees them
    ):
        resource.setrlimit(getattr(resource, name), (value, value))


def _set_dumpable(*, on: bool) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, int(on), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE) failed")


def _load_what_every_run_needs(settings: dict[str, Any]) -> None:
    """Run pytest once on a test of our own: a fork then has it and its plugins in memory."""
    if not settings["with_pytest"]:
        return
    import asyncio  # noqa: F401, PLC0415
    import unittest.mock  # noqa: F401, PLC0415

    import coverage  # noqa: F401, PLC0415
    import pytest  # noqa: PLC0415

    _fresh_folders()
    (_RUN / _TEST_FILE).write_text("def test_nothing(tmp_path):\n    assert tmp_path\n")
    with _silenced():
        pytest.main([*_pytest_options(str(_RUN)), str(_RUN / _TEST_FILE)])
    sys.modules.pop(_TEST_FILE.removesuffix(".py"), None)
    _fresh_folders()


@contextlib.contextmanager
def _silenced() -> Any:
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield


def _supervise(
    request: dict[str, Any], settings: dict[str, Any], limits: dict[str, int], outside: tuple[int, int]
) -> dict[str, Any]:
    """Fork a child for the request, follow it to its end, and clean up whatever it left."""
    _fresh_folders()
    word = secrets.token_hex(_WORD // 2)
    report_end, report_start = os.pipe()
    output_end, output_start = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        for descriptor in (*outside, report_end, output_end):
            os.close(descriptor)
        _child(request, settings, word, report_start, output_start)
    os.close(report_start)
    os.close(output_start)
    run = _Run(child, report_end, output_end, limits, word)
    try:
        outcome = run.follow(request["time_limit_s"])
    finally:
        left = _left_over(child)
        _kill_all()
        _remove_ipc()
        os.waitpid(child, 0) if not run.reaped else None
        os.close(report_end)
        os.close(output_end)
    if outcome == "finished" and left:
        outcome = "left_processes"
    return {
        "outcome": outcome,
        "events": run.events,
        "output": bytes(run.output[-limits["shown_output_bytes"] :]).decode(errors="replace"),
        "seconds": round(time.monotonic() - began, 4),
    }


class _Run:
    """One child as the supervisor sees it."""

    def __init__(self, pid: int, report: int, output: int, limits: dict[str, int], word: str) -> None:
        self.pid = pid
        self.events: list[dict[str, Any]] = []
        self.output = bytearray()
        self.reaped = False
        self._report = report
        self._output_pipe = output
        self._limits = limits
        self._word = word.encode()
        self._received = bytearray()
        self._printed = 0
        self._forged = False

    def follow(self, time_limit_s: float) -> str:
        """Read what it says until it ends or passes a limit; returns the outcome in a word."""
        deadline = time.monotonic() + time_limit_s
        with selectors.DefaultSelector() as selector:
            ended = os.pidfd_open(self.pid)
            try:
                selector.register(ended, selectors.EVENT_READ)
                selector.register(self._report, selectors.EVENT_READ)
                selector.register(self._output_pipe, selectors.EVENT_READ)
                while True:
                    ready = {key.fd for key, _ in selector.select(_POLL_S)}
                    broken = self._read(ready, selector) or self._over_limit(deadline)
                    if broken:
                        return broken
                    if ended in ready:
                        return self._end(selector)
            finally:
                os.close(ended)

    def _read(self, ready: set[int], selector: selectors.BaseSelector) -> str:
        for descriptor in ready & {self._report, self._output_pipe}:
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                selector.unregister(descriptor)
            elif descriptor == self._report:
                self._received += chunk
                self._take_lines()
            else:
                self._printed += len(chunk)
                self.output += chunk
                del self.output[: -self._limits["shown_output_bytes"]]
        if self._forged:
            return "forged_report"
        if len(self._received) > self._limits["report_bytes"] or self._printed > self._limits["output_bytes"]:
            return "output_limit"
        return ""

    def _take_lines(self) -> None:
        """Take whole lines; one without the word, or that is no JSON, was not written by our own code."""
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        for line in lines:
            if not line.startswith(self._word):
                self._forged = True
                return
            try:
                self.events.append(json.loads(line[len(self._word) :]))
            except ValueError:
                self._forged = True
                return

    def _over_limit(self, deadline: float) -> str:
        if time.monotonic() > deadline:
            return "time_limit"
        if len(_processes()) > self._limits["processes"] - _SPARE_PROCESSES:
            return "process_limit"
        return "memory_limit" if _memory(self._limits) > self._limits["total_memory_bytes"] else ""

    def _end(self, selector: selectors.BaseSelector) -> str:
        """The child has ended: read what is still in its pipes, and how it ended."""
        end = time.monotonic() + _GRACE_S
        while time.monotonic() < end:
            ready = {key.fd for key, _ in selector.select(0)} & {self._report, self._output_pipe}
            if not ready:
                break
            broken = self._read(ready, selector)
            if broken:
                return broken
        _, status = os.waitpid(self.pid, 0)
        self.reaped = True
        if self.events and self.events[-1].get("event") == "end" and status == 0:
            return "finished"
        return "killed" if os.WIFSIGNALED(status) else "exited"


def _processes() -> list[int]:
    """The processes of the sandbox but the first (which reaps orphans) and the supervisor; zombies do not count."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - asked for ten times a second
        if name.isdigit() and int(name) not in {1, os.getpid()}:
            with contextlib.suppress(OSError):
                state = Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[0]
                if state not in {"Z", "X"}:
                    found.append(int(name))
    return found


def _memory(limits: dict[str, int]) -> int:
    """Bytes that the sandbox's processes have resident; pages that forks share count once where that matters."""
    resident = sum(_pages(pid, _RESIDENT) for pid in _processes())
    if resident > limits["total_memory_bytes"]:
        resident = sum(map(_own_share, _processes()))
    return resident + _unmapped(limits)


def _pages(pid: int | str, column: int) -> int:
    """Bytes that /proc tells of a process in pages; nothing for one that is gone, or about to be."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc", str(pid), "statm").read_text().split()[column]) * resource.getpagesize()
    return 0


def _own_share(pid: int) -> int:
    """A process's proportional share (PSS); all of it for one that does not let itself be looked into."""
    try:
        for line in Path("/proc", str(pid), "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except PermissionError:
        return _pages(pid, _RESIDENT)
    except OSError:
        pass
    return 0


def _unmapped(limits: dict[str, int]) -> int:
    """Bytes in memory that no process need have resident: files that lie in memory alone, and System V segments.

    What cannot be seen counts by what it may be: a file by the limit on files, a process that does not let itself be
    looked into (each is so at first, until it is told otherwise) by the address space it has taken since its fork.
    """
    mapped: dict[int, int] = {}
    opened: dict[int, int] = {}
    unseen = 0
    for pid in _processes():
        try:
            _add_mapped(pid, mapped, limits["file_bytes"])
            unseen += _add_opened(pid, opened) * limits["file_bytes"]
        except PermissionError:
            unseen += max(0, _pages(pid, _MAPPED) - _pages("self", _MAPPED))
        except OSError:
            continue
    return sum((mapped | opened).values()) + unseen + _shared_segments()


def _add_mapped(pid: int, sizes: dict[int, int], file_bytes: int) -> None:
    """Note the shared memory that a process maps, by inode: pages that it gave up (MADV_DONTNEED) are still there."""
    for line in Path("/proc", str(pid), "maps").read_text().splitlines():
        if "/memfd:" in line or "/dev/zero" in line:
            span, rights, offset, _, inode, name = line.split(maxsplit=5)
            if rights.endswith("s"):
                start, end = (int(place, 16) for place in span.split("-"))
                least = file_bytes if name.startswith("/memfd:") else 0  # its descriptor may be closed
                sizes[int(inode)] = max(sizes.get(int(inode), least), int(offset, 16) + end - start)


def _add_opened(pid: int, sizes: dict[int, int]) -> int:
    """Note the files in memory that a process has open, by inode; returns how many descriptors wait in its sockets."""
    waiting = 0
    for descriptor in Path("/proc", str(pid), "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            target = str(descriptor.readlink())
            if target.startswith("/memfd:"):
                file = descriptor.stat()
                sizes[file.st_ino] = file.st_blocks * _BLOCK
            elif target.startswith("socket:"):
                told = Path("/proc", str(pid), "fdinfo", descriptor.name).read_text()
                waiting += int(told.partition("scm_fds:")[2].split("\n")[0] or 0)
    return waiting


def _shared_segments() -> int:
    with contextlib.suppress(OSError, ValueError):
        head, *rows = Path("/proc/sysvipc/shm").read_text().splitlines()
        resident = head.split().index("rss")
        return sum(int(row.split()[resident]) for row in rows)
    return 0


def _left_over(child: int) -> bool:
    """Whether processes outlive their run; a short while is given to those that end by themselves."""
    end = time.monotonic() + _GRACE_S
    while any(pid != child for pid in _processes()):
        if time.monotonic() > end:
            return True
        time.sleep(0.01)
    return False


def _kill_all() -> None:
    """Kill every process but the first and this one, until none is left: some may fork meanwhile."""
    end = time.monotonic() + 5
    while _processes() and time.monotonic() < end:
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)
        time.sleep(0.002)


def _remove_ipc() -> None:
    """Remove what System V keeps in the kernel, so that no run finds what another has left."""
    libc = ctypes.CDLL(None)
    for kind in ("shm", "msg", "sem"):
        with contextlib.suppress(OSError):
            for row in Path("/proc/sysvipc", kind).read_text().splitlines()[1:]:
                identity = int(row.split()[1])
                libc.semctl(identity, 0, _IPC_RMID) if kind == "sem" else libc[f"{kind}ctl"](identity, _IPC_RMID, None)


def _fresh_folders() -> None:
    """Empty what runs may write to; no link is followed."""
    for folder in _WRITABLE:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _remove(entry.path)
                else:
                    Path(entry.path).unlink()
    _RUN.mkdir()
    Path("/tmp/home").mkdir()  # noqa: S108 - the sandbox's own


def _remove(folder: str) -> None:
    """Remove a folder, also one whose rights were taken away."""
    for path, folders, _ in os.walk(folder):
        os.chmod(path, 0o700)  # noqa: PTH101 - no link is followed: what walk yields are folders
        for name in folders:
            inner = os.path.join(path, name)  # noqa: PTH118
            if not os.path.islink(inner):  # noqa: PTH114
                os.chmod(inner, 0o700)  # noqa: PTH101
    shutil.rmtree(folder)


# The child


def _child(request: dict[str, Any], settings: dict[str, Any], word: str, report: int, output: int) -> None:
    """Run what was asked for and report it; never returns."""
    status = 1
    try:
        os.setsid()
        _set_dumpable(on=True)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        for old, new in ((nowhere, 0), (output, 1), (output, 2)):
            os.dup2(old, new)
        for descriptor in (nowhere, output):
            os.close(descriptor)
        limit = int(request["time_limit_s"]) + 2
        resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        _run_tests(request, settings, _Report(report, word))
        status = 0
    except BaseException:  # noqa: BLE001 - whatever untrusted code raises ends here
        with contextlib.suppress(BaseException):
            import traceback  # noqa: PLC0415

            traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


class _Report:
    """Writes a child's events, whatever the code that it runs does to the modules it uses."""

    def __init__(self, descriptor: int, word: str) -> None:
        self._owner = os.getpid()
        write, dumps, getpid = os.write, json.JSONEncoder(ensure_ascii=False).encode, os.getpid

        def tell(event: dict[str, Any]) -> None:
            if getpid() == self._owner:  # not from a fork of the child
                line = f"{word}{dumps(event)}\n".encode("utf-8", "replace")
                while line:
                    line = line[write(descriptor, line) :]

        self.tell = tell


def _run_tests(request: dict[str, Any], settings: dict[str, Any], report: _Report) -> None:
    import coverage  # noqa: PLC0415
    import pytest  # noqa: PLC0415
    from _pytest.capture import DontReadFromInput  # noqa: PLC0415

    sys.dont_write_bytecode = True
    sys.stdin = DontReadFromInput()  # as tests have it where pytest captures output, which here it does not
    os.chdir(request.get("root", _RUN))
    _forget(settings["forget"])
    sys.path[:0] = request.get("import_roots", [])
    if request.get("variant"):
        _load_variant(**request["variant"])
    if request.get("code") is not None:
        path = _RUN / _TEST_FILE
        path.write_text(request["code"], encoding="utf-8")
        paths = [str(path)]
    else:
        paths = request["paths"]
    measured = request.get("measure") or []
    measurement = coverage.Coverage(data_file=None, include=measured, config_file=False) if measured else None
    plugin = _Plugin(request, report, measurement)
    random.seed(request["seed"])
    if measurement is not None:
        measurement.start()
    status = pytest.main([*_pytest_options(request.get("root", str(_RUN))), *paths], plugins=[plugin])
    if measurement is not None:
        measurement.stop()
        plugin.tell_lines()
    report.tell({"event": "end", "status": int(status)})


def _pytest_options(root: str) -> list[str]:
    """No configuration but ours, no cache, output straight to the pipe."""
    return [
        "-q",
        "-s",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        f"--rootdir={root}",
        "--tb=short",
        "-o",
        "addopts=",
        "--continue-on-collection-errors",
    ]


def _forget(names: list[str]) -> None:
    """Have packages that this process loaded for itself, but that are under test, be loaded anew."""
    tops = set(names)
    for name in [*sys.modules]:
        if name.partition(".")[0] in tops:
            del sys.modules[name]


def _load_variant(path: str, text: str) -> None:
    """Have the module at the path be loaded from another text."""
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def get_variant(self: Any, fullname: str) -> Any:
        if self.path == path:
            return self.source_to_code(text.encode(), path)
        return get_code(self, fullname)

    loader.get_code = get_variant  # type: ignore[method-assign]


class _Plugin:
    """Reports what pytest does, test by test, and puts the tests into the order that was asked for."""

    def __init__(self, request: dict[str, Any], report: _Report, measurement: Any) -> None:
        self._request = request
        self._report = report
        self._measurement = measurement
        self._by_test = measurement is not None and request.get("code") is not None
        self._errors: dict[tuple[str, str], tuple[str, bool]] = {}
        """Type of the error, and whether it is a failed assertion, by test and phase: reports do not carry them."""

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        selected = self._request.get("select")
        if selected is not None:
            wanted = set(selected)
            left_out = [item for item in items if _test_id(item.nodeid) not in wanted]
            items[:] = [item for item in items if _test_id(item.nodeid) in wanted]
            config.hook.pytest_deselected(items=left_out)
        self._report.tell({"event": "collected", "tests": [item.nodeid.partition("::")[2] for item in items]})
        if self._request["order"] == "reversed":
            items.reverse()
        elif self._request["order"] == "shuffled":
            random.Random(self._request["seed"]).shuffle(items)  # noqa: S311 - an order, no secret

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            error = report.longrepr
            text = getattr(getattr(error, "reprcrash", None), "message", None) or str(error)
            self._report.tell({"event": "not_collected", "error": _tail(str(error)), "summary": _head(text)})

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        random.seed(self._request["seed"])
        self._report.tell({"event": "start", "test": nodeid.partition("::")[2]})
        if self._by_test:
            self._measurement.switch_context(nodeid.partition("::")[2])

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if self._by_test:
            self._measurement.switch_context("")
        self._report.tell({"event": "finish", "test": nodeid.partition("::")[2]})

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        if call.excinfo is not None:
            error = call.excinfo.value
            failed = isinstance(error, AssertionError) or _is_pytest_fail(error)
            self._errors[item.nodeid, call.when] = (type(error).__name__, failed)

    def pytest_runtest_logreport(self, report: Any) -> None:
        kind, assertion = self._errors.get((report.nodeid, report.when), ("", False))
        self._report.tell(
            {
                "event": "phase",
                "test": report.nodeid.partition("::")[2],
                "phase": report.when,
                "outcome": report.outcome,
                "xfail": hasattr(report, "wasxfail"),
                "kind": kind,
                "assertion": assertion,
                "error": _tail(str(report.longrepr)) if report.outcome != "passed" else "",
                "seconds": round(report.duration, 4),
            }
        )

    def tell_lines(self) -> None:
        """Report the lines of the measured files that each test executed; those of the import under no name."""
        data = self._measurement.get_data()
        for path in data.measured_files():
            by_test: dict[str, list[int]] = {}
            for line, contexts in data.contexts_by_lineno(path).items():
                for context in contexts:
                    by_test.setdefault(context, []).append(line)
            for test, lines in by_test.items():
                self._report.tell({"event": "lines", "path": path, "test": test, "lines": sorted(lines)})


def _is_pytest_fail(error: BaseException) -> bool:
    """Whether it is `pytest.fail` or a `pytest.raises` that saw nothing raised."""
    return type(error).__name__ == "Failed" and type(error).__module__ == "_pytest.outcomes"


def _test_id(nodeid: str) -> str:
    """`file::TestA::test_b[1]` → `TestA::test_b`."""
    return nodeid.partition("::")[2].partition("[")[0]


def _tail(text: str) -> str:
    return text if len(text) <= _ERROR_CHARACTERS else "…" + text[-_ERROR_CHARACTERS:]


def _head(text: str) -> str:
    return text if len(text) <= _ERROR_CHARACTERS else text[:_ERROR_CHARACTERS] + "…"


def _first_process() -> None:
    """Be the sandbox's first process until the supervisor, its child, has ended; only the child returns.

    It reaps orphans. It holds no pipe to the outside, and nobody with our user id may look into it: what bubblewrap
    would put here could be opened through /proc/1.
    """
    supervisor = os.fork()
    if supervisor == 0:
        return
    _set_dumpable(on=False)
    os.closerange(0, 1 << 10)
    while True:
        ended, _ = os.wait()
        if ended == supervisor:
            os._exit(0)


if __name__ == "__main__":
    _first_process()
    _requests, _answers = os.dup(0), os.dup(1)
    _nowhere = os.open(os.devnull, os.O_RDWR)
    for _standard in (0, 1):  # errors of the supervisor itself go where the outside reads them
        os.dup2(_nowhere, _standard)
    os.close(_nowhere)
    serve(_requests, _answers)

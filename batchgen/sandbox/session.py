"""A sandbox while it is open: takes runs, one after the other, and tells what came of each."""

from __future__ import annotations

import json
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from batchgen.errors import SandboxBroken
from batchgen.sandbox.bubblewrap import ENVIRONMENT, SOURCE, command
from batchgen.sandbox.limits import DEFAULT_LIMITS, Limits

_START_S = 60.0
_GRACE_S = 10.0
"""What the supervisor may take beyond a run's own time, on a busy machine, before it is taken for lost."""
_MOST_BYTES = 64 << 20
_LOADER = "import sys; n = int(sys.argv[1]); exec(compile(sys.stdin.buffer.raw.read(n), 'runner', 'exec'))"


@dataclass(frozen=True, slots=True)
class Run:
    """What to run: either the text of one test file, or test files of the source."""

    time_limit_s: float
    code: str | None = None
    paths: Sequence[str] = ()
    select: Sequence[str] | None = None
    """Ids of the tests to run, without parameters; None: all."""
    seed: int = 0
    order: Literal["file", "reversed", "shuffled"] = "file"
    """The order of the tests; a shuffled one follows from the seed."""
    variant: tuple[str, str] | None = None
    """A file below the source and the text that is loaded instead of it."""
    measure: Sequence[str] = ()
    """Files below the source (or patterns of them) whose executed lines are wanted."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a test did not pass."""

    phase: str
    """setup, call or teardown."""
    kind: str
    """The type of the error."""
    is_assertion: bool
    text: str


@dataclass(slots=True)
class TestRun:
    """One test in one run; a parametrised one counts once for all its parameters."""

    __test__ = False

    outcome: str = "not_finished"
    """passed, failed, skipped, xfailed, xpassed, not_finished."""
    failure: Failure | None = None
    lines: dict[str, set[int]] = field(default_factory=dict)
    """Executed lines by measured file."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RunReport:
    """What came of a run."""

    outcome: str
    """finished, time_limit, memory_limit, process_limit, output_limit, exited, killed, left_processes, forged_report,
    or lost (the supervisor did not answer any more: the sandbox was ended)."""
    tests: dict[str, TestRun]
    collected: list[str]
    """Ids in the order of the file, each once, without parameters."""
    not_collected: str = ""
    """The error that kept the file from being imported."""
    lines: dict[str, set[int]] = field(default_factory=dict)
    """Lines of the measured files that anything executed, imports included."""
    running: str | None = None
    """The test that ran when the run was ended."""
    output: str = ""
    seconds: float = 0.0


class Session:
    """One sandbox around one Python process. Used in `with`; made by `Sandbox.session`."""

    def __init__(
        self,
        bubblewrap: str,
        *,
        environment: Path,
        source: Path | None,
        import_roots: Sequence[str] = (),
        forget: Sequence[str] = (),
        hash_seed: int = 0,
        limits: Limits = DEFAULT_LIMITS,
        with_pytest: bool = True,
    ) -> None:
        """Take what is shown in the sandbox; `import_roots` are folders below the source, `forget` top-level modules
        of it that Python itself may have loaded already."""
        self._bubblewrap = bubblewrap
        self._mounts = {ENVIRONMENT: environment} | ({SOURCE: source} if source else {})
        self._roots = [_inside(root) for root in import_roots]
        self._forget = list(forget)
        self._hash_seed = hash_seed
        self._limits = limits
        self._with_pytest = with_pytest
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the sandbox and everything in it."""
        if self._process is not None:
            with self._process as process:
                process.send_signal(signal.SIGKILL)
            self._process = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def run(self, wanted: Run) -> RunReport:
        """Carry out a run; raises SandboxBroken only where a new sandbox cannot be started after one was lost."""
        if self._process is None:
            self._start()
        request = {
            "code": wanted.code,
            "paths": [_inside(path) for path in wanted.paths],
            "select": None if wanted.select is None else list(wanted.select),
            "seed": wanted.seed,
            "order": wanted.order,
            "time_limit_s": wanted.time_limit_s,
            "import_roots": self._roots,
            "variant": None
            if wanted.variant is None
            else {"path": _inside(wanted.variant[0]), "text": wanted.variant[1]},
            "measure": [_inside(path) for path in wanted.measure],
        }
        if wanted.code is None:
            request["root"] = SOURCE
        try:
            self._send(request)
            answer = self._receive(wanted.time_limit_s + _GRACE_S)
        except _Lost:
            self.close()
            return RunReport("lost", {}, [])
        return _read(answer)

    def _start(self) -> None:
        program = _runner()
        environment = {
            "PATH": f"{ENVIRONMENT}/bin:/usr/bin:/bin",
            "HOME": "/tmp/home",  # noqa: S108 - in the sandbox
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "PYTHONHASHSEED": str(self._hash_seed),
            "PYTHONDONTWRITEBYTECODE": "1",
            "COVERAGE_CORE": "ctrace",  # another one knows no contexts, which tell the tests apart
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        python = [f"{ENVIRONMENT}/bin/python", "-s", "-P", "-c", _LOADER, str(len(program))]
        arguments = command(self._bubblewrap, python, self._mounts, self._limits, environment)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            bufsize=0,
            env={},
            cwd="/",
        )
        try:
            self._write(program)
            self._send({"limits": self._limits.message(), "forget": self._forget, "with_pytest": self._with_pytest})
            self._receive(_START_S)
        except _Lost:
            raise SandboxBroken(problem=self._said()) from None

    def _said(self) -> str:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._errors is None:
            return "it ended at once"
        self._errors.seek(0)
        lines = self._errors.read(100_000).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended at once"

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        self._write(struct.pack(">Q", len(body)) + body)

    def _write(self, data: bytes) -> None:
        if self._process is None or self._process.stdin is None:
            raise _Lost
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]
        except BrokenPipeError:
            raise _Lost from None

    def _receive(self, seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        length = struct.unpack(">Q", self._read_exactly(8, deadline))[0]
        if length > _MOST_BYTES:
            raise _Lost
        message: dict[str, Any] = json.loads(self._read_exactly(length, deadline))
        return message

    def _read_exactly(self, size: int, deadline: float) -> bytes:
        if self._process is None or self._process.stdout is None:
            raise _Lost
        descriptor = self._process.stdout.fileno()
        data = bytearray()
        while len(data) < size:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(descriptor, min(size - len(data), 1 << 20)) if ready else b""
            if not chunk:
                raise _Lost
            data += chunk
        return bytes(data)


class _Lost(Exception):
    """The sandbox does not answer."""


@cache
def _runner() -> bytes:
    return resources.files("batchgen.sandbox").joinpath("runner.py").read_bytes()


def _inside(path: str) -> str:
    """A path below the source as it is in the sandbox."""
    return SOURCE if path in {"", "."} else f"{SOURCE}/{path}"


def base_id(test: str) -> str:
    """`TestA::test_b[1]` → `TestA::test_b`."""
    return test.partition("[")[0]


_EVENTS: dict[str, dict[str, tuple[type, ...]]] = {
    "collected": {"tests": (list,)},
    "not_collected": {"error": (str,)},
    "start": {"test": (str,)},
    "finish": {"test": (str,)},
    "phase": {
        "test": (str,),
        "phase": (str,),
        "outcome": (str,),
        "xfail": (bool,),
        "kind": (str,),
        "assertion": (bool,),
        "error": (str,),
        "seconds": (int, float),
    },
    "lines": {"path": (str,), "test": (str,), "lines": (list,)},
    "end": {"status": (int,)},
}
"""What the runner tells: the fields of each event and their types. Anything else was told by somebody else."""
_OUTCOMES = frozenset({"passed", "failed", "skipped"})


def _is_genuine(event: Any) -> bool:
    """Tell whether an event has the form of the runner's own."""
    if not isinstance(event, dict) or not isinstance(event.get("event"), str) or event["event"] not in _EVENTS:
        return False
    fields = _EVENTS[event["event"]]
    if not all(isinstance(event.get(name), types) for name, types in fields.items()):
        return False
    if not all(isinstance(each, str) for each in event.get("tests", ())):
        return False
    if not all(type(each) is int for each in event.get("lines", ())):
        return False
    return "outcome" not in fields or event["outcome"] in _OUTCOMES


def _read(answer: dict[str, Any]) -> RunReport:
    """Put the events of a run together; events that are none make it a forged report."""
    if not all(map(_is_genuine, answer["events"])):
        return RunReport("forged_report", {}, [], output=answer["output"], seconds=answer["seconds"])
    return _put_together(answer)


def _put_together(answer: dict[str, Any]) -> RunReport:
    tests: dict[str, TestRun] = {}
    collected: list[str] = []
    executed: dict[str, set[int]] = {}
    not_collected = ""
    running = None
    for event in answer["events"]:
        match event["event"]:
            case "collected":
                collected = list(dict.fromkeys(map(base_id, event["tests"])))
            case "not_collected":
                not_collected = not_collected or event["error"]
            case "start":
                running = base_id(event["test"])
                tests.setdefault(running, TestRun())
            case "finish":
                running = None
            case "phase":
                _note_phase(tests.setdefault(base_id(event["test"]), TestRun()), event)
            case "lines":
                path = event["path"].removeprefix(f"{SOURCE}/")
                executed.setdefault(path, set()).update(event["lines"])
                if event["test"]:
                    tests.setdefault(base_id(event["test"]), TestRun()).lines.setdefault(path, set()).update(
                        event["lines"]
                    )
    return RunReport(
        outcome=answer["outcome"],
        tests=tests,
        collected=collected,
        not_collected=not_collected,
        lines=executed,
        running=running,
        output=answer["output"],
        seconds=answer["seconds"],
    )


_STRONGER = ("not_finished", "skipped", "passed", "xpassed", "xfailed", "failed")
"""A test that passes with some of its parameters and is skipped with the others has passed."""


def _note_phase(test: TestRun, event: dict[str, Any]) -> None:
    """A test is what the strongest outcome of its phases and parameters says; it has passed once a call has."""
    test.seconds += event["seconds"]
    outcome = event["outcome"]
    if event["xfail"]:
        outcome = "xpassed" if outcome == "passed" else "xfailed"
    if outcome == "passed" and event["phase"] != "call":
        return
    if _STRONGER.index(outcome) > _STRONGER.index(test.outcome):
        test.outcome = outcome
    if outcome == "failed" and test.failure is None:
        test.failure = Failure(event["phase"], event["kind"], event["assertion"], event["error"])

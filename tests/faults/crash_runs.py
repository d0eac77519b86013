"""Runs the job once for each crash point: a child is killed there, another carries on, and what is left is read.

Children are forked from processes of one thread that have everything imported: so a run costs a fraction of a second.
"""

from __future__ import annotations

import pickle
import secrets
import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Self

from batchgen.local import s3_server
from batchgen.local.s3_server import S3Access
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.simulator import SimulatorServer
from batchgen.simulator.control_client import SimulatorControl
from faults.effects import CrashPoint, EffectWatch, kill_at
from faults.final_state import FinalState, empty_bucket, read_final_state
from faults.forks import end_of, fork, forking_processes
from faults.interrupted_job import JOB, answer, carry_on

_VALIDATING_S = 0.1
"""So long that the tick that sends a batch never finds it finished: else each run's effects would be different."""


@dataclass(frozen=True, slots=True)
class CrashRun:
    """What became of a job whose worker was killed at a point (None: it was not)."""

    point: CrashPoint | None
    killed: bool
    points: tuple[CrashPoint, ...]
    """Those that were passed, where nobody was killed."""
    state: FinalState


@dataclass(frozen=True, slots=True)
class Lane:
    """A simulator and a bucket, for one run at a time."""

    simulator: SimulatorServer
    bucket: str
    folder: Path


class CrashRuns:
    """Several lanes side by side, since most of a run is waiting for the dead worker's lease. Used in `with`."""

    def __init__(self, redis_url: str, s3: S3Access, source: Path, folder: Path, *, lanes: int) -> None:
        self._redis_url, self._s3, self._source, self._folder = redis_url, s3, source, folder
        self._count = lanes
        self._lanes: Queue[Lane] = Queue()
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as opened:
            self._processes = opened.enter_context(forking_processes(self._count))
            for number in range(self._count):
                folder = self._folder / str(number)
                folder.mkdir()
                server = opened.enter_context(SimulatorServer(data_dir=folder / "simulator", script=answer))
                bucket = f"crash-{number}-{secrets.token_hex(4)}"
                s3_server.ensure_bucket(self._s3, bucket)
                self._lanes.put(Lane(server, bucket, folder))
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def run(self, point: CrashPoint | None) -> CrashRun:
        """Have the job run with this crash in it, on the next free lane."""
        lane = self._lanes.get()
        try:
            return self._processes.submit(crash_run, self._environment(lane), self._source, point).result()
        except AssertionError as error:
            raise AssertionError(f"killed {point}: {error}") from error
        finally:
            self._lanes.put(lane)

    def _environment(self, lane: Lane) -> dict[str, str]:
        return {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": lane.simulator.base_url,
            "REDIS_URL": self._redis_url,
            "AWS_ACCESS_KEY_ID": self._s3.access_key,
            "AWS_SECRET_ACCESS_KEY": self._s3.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_S3": self._s3.endpoint,
            "BATCHGEN_S3_BUCKET": lane.bucket,
            "BATCHGEN_PUBLIC_URL": "https://results.example",
            "BATCHGEN_REDIS_PREFIX": f"t{secrets.token_hex(6)}",
            "BATCHGEN_POLL_INTERVAL_S": "0.02",
            "BATCHGEN_ADOPT_WAIT_S": "0.2",
            "BATCHGEN_LEASE_S": "1",
            "BATCHGEN_STATE_DIR": str(lane.folder / "state"),
        }


def crash_run(environment: dict[str, str], source: Path, point: CrashPoint | None) -> CrashRun:
    """One run in a process of the pool, on a lane that is emptied first."""
    control = SimulatorControl(environment["OPENAI_BASE_URL"])
    control.reset()
    control.config(validating_seconds=_VALIDATING_S)
    with Services(Settings.model_validate(environment)) as services:
        empty_bucket(services)
        killed = point is not None and _killed(environment, source, point)
        points = _passed_points(environment, source) if point is None else ()
        if killed:
            _check_end(fork(lambda: carry_on(environment, source)))
        return CrashRun(point, killed, points, read_final_state(services, JOB, control))


def _killed(environment: dict[str, str], source: Path, point: CrashPoint) -> bool:
    def until_killed() -> None:
        EffectWatch(kill_at(point)).install()
        carry_on(environment, source)

    return _check_end(fork(until_killed)) == -signal.SIGKILL


def _passed_points(environment: dict[str, str], source: Path) -> tuple[CrashPoint, ...]:
    file = Path(environment["BATCHGEN_STATE_DIR"]).with_name("passed")

    def recorded() -> None:
        passed: list[CrashPoint] = []
        EffectWatch(passed.append).install()
        carry_on(environment, source)
        file.write_bytes(pickle.dumps(tuple(passed)))

    _check_end(fork(recorded))
    points: tuple[CrashPoint, ...] = pickle.loads(file.read_bytes())  # noqa: S301 - our own child wrote it
    return points


def _check_end(pid: int) -> int:
    """Wait for a child; returns 0 or -SIGKILL, raises for every other end."""
    code = end_of(pid)
    if code not in {0, -signal.SIGKILL}:
        raise AssertionError(f"the job's process ended with {code}; its traceback is on stderr")
    return code

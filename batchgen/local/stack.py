"""Starts, finds and stops the embedded stack; one for each state folder, however many commands ask at once."""

import hashlib
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

from batchgen.local import processes, servers
from batchgen.local.errors import LocalStackError, PortTakenError, StartCalledOff
from batchgen.local.info import SERVERS, Part, PartInfo, StackInfo
from batchgen.local.parts import PARTS
from batchgen.local.ports import free_ports, is_free
from batchgen.local.processes import OwnedProcess
from batchgen.local.servers import ServerPlan
from batchgen.local.state_file import PartRecord, StateFile, only_one

_OWN_SERVERS = (
    "Set REDIS_URL, BATCHGEN_S3_BUCKET with AWS_ENDPOINT_URL_S3, "
    "OPENAI_API_KEY or OPENAI_BASE_URL, and PREFECT_API_URL to servers of your own."
)


def _silent(_: str) -> None:
    """No progress is shown."""


class EmbeddedStack:
    """The servers that belong to one state folder: `<state_dir>/stack` holds their data, logs, ports and passwords."""

    def __init__(self, state_dir: Path) -> None:
        self._folder = state_dir.resolve() / "stack"
        self._state_path = self._folder / "stack.json"
        self._worker_environment: dict[str, str] = {}

    def up(self, parts: Collection[Part], on_progress: Callable[[str], None] = _silent) -> StackInfo:
        """Start what does not run yet of `parts`, at the same time, and return them all when they answer.

        What is interrupted here, be it by a crash, is found by the next call or stopped by `down`. Raises
        LocalStackError with the end of the log of a server that does not start.
        """
        if sys.platform == "win32":
            raise LocalStackError("The embedded stack needs Linux or macOS.", _OWN_SERVERS)
        with self._alone(on_progress):
            state = StateFile(self._state_path)
            for part in parts:
                self._settle(part, state)
            self._bring_up_all(parts, state, on_progress)
            records = state.records()
            return StackInfo({part: self._info(part, records[part]) for part in Part if part in parts})

    def up_worker(self, environment: Mapping[str, str], on_progress: Callable[[str], None] = _silent) -> PartInfo:
        """Start a worker whose runs get this environment; one that runs already with another is started anew.

        Raises LocalStackError with the end of its log where it does not start.
        """
        with self._alone(on_progress):
            state = StateFile(self._state_path)
            self._settle(Part.WORKER, state)
            record = state.records()[Part.WORKER]
            fingerprint = hashlib.sha256(repr(sorted(environment.items())).encode()).hexdigest()
            if record.secrets.get("environment") != fingerprint:
                self._take_down(Part.WORKER, state)
                state.put(Part.WORKER, replace(record, secrets={"environment": fingerprint}, process=None))
            self._worker_environment = dict(environment)
            self._bring_up_all([Part.WORKER], state, on_progress)
            return self._info(Part.WORKER, state.records()[Part.WORKER])

    def find(self) -> StackInfo | None:
        """What runs and answers at this moment; None where nothing does."""
        records = StateFile(self._state_path).records()
        running = {part: self._info(part, record) for part, record in records.items() if self._answers(part, record)}
        return StackInfo(running) if running else None

    def down(self, on_progress: Callable[[str], None] = _silent) -> list[Part]:
        """Stop every server that was started here, with its children, and return those that ran. Their data stays."""
        if not self._state_path.exists():
            return []
        with self._alone(on_progress):
            state = StateFile(self._state_path)
            records = state.records()
            ended = Part.WORKER in records and self._take_down(Part.WORKER, state)  # first: it uses the others
            with ThreadPoolExecutor(len(Part)) as pool:
                stopped = {part: pool.submit(self._take_down, part, state) for part in records if part in SERVERS}
            return [Part.WORKER] * ended + [part for part, ran in stopped.items() if ran.result()]

    @contextmanager
    def _alone(self, on_progress: Callable[[str], None]) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        with only_one(
            self._folder / "lock", lambda: on_progress("waiting for another command that starts or stops it")
        ):
            yield

    def _settle(self, part: Part, state: StateFile) -> None:
        """Give the part ports and secrets where it has none; new ports where others have taken them."""
        records = state.records()
        taken = {port for other, record in records.items() if other != part for port in record.ports}
        record = records.get(part) or PartRecord(ports=[], secrets=PARTS[part].new_secrets())
        if record.process is not None and processes.is_running(record.process):
            return
        if not record.ports or not all(is_free(port) for port in record.ports):
            record = replace(record, ports=free_ports(PARTS[part].port_count, other_than=taken))
        state.put(part, record)

    def _bring_up_all(self, parts: Collection[Part], state: StateFile, on_progress: Callable[[str], None]) -> None:
        began = time.monotonic()
        with _threads() as (pool, called_off):
            waiting = {}
            for part in parts:
                plan = self._plan(part, state.records()[part])
                if PARTS[part].note(plan.folder):
                    on_progress(PARTS[part].note(plan.folder))
                waiting[pool.submit(self._bring_up, part, state, called_off)] = plan.name
            for done in as_completed(waiting):
                done.result()
                on_progress(f"{waiting[done]} is ready after {time.monotonic() - began:.1f} s")

    def _bring_up(self, part: Part, state: StateFile, called_off: Event) -> None:
        record = state.records()[part]
        plan = self._plan(part, record)
        if record.process is None or not self._comes_up(plan, record.process, called_off):
            record = self._start(part, state, called_off)
        PARTS[part].furnish(record)

    def _comes_up(self, plan: ServerPlan, process: OwnedProcess, called_off: Event) -> bool:
        """True where a server of an earlier command answers, or does so soon."""
        if not processes.is_running(process):
            return False
        try:
            servers.await_answer(plan, process, called_off)
        except StartCalledOff:
            raise
        except LocalStackError:
            return False
        return True

    def _start(self, part: Part, state: StateFile, called_off: Event) -> PartRecord:
        self._take_down(part, state)  # what a killed server left running
        for tries_left in reversed(range(servers.PORT_TRIES)):
            try:
                return self._start_once(part, state, called_off)
            except PortTakenError:
                if not tries_left:
                    raise
                state.put(part, replace(state.records()[part], ports=free_ports(PARTS[part].port_count)))
        raise AssertionError

    def _start_once(self, part: Part, state: StateFile, called_off: Event) -> PartRecord:
        record = state.records()[part]
        plan = self._plan(part, record)
        process = servers.launch(plan, lambda started: state.put(part, replace(record, process=started)))
        try:
            servers.await_answer(plan, process, called_off)
        except StartCalledOff:
            raise
        except LocalStackError:
            self._take_down(part, state)
            raise
        return state.records()[part]

    def _take_down(self, part: Part, state: StateFile) -> bool:
        """True where something of it ran."""
        record = state.records()[part]
        if record.process is None:
            return False
        ran = bool(processes.family(record.process))
        servers.stop(record.process, self._plan(part, record))
        state.put(part, replace(record, process=None))
        return ran

    def _answers(self, part: Part, record: PartRecord) -> bool:
        if record.process is None or not processes.is_running(record.process):
            return False
        return servers.answers(self._plan(part, record))

    def _plan(self, part: Part, record: PartRecord) -> ServerPlan:
        plan = PARTS[part].plan(self._part_folder(part), record, self._log(part))
        if part is Part.WORKER:
            return replace(plan, environment={**self._worker_environment, **plan.environment})
        return plan

    def _info(self, part: Part, record: PartRecord) -> PartInfo:
        if record.process is None:
            raise AssertionError
        return PartInfo(
            part=part,
            pid=record.process.pid,
            url=PARTS[part].url(record),
            log=self._log(part),
            environment=PARTS[part].environment(self._part_folder(part), record),
        )

    def _part_folder(self, part: Part) -> Path:
        return self._folder / part.value

    def _log(self, part: Part) -> Path:
        return self._folder / "logs" / f"{part.value}.log"


@contextmanager
def _threads() -> Iterator[tuple[ThreadPoolExecutor, Event]]:
    """A thread for each part; at an error or Ctrl-C the event tells them not to wait any longer."""
    called_off = Event()
    with ThreadPoolExecutor(len(Part)) as pool:
        try:
            yield pool, called_off
        finally:
            called_off.set()

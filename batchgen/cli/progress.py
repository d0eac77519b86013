"""How far jobs are, on stderr, while something else drives them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from batchgen.cli.output import people, say
from batchgen.errors import BatchgenError
from batchgen.lifecycle import BatchStatus, least_advanced
from batchgen.models import Batch
from batchgen.services import Services

_REFRESH_S = 0.5
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeElapsedColumn())
_Show = Callable[[str, Sequence[Batch]], None]


@contextmanager
def job_progress(services: Services, *job_ids: str) -> Iterator[None]:
    """Show how far jobs are while the block runs: a bar each on a terminal, a line for each change elsewhere."""
    console = people()
    ended = threading.Event()
    with ExitStack() as shown:
        show: _Show = _Lines().show
        if console.is_terminal:
            show = _Bars(shown.enter_context(Progress(*_COLUMNS, console=console, transient=True))).show
        watcher = threading.Thread(target=_watch, args=(services, job_ids, show, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def show(self, job_id: str, batches: Sequence[Batch]) -> None:
        if job_id not in self._bars:
            self._bars[job_id] = self._progress.add_task(job_id, total=None, state="")
        total = sum(batch.records for batch in batches)
        self._progress.update(self._bars[job_id], total=total, completed=_done(batches), state=_state(batches))


class _Lines:
    def __init__(self) -> None:
        self._last: dict[str, str] = {}

    def show(self, job_id: str, batches: Sequence[Batch]) -> None:
        state = _state(batches)
        if self._last.get(job_id) != state:
            self._last[job_id] = state
            say(f"{job_id}: {state}")


def _watch(services: Services, job_ids: Sequence[str], show: _Show, ended: threading.Event) -> None:
    last = False
    while not last:
        last = ended.wait(_REFRESH_S)
        for job_id in job_ids:
            # Not recorded yet, or Redis is away for a moment: the job itself tells of that.
            with suppress(BatchgenError):
                show(job_id, services.ids.job_batches(job_id))


def _done(batches: Sequence[Batch]) -> int:
    """Records that are decided, and requests that OpenAI has answered in the iteration under way."""
    done = 0
    for batch in batches:
        done += batch.accepted + batch.refused + batch.failed
        if batch.status in {BatchStatus.PROCESSING, BatchStatus.PRE_COMPLETED}:
            done += min(batch.current.completed_requests, batch.pending)
    return done


def _state(batches: Sequence[Batch]) -> str:
    status = least_advanced([batch.status for batch in batches])
    accepted = sum(batch.accepted for batch in batches)
    iteration = max(batch.iteration for batch in batches)
    return f"{status}, {accepted:,} accepted" + (f", iteration {iteration}" if iteration > 1 else "")

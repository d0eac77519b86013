"""How far a job is, on a terminal's stderr, while something else drives it. Elsewhere the log tells."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from batchgen.cli.output import people
from batchgen.errors import BatchgenError
from batchgen.lifecycle import BatchStatus, least_advanced
from batchgen.models import Batch
from batchgen.services import Services

_REFRESH_S = 0.5


@contextmanager
def job_progress(services: Services, *job_ids: str) -> Iterator[None]:
    """Show a bar for each job while the block runs."""
    console = people()
    if not console.is_terminal:
        yield
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeElapsedColumn())
    ended = threading.Event()
    with Progress(*columns, console=console, transient=True) as progress:
        bars = {job_id: progress.add_task(job_id, total=None, state="") for job_id in job_ids}
        watcher = threading.Thread(target=_watch, args=(services, progress, bars, ended), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def _watch(services: Services, progress: Progress, bars: dict[str, TaskID], ended: threading.Event) -> None:
    while not ended.wait(_REFRESH_S):
        for job_id, bar in bars.items():
            try:
                batches = services.ids.job_batches(job_id)
            except BatchgenError:
                continue  # not recorded yet, or Redis is away for a moment: the job itself tells of that
            total = sum(batch.records for batch in batches)
            progress.update(bar, total=total, completed=_done(batches), state=_state(batches))


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

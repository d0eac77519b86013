"""Runs all batches in one background thread: each in turn a slice, those that wait when their time has come."""

import heapq
import logging
import threading
import time
from itertools import count

from batchgen.simulator.api_errors import ApiError
from batchgen.simulator.batch_records import FINAL, BatchRecord
from batchgen.simulator.batch_run import BatchRun, Steps
from batchgen.simulator.state import SimulatorState

log = logging.getLogger(__name__)


class BatchEngine:
    """``start`` resumes what a former run on the same directory left unfinished; ``stop`` keeps it for the next."""

    def __init__(self, state: SimulatorState) -> None:
        self._state = state
        self._changed = threading.Condition()
        self._working = threading.Lock()
        self._turns: list[tuple[float, int, str]] = []
        self._numbers = count()
        self._steps: dict[str, Steps] = {}
        self._due: dict[str, float] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="simulator-batches", daemon=True)

    def start(self) -> None:
        for record in self._state.batches.oldest_first():
            if record.status not in FINAL:
                self.submit(record)
        self._thread.start()

    def stop(self) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()
        self._drop_all()

    def submit(self, record: BatchRecord) -> None:
        with self._changed:
            self._steps[record.id] = BatchRun(self._state, record).steps()
            self._schedule(record.id, 0.0)

    def cancel(self, record: BatchRecord) -> None:
        """Raises ApiError 409 for a batch that has ended. Cancelling it twice is harmless."""
        with self._state.batches.lock:
            if record.status in FINAL:
                raise ApiError(409, f"Cannot cancel a batch with status '{record.status}'.")
            if record.status != "cancelling":
                record.status = "cancelling"
                record.stamps["cancelling"] = int(time.time())
                self._state.batches.save(record)
        with self._changed:
            if record.id in self._steps:
                self._schedule(record.id, 0.0)

    def clear(self) -> None:
        """Forget every batch, in the middle of whatever it does."""
        with self._working, self._changed:
            self._drop_all()

    def _drop_all(self) -> None:
        for steps in self._steps.values():
            steps.close()
        self._steps.clear()
        self._due.clear()
        self._turns.clear()

    def _schedule(self, batch_id: str, delay: float) -> None:
        due = time.monotonic() + delay
        self._due[batch_id] = due
        heapq.heappush(self._turns, (due, next(self._numbers), batch_id))
        self._changed.notify()

    def _work(self) -> None:
        while True:
            batch_id = self._next()
            if batch_id is None:
                return
            with self._working:
                self._step(batch_id)

    def _next(self) -> str | None:
        """Waits for the next batch whose turn it is; None when the engine stops."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                if self._turns and self._turns[0][0] <= now:
                    due, _, batch_id = heapq.heappop(self._turns)
                    if self._due.get(batch_id) == due:  # else it was woken earlier, and this turn is stale
                        return batch_id
                    continue
                self._changed.wait(self._turns[0][0] - now if self._turns else None)
            return None

    def _step(self, batch_id: str) -> None:
        steps = self._steps.get(batch_id)
        if steps is None:
            return
        with self._changed:
            taken = self._due[batch_id]
        delay = self._advance(batch_id, steps)
        with self._changed:
            if delay is None:
                del self._steps[batch_id], self._due[batch_id]
            elif self._due[batch_id] == taken:  # else it was woken during this step and has its turn already
                self._schedule(batch_id, delay)

    def _advance(self, batch_id: str, steps: Steps) -> float | None:
        """The seconds until its next turn; None when it has ended."""
        try:
            return next(steps, None)
        except Exception as error:
            log.exception("Batch %s broke", batch_id)
            record = self._state.batches.get(batch_id)
            with self._state.batches.lock:
                record.status = "failed"
                record.stamps["failed"] = int(time.time())
                record.errors = [{"code": "server_error", "message": str(error), "line": None, "param": None}]
                self._state.batches.save(record)
            return None

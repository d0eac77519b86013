"""Work that outlasts its request: some threads and a queue with an end, so that a flood is turned away at the door."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from structlog.stdlib import get_logger

log = get_logger(__name__)

THREADS = 4
WAITING = 100


class BackgroundWork:
    """Runs steps in threads, used in `with`; at its end what runs is finished, and what waits is dropped."""

    def __init__(self, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        """Take how many steps run at once, and how many more may wait for their turn."""
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="background")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Return once what runs is finished; nothing more is run."""
        self._pool.shutdown(cancel_futures=True)

    def offer(self, step: Callable[[], object]) -> bool:
        """Take a step over, to be run soon; False if the queue is full or closed. What it raises is logged."""
        if not self._places.acquire(blocking=False):
            return False
        try:
            taken = self._pool.submit(_run, step)
        except RuntimeError:  # closed
            self._places.release()
            return False
        taken.add_done_callback(lambda _: self._places.release())
        return True


def _run(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:  # nobody waits for the outcome, so the log is where it is told
        log.exception("background_work_failed")

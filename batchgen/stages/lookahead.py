"""Several calls at once, their results in order, and never more of them in memory than a few."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
_AHEAD = 4
"""Results for each worker that may wait for an earlier one."""


def in_order(calls: Iterable[Callable[[], T]], workers: int) -> Iterator[T]:
    """Yield each call's result in the order of the calls, which are drawn as they are needed, by this thread."""
    if workers <= 1:
        for call in calls:
            yield call()
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="judge")
    try:
        ahead: deque[Future[T]] = deque()
        for call in calls:
            ahead.append(pool.submit(call))
            if len(ahead) >= _AHEAD * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

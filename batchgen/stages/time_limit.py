"""A limit on how long a caller waits, whatever holds up the work: a server may send a byte now and then for ever."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import copy_context
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")


class OutOfTime(Exception):
    """The work was not done in time."""


def within(limit_s: float, work: Callable[[], Result], *, name: str) -> Result:
    """Return what `work` returns, or raise what it raises; OutOfTime where that takes longer.

    It runs in a thread of its own. One that is late ends by itself: by the limits of its steps, or once the connections
    that it waits for are closed; it does not hold up the end of the process.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            outcome.set_exception(error)

    Thread(target=copy_context().run, args=(run,), name=name, daemon=True).start()
    if not wait([outcome], timeout=limit_s).done:
        raise OutOfTime
    return outcome.result()

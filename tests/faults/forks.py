"""Processes that are forked, killed and stopped: from one of a single thread that has everything imported.

So a child costs milliseconds, and inherits no thread and no connection of the test's own process.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context

import pytest
from genai_prices import Usage, calc_price
from quick_clients import make_clients_quick

from batchgen.openai_client.catalog import ModelCatalog

_CHILD_WITHIN_S = 60
_LOADED_ON_FIRST_USE = (
    "batchgen.openai_client.batch_api",
    "genai_prices.data",
    "openai.resources.batches",
    "openai.resources.files",
    "openai.resources.models",
)


def forking_processes(count: int) -> ProcessPoolExecutor:
    """Processes to fork in."""
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_prepare)


def fork(work: Callable[[], None]) -> int:
    """Begin it in a child and return its pid."""
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(_CHILD_WITHIN_S)
    try:
        work()
    except BaseException:  # noqa: BLE001 - nothing of the parent may run in the child
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def end_of(pid: int) -> int:
    """Wait for a child; returns its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def has_stopped(pid: int) -> bool:
    """Wait until a child has stopped (True) or ended."""
    return os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])


def _prepare() -> None:
    """Load here, once, what each child would load by itself."""
    for name in _LOADED_ON_FIRST_USE:
        import_module(name)
    ModelCatalog.load()
    calc_price(Usage(input_tokens=1), "gpt-4o-mini", provider_id="openai")
    make_clients_quick(pytest.MonkeyPatch())

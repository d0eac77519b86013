"""No hostile or useless answer is accepted, each is refused for the right reason, and the host stays as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from waiting import wait_until

from batchgen.data_types.contract import Refused
from batchgen.data_types.test_code.running.verdict import ALL_RUNGS

from .hostile_answers import HOSTILE
from .judging import records, strategy_for

_SANDBOX_USERS = range(61_184, 65_184)


def orphans() -> list[psutil.Process]:
    """Processes of a sandbox that outlived whoever started it."""
    found = []
    for process in psutil.process_iter(["ppid", "uids", "name", "status"]):
        info = process.info
        is_ours = info["name"] == "bwrap" or info["uids"].real in _SANDBOX_USERS
        if is_ours and info["ppid"] == 1 and info["status"] != psutil.STATUS_ZOMBIE:
            found.append(process)
    return found


@pytest.fixture
def _unchanged_host(monkeypatch: pytest.MonkeyPatch, shop: Path) -> Iterator[None]:
    monkeypatch.setenv("CANARY_SECRET", "canary")
    before = {folder: sorted(os.listdir(folder)) for folder in ("/", "/etc", "/usr", "/dev/shm")}  # noqa: PTH208, S108
    source = (shop / "shop" / "cart.py").read_bytes()
    yield
    assert {folder: sorted(os.listdir(folder)) for folder in before} == before  # noqa: PTH208
    assert (shop / "shop" / "cart.py").read_bytes() == source
    wait_until(lambda: not orphans())


@pytest.mark.usefixtures("_unchanged_host")
def test_none_is_accepted_each_has_its_reason_and_nothing_is_left(material: Path, cache: Path, shop: Path) -> None:
    strategy = strategy_for(material, cache, time_limit_s=6)  # even a busy machine passes the other limits before
    record = records(shop)["total"]
    with ThreadPoolExecutor(4) as pool:
        judged = pool.map(lambda each: strategy.judge(record, each[0]), HOSTILE.values())
        found = dict(zip(HOSTILE, judged, strict=True))
    reasons = {name: each.reason if isinstance(each, Refused) else "accepted" for name, each in found.items()}
    assert reasons == {name: reason for name, (_, reason) in HOSTILE.items()}
    assert set(reasons.values()) <= set(ALL_RUNGS)
    assert len(HOSTILE) >= 40

"""A worker's claim on a batch: it expires, is renewed while the work goes on, and fences every write."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from batchgen.errors import LeaseLost, Unavailable


class Lease:
    """Held between claim and release. `renew` is called every third of its life from a thread of its own."""

    def __init__(
        self, batch_id: str, token: str, *, claimed_at: float, life_s: float, renew: Callable[[], bool]
    ) -> None:
        """Take the token that Redis holds, when it was asked for, and how to renew it: False once it is not ours."""
        self.batch_id = batch_id
        self.token = token
        self._life_s = life_s
        self._renew = renew
        self._ended = threading.Event()
        self._lost = False
        self._ends_at = claimed_at + life_s
        self._thread = threading.Thread(target=self._keep, name=f"lease {batch_id}", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """End renewing; returns once the thread is gone."""
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise LeaseLost if the claim is gone or may be; asked before every effect outside Redis.

        It may be once its life is over without a renewal: this process was stopped for a while, or Redis is away.
        """
        if self._lost or time.monotonic() >= self._ends_at:
            raise LeaseLost(self.batch_id)

    def _keep(self) -> None:
        while not self._ended.wait(self._life_s / 3):
            asked_at = time.monotonic()
            try:
                renewed = self._renew()
            except Unavailable:
                continue  # the lease may still live when Redis is back; the next renewal tells
            if not renewed:
                self._lost = True
                return
            self._ends_at = asked_at + self._life_s

"""The lines of a batch's input file, in the order in which they are answered."""

import os
import random
from collections.abc import Iterator, Sequence

from batchgen.simulator.validation import InputCheck


def answering_order(total: int, *, shuffle: bool, seed: str) -> Sequence[int]:
    """The same for the same seed: a batch resumed after a restart must meet its lines in the same order."""
    if not shuffle:
        return range(total)
    order = list(range(total))
    random.Random(seed).shuffle(order)  # noqa: S311 - only an order
    return order


class InputLines:
    """Each line is read when its turn comes."""

    def __init__(self, descriptor: int, check: InputCheck, order: Sequence[int]) -> None:
        self._descriptor = descriptor
        self._check = check
        self._order = order
        self.total = len(order)
        self.done = 0

    def take(self, until: int) -> Iterator[bytes]:
        starts, ends = self._check.starts, self._check.ends
        while self.done < until:
            index = self._order[self.done]
            self.done += 1
            yield os.pread(self._descriptor, ends[index] - starts[index], starts[index])

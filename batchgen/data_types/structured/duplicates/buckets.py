"""Rows that share a bucket: the tables of LSH in a few arrays, since datasketch's own take 10 KB a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from batchgen.data_types.structured.duplicates.sketch import BANDS, VALUES, bands_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST = 1 << 10
_DEPTH = 16
"""So many rows of a bucket are looked at, the newest first: what is common to many texts finds no repetition."""
_MOST = 32
"""Candidates of one text, those that share most of its features."""


class Buckets:
    """Rows by the hashes of their bands, chained in tables that double: 512 bytes a row when full, 1,024 just before.

    Each band has a table of heads; `next` leads from a row to the one before it in the same slot. There rows count
    from 1, and 0 is nobody. The lowest byte of each value of a sketch tells how much two rows share.
    """

    def __init__(self) -> None:
        import numpy as np  # noqa: PLC0415 - as late as in sketch.py

        self._np = np
        self._rows = 0
        self._bands = np.arange(BANDS)
        self._values = np.zeros((_FIRST, VALUES), np.uint8)
        self._hashes = np.zeros((_FIRST, BANDS), np.uint32)
        self._next = np.zeros((_FIRST, BANDS), np.uint32)
        self._heads = np.zeros((BANDS, _FIRST), np.uint32)

    @property
    def nbytes(self) -> int:
        """Bytes of all tables."""
        return sum(int(table.nbytes) for table in (self._values, self._hashes, self._next, self._heads))

    def add(self, sketch: NDArray[np.uint32], salt: int) -> None:
        """Add a row; they count from 0. Rows of another salt share no bucket with it."""
        if self._rows == len(self._hashes):
            self._double()
        row, hashes = self._rows, bands_of(sketch, salt)
        slots = self._slots(hashes)
        self._values[row] = sketch.astype(self._np.uint8)
        self._hashes[row] = hashes
        self._next[row] = self._heads[self._bands, slots]
        self._heads[self._bands, slots] = row + 1
        self._rows += 1

    def candidates(self, sketch: NDArray[np.uint32], salt: int, least: float) -> list[int]:
        """Return rows that share a bucket with this sketch and, as far as is seen, `least` of its features."""
        np = self._np
        rows = self._in_same_buckets(bands_of(sketch, salt))
        if not len(rows):
            return []
        shared = (self._values[rows] == sketch.astype(np.uint8)).mean(axis=1)
        enough = shared >= least
        best = np.argsort(-shared[enough], kind="stable")[:_MOST]
        return [int(row) for row in rows[enough][best]]

    def _in_same_buckets(self, hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        at = self._heads[self._bands, self._slots(hashes)]
        which, found = self._bands, [at[:0]]
        for _ in range(_DEPTH):
            there = at > 0
            if not there.any():
                break
            which, rows = which[there], at[there] - 1
            found.append(rows[self._hashes[rows, which] == hashes[which]])
            at = self._next[rows, which]
        together: NDArray[np.uint32] = self._np.concatenate(found)
        return self._np.unique(together)

    def _slots(self, hashes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        return hashes & self._np.uint32(self._heads.shape[1] - 1)

    def _double(self) -> None:
        np, rows = self._np, self._rows
        for name in ("_values", "_hashes", "_next"):
            table = getattr(self, name)
            setattr(self, name, np.concatenate([table, np.zeros_like(table)]))
        self._heads = np.zeros((BANDS, len(self._hashes)), np.uint32)
        for band in range(BANDS):
            slots = self._slots(self._hashes[:rows, band])
            order = np.argsort(slots, kind="stable").astype(np.uint32)
            slots = slots[order]
            self._next[order[0], band] = 0
            self._next[order[1:], band] = np.where(slots[1:] == slots[:-1], order[:-1] + 1, 0)
            self._heads[band, slots] = order + 1  # of equal slots the last is kept, which is the newest row

"""Finds to a record the earlier one that it nearly repeats. What is known lies on disk, but for a few hundred bytes."""

from __future__ import annotations

import os
from array import array
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import TYPE_CHECKING, Self

from batchgen.data_types.contract import Result
from batchgen.data_types.structured.duplicates.buckets import Buckets
from batchgen.data_types.structured.duplicates.entry import Entry, entry_of
from batchgen.data_types.structured.duplicates.similarity import likeness
from batchgen.data_types.structured.duplicates.sketch import Sketcher
from batchgen.data_types.structured.duplicates.spec import DuplicateSpec

if TYPE_CHECKING:
    from batchgen.data_types.structured.duplicates.sketch import Sketch

_LEAST_SHARED = 0.3
"""Of the threshold: texts that share less of their features are not scored."""
MOST_KNOWN = 250_000
"""Sketches, one or two a record, that later records are compared with: tables of 135 MB. More are not kept."""


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A record that nearly repeats an earlier one."""

    record_id: str
    of: str
    score: float
    same_source: bool
    """Whether the source says the same of both, so that nothing else could be written."""


class DuplicateSearch:
    """Compares records in the order in which they are given; the same order gives the same findings. Used in `with`.

    A record that repeats another is not kept: whatever repeats it is held against the first.
    """

    def __init__(
        self, spec: DuplicateSpec, folder: Path | None = None, *, facts: Collection[str] = (), most: int = MOST_KNOWN
    ) -> None:
        """`facts` are columns that are copied unchanged; a nameless file in the folder holds the texts."""
        self._spec = spec
        self._facts = frozenset(name.casefold() for name in facts)
        self._most = most
        self._weights = [spec.weight(name) for name in spec.fields]
        self._sketcher = Sketcher()
        self._buckets = Buckets()
        self._ends = array("q", [0])
        self._entry_of_row = array("i")
        self._file = TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 - closed by this object's own `with`
        self.unkept = 0
        """Records that no later one was compared with: there were too many."""

    @property
    def table_bytes(self) -> int:
        """Bytes in memory for what is known."""
        lists = (self._ends, self._entry_of_row)
        return self._buckets.nbytes + sum(each.itemsize * len(each) for each in lists)

    def has_room(self, beside: int = 0) -> bool:
        """Tell whether one more can be known, with room left for so many sketches."""
        return len(self._entry_of_row) + beside < self._most

    def know(self, result: Result) -> None:
        """Have later records compared with this one, whatever it repeats itself."""
        entry = entry_of(result, self._spec, self._facts)
        self._keep(entry, self._sketches(entry))

    def find(self, result: Result) -> NearDuplicate | None:
        """Return what a record nearly repeats, or None."""
        entry = entry_of(result, self._spec, self._facts)
        return self._nearest(entry, self._sketches(entry))

    def find_or_know(self, result: Result) -> NearDuplicate | None:
        """Return what a record nearly repeats; if nothing, have later ones compared with it."""
        entry = entry_of(result, self._spec, self._facts)
        sketches = self._sketches(entry)
        found = self._nearest(entry, sketches)
        if found is None:
            self._keep(entry, sketches)
        return found

    def _sketches(self, entry: Entry) -> list[Sketch]:
        return self._sketcher.sketches(entry.texts) if any(entry.texts) else []

    def _keep(self, entry: Entry, sketches: list[Sketch]) -> None:
        if not sketches:
            return
        if not self.has_room():
            self.unkept += 1
            return
        content = entry.packed()
        self._file.write(content)
        self._ends.append(self._ends[-1] + len(content))
        for sketch in sketches:
            self._buckets.add(sketch, entry.salt)
            self._entry_of_row.append(len(self._ends) - 2)

    def _nearest(self, entry: Entry, sketches: list[Sketch]) -> NearDuplicate | None:
        """Return the likest, the first of equals; one that the source tells apart goes before one that it does not."""
        best: NearDuplicate | None = None
        least = _LEAST_SHARED * self._spec.threshold
        rows = {row for sketch in sketches for row in self._buckets.candidates(sketch, entry.salt, least)}
        for number in sorted({self._entry_of_row[row] for row in rows}):
            known = self._entry(number)
            if entry.is_variant_of(known):
                continue
            score = likeness(entry.texts, known.texts, self._weights, self._spec.threshold)
            if score:
                found = NearDuplicate(entry.record_id, known.record_id, round(score, 4), entry.source == known.source)
                if best is None or (not found.same_source, found.score) > (not best.same_source, best.score):
                    best = found
        return best

    def _entry(self, number: int) -> Entry:
        start = self._ends[number]
        os.lseek(self._file.fileno(), start, os.SEEK_SET)
        content = os.read(self._file.fileno(), self._ends[number + 1] - start)
        os.lseek(self._file.fileno(), 0, os.SEEK_END)
        return Entry.unpacked(content)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

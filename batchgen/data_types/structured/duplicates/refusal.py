"""Refuses an answer that nearly repeats one that is accepted already, so that it is written anew."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from batchgen.data_types.contract import Comparison, Refused, Result
from batchgen.data_types.structured.duplicates.groups import ROOM
from batchgen.data_types.structured.duplicates.search import DuplicateSearch
from batchgen.data_types.structured.duplicates.spec import DuplicateAction, DuplicateSpec

REASON = "near_duplicate"


class DuplicateRefusal(Comparison):
    """Holds answers against those before them; where the source says the same of both, nothing better can be asked."""

    def __init__(self, spec: DuplicateSpec, search: DuplicateSearch) -> None:
        self._spec = spec
        self._search = search

    def know(self, result: Result) -> bool:
        """Have later answers compared with this one, as long as there is room beside those of a batch."""
        self._search.know(result)
        return self._search.has_room(beside=ROOM)

    def judge(self, result: Result) -> Refused | None:
        """Refuse what nearly repeats an earlier answer, unless the records are the same thing twice."""
        found = self._search.find_or_know(result)
        if found is None or found.same_source:
            return None
        detail = (
            f"{', '.join(self._spec.fields)}: it says nearly the same as the accepted answer for record {found.of} "
            f"(likeness {found.score:.2f}). Write it anew from what is particular to this record, in other sentences."
        )
        return Refused(REASON, detail, evidence={"of": found.of, "score": found.score})


def refusing(
    spec: DuplicateSpec | None, folder: Path, facts: Collection[str]
) -> AbstractContextManager[Comparison] | None:
    """Return the comparison for one pass over a batch, where near-duplicates are to be refused."""
    if spec is None or spec.action is not DuplicateAction.REFUSE:
        return None
    return _opened(spec, folder, facts)


@contextmanager
def _opened(spec: DuplicateSpec, folder: Path, facts: Collection[str]) -> Iterator[Comparison]:
    with DuplicateSearch(spec, folder, facts=facts) as search:
        yield DuplicateRefusal(spec, search)

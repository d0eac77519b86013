"""Selection by coverage: of a measurement, the targets with lines that the project's own tests do not reach."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from batchgen.data_types.contract import BadRow, Record
from batchgen.data_types.test_code.code.segment import runtime_lines

EVERY_LINE = 1_000_000_000


def with_missing(
    rows: Iterable[Record | BadRow], executed: Mapping[str, Collection[int]], text_of: Callable[[str], str]
) -> Iterator[Record | BadRow]:
    """Yield the records that have lines nothing executes, in the same order, these lines as `data["missing"]`.

    `executed` holds the executed lines by path below the source root; a file that is not in it was never reached.
    `text_of` returns the text of such a path. Bad rows pass.
    """
    last_path: str | None = None
    missing: frozenset[int] = frozenset()
    for row in rows:
        if isinstance(row, BadRow):
            yield row
            continue
        path = row.data["path"]
        if path != last_path:  # the records of a file follow each other
            last_path, missing = path, runtime_lines(text_of(path), 1, EVERY_LINE).difference(executed.get(path, ()))
        own = sorted(line for line in missing if row.data["first"] <= line <= row.data["last"])
        if own:
            row.data["missing"] = own
            yield row

"""Records and a judge for a source tree."""

from __future__ import annotations

from pathlib import Path

from batchgen.data_types.contract import Record, ResultStrategy, Workplace
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.sources.opened import OpenedSource


def packed(source: Path, path: Path) -> Path:
    """Pack a source tree."""
    TEST_CODE.fetcher().pack(OpenedSource(str(source), source), TEST_CODE.options_type(), path)
    return path


def strategy_for(material: Path, cache: Path, time_limit_s: float = 2) -> ResultStrategy[TestCodeOptions]:
    """What judges answers about a packed source."""
    return TEST_CODE.result_strategy(TestCodeOptions(time_limit_s=time_limit_s), Workplace(cache, material))


def records(source: Path) -> dict[str, Record]:
    """The records of a source tree by their qualified name."""
    found = TEST_CODE.fetcher().fetch(OpenedSource(str(source), source), TEST_CODE.options_type())
    return {record.data["qualname"]: record for record in found if isinstance(record, Record)}

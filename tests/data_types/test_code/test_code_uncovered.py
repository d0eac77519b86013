"""Selection by coverage: of a measurement, the targets with lines that nothing executes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
from source_trees import fetch, write_tree

from batchgen.data_types.contract import BadRow, Record, Workplace
from batchgen.data_types.test_code import TEST_CODE
from batchgen.data_types.test_code.code.uncovered import with_missing
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.errors import SourceUnreadable
from batchgen.sources.opened import OpenedSource

FIRST = """\
def reached(a):
    return a

def partly(a):
    if a:
        return 1
    return 2

class Never:
    def call(self):
        return 3
"""
SECOND = "def other():\n    return 1\n"
TREE = {"a.py": FIRST, "b.py": SECOND, "bad.py": "def f(:\n"}


@pytest.mark.parametrize(
    ("executed", "missing"),
    [
        ({}, {"a.py:reached": [2], "a.py:partly": [5, 6, 7], "a.py:Never": [11], "b.py:other": [2]}),
        ({"a.py": {1, 2, 4, 5, 6, 9, 10}, "b.py": {1, 2}}, {"a.py:partly": [7], "a.py:Never": [11]}),
        ({"a.py": set(range(1, 12)), "b.py": {1}}, {"b.py:other": [2]}),
        ({"a.py": set(range(1, 12)), "b.py": {1, 2}}, {}),
    ],
)
def test_targets_keep_the_lines_that_nothing_executes(
    tmp_path: Path, executed: Mapping[str, Collection[int]], missing: dict[str, list[int]]
) -> None:
    rows = with_missing(fetch(write_tree(tmp_path, TREE)), executed, lambda path: dedent(TREE[path]))
    kept = list(rows)
    assert [row.record_id for row in kept if isinstance(row, BadRow)] == ["bad.py"]
    assert {row.record_id: row.data["missing"] for row in kept if isinstance(row, Record)} == missing


def test_without_a_sandbox_nothing_is_selected_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = write_tree(tmp_path, TREE)
    fetcher = TEST_CODE.fetcher(Workplace(tmp_path / "cache"))
    with pytest.raises(SourceUnreadable, match=r"not installed.*apt-get install bubblewrap"):
        list(fetcher.fetch(OpenedSource(str(source), source), TestCodeOptions(uncovered=True)))

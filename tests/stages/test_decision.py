"""What rejecting a part of a record does to the ledger: of tests, which data types name by `<record id>::<test id>`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from batch_examples import example_batch

from batchgen.errors import DecisionRefused
from batchgen.stages.decision import Action, Decided, apply
from batchgen.stages.ledger import LedgerEntry, LedgerFiles, read_ledger

BUG = {"test": "test_bug", "error": "assert 3 == 4", "code": "def test_bug(): ..."}
CODE = """\
from shop import pay


def test_one():
    assert pay(1)


class TestMany:
    def test_two(self):
        assert pay(2)
"""
OUTPUT = {
    "code": CODE,
    "tests": ["test_one", "TestMany::test_two"],
    "target": "shop.py:pay",
    "module": "shop",
    "verified": True,
    "asked_lines": [2, 3],
    "gained_lines": [2, 3],
    "mutants": [],
    "evidence": {"test_one": {"lines": [2], "kills": []}, "TestMany::test_two": {"lines": [3], "kills": []}},
    "refused_tests": [],
    "suspected_bugs": [BUG],
}
DATA = {
    "path": "shop.py", "module": "shop", "qualname": "pay", "kind": "function", "first": 1, "last": 3,
    "source": "def pay(a):\n    a += 1\n    return a\n", "imports": [], "owner": "", "uses": [],
}  # fmt: skip
IDS = ("shop.py:pay", "shop.py:owe")


def decided(folder: Path, action: Action, names: list[str] | None, *, ids: tuple[str, ...] = IDS) -> Decided:
    """What becomes of records that were all accepted with the same output."""
    files = LedgerFiles(folder / "records.jsonl", folder / "accepted.jsonl", folder / "history.jsonl")
    records = [{"record_id": record_id, "data": DATA} for record_id in ids]
    results = [{"record_id": record_id, "output": OUTPUT, "iteration": 1} for record_id in ids]
    for path, rows in ((files.records, records), (files.results, results), (files.ledger, [])):
        assert path is not None
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
    batch = example_batch(data_type="test_code", records=len(ids), max_retries=1)
    return apply(batch, files, folder, action=action, note="wrong", record_ids=names)


def accepted(after: Decided) -> dict[str, Any]:
    rows = map(orjson.loads, after.data.results_path.read_bytes().splitlines())
    return {row["record_id"]: row["output"] for row in rows}


def history(after: Decided) -> dict[str, LedgerEntry]:
    return {entry.record_id: entry for entry in read_ledger(after.data.ledger_path)}


def test_a_rejected_test_leaves_its_record_accepted_with_the_others(tmp_path: Path) -> None:
    after = decided(tmp_path, Action.REJECT, ["shop.py:pay::TestMany::test_two"])
    assert (after.touched, after.data.accepted, after.data.refused) == (1, 2, 0)
    pay = accepted(after)["shop.py:pay"]
    assert (pay["tests"], pay["gained_lines"]) == (["test_one"], [2])
    assert pay["refused_tests"] == [{"test": "TestMany::test_two", "reason": "rejected_by_reviewer", "detail": "wrong"}]
    assert accepted(after)["shop.py:owe"] == OUTPUT


@pytest.mark.parametrize(
    "names",
    [
        ["shop.py:pay::test_one", "shop.py:pay::TestMany::test_two"],
        ["shop.py:pay"],
        ["shop.py:pay", "shop.py:pay::test_one"],
    ],
)
def test_a_record_without_tests_is_refused_and_its_suspected_bugs_stay(tmp_path: Path, names: list[str]) -> None:
    after = decided(tmp_path, Action.REJECT, names)
    assert (after.touched, after.data.accepted, after.data.refused) == (1, 1, 1)
    entry = history(after)["shop.py:pay"]
    assert (entry.reason, entry.detail, entry.output) == ("rejected_by_reviewer", "wrong", OUTPUT)
    assert entry.evidence["suspected_bugs"] == [BUG]


def test_a_record_that_is_sent_back_keeps_its_suspected_bugs_for_the_next_answer(tmp_path: Path) -> None:
    entry = history(decided(tmp_path, Action.RETRY, ["shop.py:pay"]))["shop.py:pay"]
    feedback = entry.feedback()
    assert feedback is not None
    assert feedback.evidence["suspected_bugs"] == [BUG]


@pytest.mark.parametrize(
    ("action", "names", "problem"),
    [
        (
            Action.REJECT,
            ["shop.py:pay::test_one", "shop.py:pay::test_none"],
            "parts of records shop.py:pay::test_none.",
        ),
        (Action.REJECT, ["shop.py:pay", "shop.py:pay::test_none"], "parts of records shop.py:pay::test_none."),
        (Action.REJECT, ["shop.py:none::test_one"], "parts of records shop.py:none::test_one."),
        (Action.RETRY, ["shop.py:pay::test_one"], "shop.py:pay::test_one is a part of a record"),
        (Action.RETRY, ["shop.py:pay::test_none"], "parts of records shop.py:pay::test_none."),
    ],
)
def test_a_name_that_cannot_be_carried_out_is_told(
    tmp_path: Path, action: Action, names: list[str], problem: str
) -> None:
    with pytest.raises(DecisionRefused, match=re.escape(problem)):
        decided(tmp_path, action, names)


def test_the_id_of_a_record_means_the_record_even_where_it_looks_like_a_test_of_another(tmp_path: Path) -> None:
    ids = ("shop.py:pay", "shop.py:pay::test_one", "shop.py:pay::x")
    after = decided(tmp_path, Action.REJECT, ["shop.py:pay::test_one", "shop.py:pay::x::test_one"], ids=ids)
    assert accepted(after)["shop.py:pay"] == OUTPUT
    assert accepted(after)["shop.py:pay::x"]["tests"] == ["TestMany::test_two"]
    assert history(after)["shop.py:pay::test_one"].reason == "rejected_by_reviewer"

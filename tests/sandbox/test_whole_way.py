"""A job of tests from source to COMPLETED: run in the sandbox, mended in a second iteration, reviewed test by test."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.errors import DecisionRefused, SourceUnreadable
from batchgen.lifecycle import BatchStatus
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from batchgen.stages.publication import read_report

from .shop_source import RIGHT

WRONG = "from shop.cart import refund\n\n\ndef test_refund():\n    assert refund(2) == 7\n"


def script(request: AnswerRequest) -> Answer:
    """Right tests, but for `refund` only once the error of the first ones is told."""
    prompt = str(request.body["messages"])
    name = next(name for name in RIGHT if f":{name} lines" in prompt)
    code = WRONG if name == "refund" and "-2 == 7" not in prompt else RIGHT[name]
    return Answer(f"Here they are:\n```python\n{code}```\n")


@pytest.fixture
def pipeline(start_pipeline: StartPipeline, cache: Path) -> Pipeline:
    started = start_pipeline(script)
    (cache / "environments").mkdir(parents=True, exist_ok=True)
    own = started.folder / "state" / "cache"
    own.mkdir(parents=True)
    (own / "environments").symlink_to(cache / "environments")
    return started


def test_from_the_source_to_reviewed_files(pipeline: Pipeline, shop: Path) -> None:
    batch = pipeline.run(str(shop), "test_code", options={"time_limit_s": 5})
    assert (batch.status, batch.accepted, batch.iteration) == (BatchStatus.READY_FOR_REVIEW, 3, 2)
    results = {line["record_id"]: line for line in pipeline.lines(batch)}
    assert all(line["output"]["verified"] for line in results.values())
    refund = results["shop/cart.py:refund"]
    assert refund["iteration"] == 2
    assert [bug["test"] for bug in refund["output"]["suspected_bugs"]] == ["test_refund"]

    report = orjson.loads(pipeline.text(batch, "report.json"))
    assert report["tests"]["verified"] == 3
    assert report["tests"]["suspected_bugs"] == 1
    assert [target["record_id"] for target in report["targets"]] == [*results]
    shown = read_report(pipeline.services.uploads, batch)
    assert any("suspected bug" in line.lower() for line in shown["highlights"])
    assert shown == {name: value for name, value in report.items() if name != "targets"}
    assert "-2 == 7" in pipeline.text(batch, "report.html")
    file = pipeline.text(batch, "tests/test_shop_cart.py")
    assert "# Verified" in file
    assert f"+{file.splitlines()[0]}" in pipeline.text(batch, "tests.patch")

    rejected = "shop/cart.py:Basket::TestBasket::test_counts"
    for wrong in ("shop/cart.py:Basket::test_none", "shop/none.py:x::test_a"):
        with pytest.raises(DecisionRefused, match="holds no"):
            pipeline.services.reviewer.decide(batch.batch_id, Action.REJECT, reviewer="Ada", record_ids=[wrong])
    with pytest.raises(DecisionRefused, match="part of a record"):
        pipeline.services.reviewer.decide(batch.batch_id, Action.RETRY, reviewer="Ada", record_ids=[rejected])
    decided = pipeline.services.reviewer.decide(
        batch.batch_id, Action.REJECT, reviewer="Ada", note="too much", record_ids=[rejected]
    )
    assert (decided.status, decided.accepted) == (BatchStatus.COMPLETED, 3)
    kept = {line["record_id"]: line["output"] for line in pipeline.lines(decided)}["shop/cart.py:Basket"]
    assert kept["tests"] == ["TestBasket::test_is_full"]
    assert kept["refused_tests"][-1]["reason"] == "rejected_by_reviewer"
    assert "test_counts" not in pipeline.text(decided, "tests/test_shop_cart.py")


def test_the_last_test_of_a_record_takes_the_record_with_it(pipeline: Pipeline, shop: Path) -> None:
    batch = pipeline.run(str(shop), "test_code", options={"include": ["shop/*"], "time_limit_s": 5}, limit=2)
    ids = ["shop/cart.py:refund::test_refund"]
    decided = pipeline.services.reviewer.decide(batch.batch_id, Action.REJECT, reviewer="Ada", record_ids=ids)
    assert (decided.accepted, decided.refused) == (1, 1)
    [line] = pipeline.lines(decided, "rejected.jsonl")
    assert (line["record_id"], line["reason"]) == ("shop/cart.py:refund", "rejected_by_reviewer")
    report = read_report(pipeline.services.uploads, decided)
    assert [bug["record_id"] for bug in report["suspected_bugs"]] == ["shop/cart.py:refund"]


def test_code_that_cannot_be_imported_is_told_before_anything_is_paid(pipeline: Pipeline, tmp_path: Path) -> None:
    source = tmp_path / "broken"
    (source / "shop").mkdir(parents=True)
    (source / "shop" / "__init__.py").write_text("")
    (source / "shop" / "cart.py").write_text("import nowhere_to_be_found\n\n\ndef total(a):\n    return a\n")
    with pytest.raises(SourceUnreadable, match=r"none of its modules.*nowhere_to_be_found.*--option requirements"):
        pipeline.run(str(source), "test_code")
    assert list(pipeline.services.ids.iterate()) == []
    (source / "shop" / "other.py").write_text("def total(a):\n    return a\n")
    batch = pipeline.services.processor.create_job(JobRequest("test_code", str(source)))
    assert batch.records == 2

"""Near-duplicates on the whole way: refused and written anew, or reported; the same set however often it is judged."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pipeline import Pipeline, StartPipeline
from waiting import wait_until

from batchgen.lifecycle import BatchStatus
from batchgen.models import Batch
from batchgen.simulator import Answer, AnswerRequest
from batchgen.stages.decision import Action
from batchgen.stages.intake import JobRequest
from batchgen.stages.state_objects import StateObjects

COPIED = "따뜻한 머그잔 ☕: a sturdy companion for every morning, made to keep your coffee warm until the last sip."
OWN = {
    "jug": "The jug pours without a drop beside the glass, and its wide mouth is cleaned in a moment.",
    "pot": "Six cups of tea fit into this round pot, whose lid stays in place while you pour.",
    "mug": "Morning begins with both hands around this one: thick walls, a large handle, a matt glaze.",
}
DECLARATION: dict[str, Any] = {
    "name": "shop",
    "instructions": "You write for a shop.",
    "prompt": "About {{ name }}.",
    "fields": [{"name": "text"}],
}
REFUSING = DECLARATION | {"duplicates": {"fields": ["text"], "action": "refuse"}}


def answers(request: AnswerRequest) -> Answer:
    """Lazy the first time: mug, jug and pot get the same text, but for a word."""
    told = request.body["messages"]
    name = told[1]["content"].removeprefix("About ").removesuffix(".").split()[0]
    text = OWN.get(name, "") if len(told) > 2 else COPIED.replace("sturdy", {"jug": "solid"}.get(name, "sturdy"))
    return Answer(orjson.dumps({"text": text or f"Only {name}."}).decode())


class Killed(BaseException):
    """What no step catches."""


def two_batches(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]]) -> list[str]:
    """A job whose batches hold two records each, answered and not judged yet."""
    with monkeypatch.context() as small:
        small.setattr("batchgen.storage.batch_files.FileLimits.__init__.__defaults__", (2, 100_000, None))
        request = JobRequest("shop", pipeline.source(rows), options={"declaration": REFUSING})
        job = pipeline.services.processor.create_job(request)
    for batch_id in pipeline.services.processor.due(job.job_id):
        pipeline.services.processor.submit(batch_id)
    checker = pipeline.services.checker

    def all_answered() -> bool:
        checker.check(checker.due(job.job_id))
        return all(each.status is BatchStatus.PRE_COMPLETED for each in pipeline.services.ids.job_batches(job.job_id))

    wait_until(all_answered)
    return list(job.batch_ids)


def report(pipeline: Pipeline, batch: Batch) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(pipeline.text(batch, "report.json"))
    return found


def names(*given: str) -> list[dict[str, Any]]:
    return [{"id": name, "name": name} for name in given]


def test_a_near_duplicate_is_refused_by_name_and_written_anew(start_pipeline: StartPipeline) -> None:
    pipeline = start_pipeline(answers)
    batch = pipeline.run(pipeline.source(names("mug", "jug", "pot")), "shop", options={"declaration": REFUSING})
    assert (batch.status, batch.accepted, batch.iteration) == (BatchStatus.READY_FOR_REVIEW, 3, 2)
    results = {line["record_id"]: line for line in pipeline.lines(batch)}
    assert [(name, line["iteration"]) for name, line in results.items()] == [("mug", 1), ("jug", 2), ("pot", 2)]
    assert results["jug"]["output"]["text"] == OWN["jug"]
    assert results["mug"]["output"]["text"] == COPIED
    asked = [request["body"]["messages"][-1]["content"] for request in pipeline.requests_of(batch, 2)]
    assert all("near_duplicate" in message and "record mug" in message for message in asked)
    assert report(pipeline, batch)["duplicates"]["groups"] == 0


def test_without_tries_left_it_is_refused_for_good_and_one_sent_back_is_held_against_the_rest(
    start_pipeline: StartPipeline,
) -> None:
    pipeline = start_pipeline(answers)
    source = pipeline.source(names("mug", "jug"))
    batch = pipeline.run(source, "shop", options={"declaration": REFUSING}, max_retries=0)
    assert (batch.accepted, batch.reasons) == (1, {"near_duplicate": 1})
    rejected = pipeline.lines(batch, "rejected.jsonl")[0]
    assert (rejected["record_id"], rejected["reason"]) == ("jug", "near_duplicate")
    ledger = pipeline.services.uploads.read(f"state/{batch.batch_id}/1/processed/ledger.jsonl")
    assert orjson.loads(ledger)["evidence"]["of"] == "mug"
    assert orjson.loads(ledger)["evidence"]["score"] > 0.9

    again = pipeline.run(source, "shop", options={"declaration": REFUSING}, name="again")
    sent = pipeline.services.reviewer.decide(again.batch_id, Action.RETRY, reviewer="test", record_ids=["mug"])
    pipeline.services.advance(sent.job_id)
    done = pipeline.services.ids.get(again.batch_id)
    assert (done.status, done.accepted) == (BatchStatus.READY_FOR_REVIEW, 2)


@pytest.mark.parametrize("declaration", [DECLARATION, REFUSING])
def test_by_default_it_is_reported_and_the_same_thing_twice_always_is(
    start_pipeline: StartPipeline, declaration: dict[str, Any]
) -> None:
    pipeline = start_pipeline(answers)
    rows = (
        names("mug", "jug") if declaration is DECLARATION else [{"id": str(number), "name": "mug"} for number in (1, 2)]
    )
    batch = pipeline.run(pipeline.source(rows), "shop", options={"declaration": declaration})
    assert (batch.accepted, batch.iteration) == (2, 1)
    told = report(pipeline, batch)
    assert (told["duplicates"]["groups"], told["duplicates"]["records"]) == (1, 1)
    example = told["duplicates"]["examples"][0]
    assert (example["record_id"], example["of"]) == (rows[1]["id"], rows[0]["id"])
    assert example["same_source"] is (declaration is REFUSING)
    assert told["highlights"] == ["1 record nearly repeats the texts of another"]
    page = pipeline.text(batch, "report.html")
    assert "groups of near-duplicates" in page
    assert ("says the same of both" in page) is example["same_source"]


def test_products_are_compared_by_their_texts_and_attributes(start_pipeline: StartPipeline) -> None:
    def script(request: AnswerRequest) -> Answer:
        data = orjson.loads(request.body["messages"][1]["content"])
        color = [{"name": "color", "value": data["color"]}]
        written = {"title": "A mug for the morning", "description": COPIED, "attributes": color}
        return Answer(orjson.dumps({"sku": data["sku"]} | written).decode())

    pipeline = start_pipeline(script)
    rows = [{"sku": f"K-{number}", "color": color, "name": f"Mug {number}"} for number, color in enumerate("rrb")]
    fields = ["title", "description", "attributes"]
    batch = pipeline.run(pipeline.source(rows), "product", options={"fields": fields})
    assert batch.accepted == 3
    examples = report(pipeline, batch)["duplicates"]["examples"]
    assert [(each["record_id"], each["of"]) for each in examples] == [("K-1", "K-0")]
    refused = pipeline.run(
        pipeline.source(rows),
        "product",
        options={"fields": fields, "duplicates": '{"action": "refuse"}'},
        max_retries=0,
        name="refused",
    )
    assert (refused.accepted, refused.reasons) == (2, {"near_duplicate": 1})


def test_batches_of_a_job_are_held_against_what_is_accepted_by_then(
    start_pipeline: StartPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start_pipeline(answers)
    first, second = two_batches(pipeline, monkeypatch, names("mug", "cup", "jug", "pan"))
    pipeline.services.handler.process(first)
    pipeline.services.handler.process(second)
    job = pipeline.services.ids.get(first).job_id
    pipeline.services.advance(job)
    batch = pipeline.services.ids.get(second)
    assert {line["record_id"]: line["iteration"] for line in pipeline.lines(batch)} == {"jug": 2, "pan": 2}
    feedback = pipeline.requests_of(batch, 2)[0]["body"]["messages"][-1]["content"]
    assert "record mug" in feedback


def test_killed_before_it_is_recorded_the_same_answers_are_accepted_whatever_others_did_meanwhile(
    start_pipeline: StartPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = start_pipeline(answers)
    services = pipeline.services
    first, second = two_batches(pipeline, monkeypatch, names("mug", "cup", "jug", "pan"))

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as broken:
        broken.setattr(StateObjects, "put_manifest", killed)
        with pytest.raises(Killed):
            services.handler.process(second)
    assert services.ids.get(second).status is BatchStatus.PRE_COMPLETED
    key = f"state/{second}/1/processed/results.jsonl"
    stored = services.uploads.read(key)
    assert b'"jug"' in stored

    services.handler.process(first)  # it accepts what the other has said, too
    services.handler.process(second)
    assert services.uploads.read(key) == stored
    services.advance(services.ids.get(first).job_id)
    batch = services.ids.get(second)
    assert {line["record_id"]: line["iteration"] for line in pipeline.lines(batch)} == {"jug": 1, "pan": 2}
    assert report(pipeline, batch)["duplicates"]["groups"] == 1  # seen by then, and shown

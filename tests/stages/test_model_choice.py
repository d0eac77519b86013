"""The model of a job: refused where the policy does not allow it, chosen where it is `auto`, and always explained."""

from __future__ import annotations

from typing import Any

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.errors import InvalidModelError
from batchgen.models import Endpoint, Job
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest

CATALOG = """
models:
  - {model_id: tiny, tier: MINI, capabilities: [CHAT, BATCH], max_tokens: 100, context_window: 400,
     input_price_per_1m: "0.001", output_price_per_1m: "0"}
  - {model_id: roomy, tier: MINI, capabilities: [CHAT, BATCH], max_tokens: 100, context_window: 4000,
     input_price_per_1m: "0.002", output_price_per_1m: "0"}
  - {model_id: talkative, tier: MINI, capabilities: [BATCH], max_tokens: 9000, context_window: 100000,
     input_price_per_1m: "0", output_price_per_1m: "0"}
"""


@pytest.fixture
def small_models(start_pipeline: StartPipeline, tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    """One that knows two small models and one without chat completions, all cheaper than any other."""
    catalog = tmp_path_factory.mktemp("own") / "catalog.yaml"
    catalog.write_text(CATALOG, encoding="utf-8")
    pipeline = start_pipeline(BATCHGEN_MODEL_CATALOG=catalog)
    models = pipeline.simulator.control.config()["models"]
    pipeline.simulator.control.config(models=[*models, "tiny", "roomy", "talkative"])
    return pipeline


def create(pipeline: Pipeline, source: str, **more: object) -> Job:
    return pipeline.services.processor.create_job(JobRequest("prompt", source, **more))  # type: ignore[arg-type]  # as given by each test


def prompt(pipeline: Pipeline, words: int) -> str:
    """Prompts of about so many tokens, with one that is large."""
    rows = [{"prompt": "Hello."}, {"prompt": "word " * words}, {"prompt": "Goodbye."}]
    return pipeline.source(rows, f"{words}.jsonl")


def test_a_model_that_is_not_allowed_is_refused_and_nothing_is_sent(pipeline: Pipeline) -> None:
    with pytest.raises(InvalidModelError, match=r"Model o1 not allowed for service prompt; allowed: gpt-3\.5-turbo, "):
        create(pipeline, pipeline.prompts(1), model="o1")
    assert not pipeline.services.ids.jobs()
    assert pipeline.simulator.control.requests() == {}


@pytest.mark.parametrize(("model", "reason"), [(None, "it is the default of prompt"), ("gpt-4o-mini", "it was named")])
def test_a_job_says_why_it_has_its_model(pipeline: Pipeline, model: str | None, reason: str) -> None:
    job = create(pipeline, pipeline.prompts(1), model=model)
    assert (job.model, job.model_reason) == ("gpt-4o-mini", reason)
    summary = pipeline.services.summary(job.job_id)
    assert (summary["model"], summary["model_reason"]) == (job.model, reason)


@pytest.mark.parametrize(("words", "model"), [(5, "tiny"), (150, "tiny"), (350, "roomy"), (2900, "roomy")])
def test_auto_takes_a_model_that_holds_the_largest_prompt(small_models: Pipeline, words: int, model: str) -> None:
    """Room for a prompt is the context less the longest answer: 300 tokens, 3,900 tokens."""
    job = create(small_models, prompt(small_models, words), model="auto")
    assert job.model == model
    [batch] = small_models.services.ids.job_batches(job.job_id)
    assert batch.model == model
    small_models.services.advance(job.job_id)
    assert {request["body"]["model"] for request in small_models.requests_of(batch, 1)} == {model}
    assert small_models.services.summary(job.job_id)["accepted"] == 3


def test_auto_takes_any_other_model_where_the_cheap_ones_are_too_small(small_models: Pipeline) -> None:
    job = create(small_models, prompt(small_models, 4_500), model="auto")
    assert job.model not in {"tiny", "roomy", "talkative"}


def test_an_image_takes_more_room_than_its_address_has_letters(small_models: Pipeline) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://shop.example/1.png"}}
    rows: list[dict[str, Any]] = [{"prompt": "Say it."}, {"messages": [{"role": "user", "content": [image]}]}]
    assert create(small_models, small_models.source(rows, "images.jsonl"), model="auto").model not in {"tiny", "roomy"}


def test_a_limit_on_answers_leaves_more_room_for_the_prompt(small_models: Pipeline) -> None:
    source = prompt(small_models, 250)
    assert create(small_models, source, model="auto").model == "roomy"
    assert create(small_models, source, model="auto", options={"max_output_tokens": 10}).model == "tiny"


def test_responses_can_be_asked_from_models_without_chat(small_models: Pipeline) -> None:
    source = small_models.prompts(1)
    assert create(small_models, source, model="auto", endpoint=Endpoint.RESPONSES).model == "talkative"
    with pytest.raises(InvalidModelError, match="talkative lacks CHAT"):
        create(small_models, source, model="talkative")


def test_a_named_job_keeps_the_model_that_auto_chose(small_models: Pipeline) -> None:
    source = small_models.prompts(1)
    first = create(small_models, source, model="auto", name="nightly")
    dearer = CATALOG.replace('"0.001"', '"90"')
    path = small_models.services.settings.model_catalog
    assert path is not None
    path.write_text(dearer, encoding="utf-8")
    with Services(Settings.model_validate(small_models.environment)) as services:
        request = JobRequest("prompt", source, model="auto", name="nightly")
        again = services.processor.create_job(request)
        assert services.processor.create_job(JobRequest("prompt", source, model="auto")).model == "roomy"
    assert again == first

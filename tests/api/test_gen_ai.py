"""`/api/v1/gen-ai` over HTTP: models and policies, and the services that a person talks to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import orjson
import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.api.background import BackgroundWork
from batchgen.data_types.declared.declaration import parse_declaration
from batchgen.lifecycle import BatchStatus
from batchgen.models import Usage
from batchgen.money import dollars
from batchgen.simulator import Answer, AnswerRequest

from .receiver import serving

PATH = "/api/v1/gen-ai"
KEY = "a-key-of-sixteen-characters"
Api = httpx.Client
Start = Callable[..., AbstractContextManager[tuple[Api, Pipeline]]]


@pytest.fixture
def start(start_pipeline: StartPipeline, background: BackgroundWork) -> Start:
    """A server on a pipeline of its own, and a client whose paths are those of the services."""

    @contextmanager
    def started(script: Any = None, **settings: Any) -> Iterator[tuple[Api, Pipeline]]:
        pipeline = start_pipeline(script, **settings)
        with serving(pipeline, background) as running, httpx.Client(base_url=running.url + PATH, timeout=30) as api:
            yield api, pipeline

    return started


@pytest.fixture
def api(start: Start) -> Iterator[Api]:
    with start() as (client, _):
        yield client


SAMPLE: list[dict[str, Any]] = [
    {"name": "Mug", "material": "stoneware", "price": 14.9},
    {"name": "Jug", "material": "glass", "price": None},
]
DRAFT: dict[str, Any] = {
    "type_name": "Shop texts",
    "summary": "Texts for a shop",
    "instructions": "You write texts for a shop.",
    "template": "Write about {{ name }}, of {{ row['material'] }}.",
    "columns_used": ["name", "material"],
    "unchanged_columns": ["price"],
    "output_fields": [
        {
            "field_name": "title",
            "field_type": "text",
            "purpose": "A title.",
            "max_length": 80,
            "choices": None,
            "language": None,
            "required": True,
        }
    ],
    "forbidden_words": ["best price"],
    "numbers_from_source": False,
}


def said(*answers: Any) -> Callable[[AnswerRequest], Answer]:
    """A model that says these, one after the other, to requests outside a batch."""
    left = list(answers)

    def script(request: AnswerRequest) -> Answer:
        if request.batch_id is not None:
            return Answer("fine")
        answer = left.pop(0)
        return answer if isinstance(answer, Answer) else Answer(answer if isinstance(answer, str) else dumped(answer))

    return script


def dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


def called(name: str, **arguments: Any) -> Answer:
    return Answer(tool_calls=((name, dumped(arguments)),))


# Models and policies


def test_the_models_are_listed_and_narrowed_by_tier(api: Api) -> None:
    listed = api.get("/models").json()
    models = {model["model_id"]: model for model in listed["models"]}
    assert listed["total"] == len(models) > 10
    mini = models["gpt-4o-mini"]
    assert (mini["tier"], mini["input_price_per_1m"], mini["output_price_per_1m"]) == ("MINI", 0.15, 0.6)
    small = api.get("/models", params={"tier": "MINI"}).json()
    assert {model["tier"] for model in small["models"]} == {"MINI"}
    assert api.get("/models", params={"tier": "HUGE"}).status_code == 422


@pytest.mark.parametrize("service", ["strategy_builder", "narrative_report", "chat_ops", "product", "test_code"])
def test_the_models_of_a_service_match_its_policy(start: Start, service: str) -> None:
    with start() as (api, pipeline):
        told = api.get(f"/models/{service}").json()
        policy = pipeline.services.policies.get(service)
    assert (told["service_name"], told["default_model"]) == (service, policy.default_model)
    assert policy.default_model in {model["model_id"] for model in told["allowed_models"]}
    for model in told["allowed_models"]:
        assert model["tier"] in policy.allowed_tiers
        assert policy.required_capabilities <= set(model["capabilities"])


def test_a_service_that_is_not_there_is_told(api: Api) -> None:
    told = api.get("/models/nothing")
    assert (told.status_code, told.json()["error"]["code"]) == (404, "unknown_service")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/strategies", {"description": "texts", "sample": SAMPLE}),
        ("/reports", {"job_id": "shoes"}),
        ("/chat", {"message": "hello"}),
    ],
)
@pytest.mark.parametrize("model", ["text-embedding-3-small", "gpt-9"])
def test_a_model_that_is_not_allowed_is_refused_and_nothing_is_asked(
    start: Start, path: str, body: dict[str, Any], model: str
) -> None:
    with start() as (api, pipeline):
        told = api.post(path, json=body | {"model_id": model})
        assert pipeline.simulator.control.billing()["sync_requests"] == 0
    assert told.status_code == 400
    assert model in told.json()["error"]["message"]


# Strategies


def test_models_are_listed_one_is_chosen_and_a_strategy_is_built_and_run(start: Start) -> None:
    with start() as (api, pipeline):
        assert "gpt-4o-mini" in [model["model_id"] for model in api.get("/models").json()["models"]]
        body = {"description": "Texts for a web shop", "sample": SAMPLE, "model_id": "gpt-4o-mini", "name": "mugs"}
        built = api.post("/strategies", json=body)
        assert built.status_code == 200, built.text
        told = built.json()
        assert (told["name"], told["spent"]["model"], told["spent"]["simulated"]) == ("mugs", "gpt-4o-mini", True)
        assert len(told["prompts"]) == 2
        declaration = parse_declaration(told["declaration_yaml"], "mugs.yaml").model_dump(mode="json")
        batch = pipeline.run(pipeline.source(SAMPLE), "mugs", options={"declaration": declaration})
        assert (batch.status, batch.accepted) == (BatchStatus.READY_FOR_REVIEW, 2)


NONSENSE: dict[str, tuple[Any, str]] = {
    "no JSON": ("Sure! Here is your type.", "JSON"),
    "another form": ({"name": "x"}, "type_name"),
    "a column that is not there": (DRAFT | {"columns_used": ["colour"]}, "no column 'colour'"),
    "no template": (DRAFT | {"template": "{{ name "}, "no template"),
    "a template that shows nothing": (DRAFT | {"template": "Write a text."}, "shows nothing of the row"),
    "a template that breaks": (DRAFT | {"template": "{{ name.nothing.more }}"}, "template"),
    "no fields": (DRAFT | {"output_fields": []}, "fields"),
    "a field twice": (DRAFT | {"output_fields": DRAFT["output_fields"] * 2}, "named twice"),
    "a field that must not change": (
        DRAFT | {"unchanged_columns": ["name"], "output_fields": [{**DRAFT["output_fields"][0], "field_name": "name"}]},
        "only one",
    ),
    "a rule that is none": (DRAFT | {"forbidden_words": ["/(/"]}, "regular expression"),
}


@pytest.mark.parametrize(("answer", "told"), NONSENSE.values(), ids=NONSENSE)
def test_a_draft_that_cannot_be_run_is_corrected(start: Start, answer: Any, told: str) -> None:
    with start(said(answer, DRAFT)) as (api, pipeline):
        built = api.post("/strategies", json={"description": "texts", "sample": SAMPLE}).json()
        assert (built["tries"], built["name"]) == (2, "shop_texts")
        assert built["prompts"] == ["Write about Mug, of stoneware.", "Write about Jug, of glass."]
        assert pipeline.simulator.control.billing()["sync_requests"] == 2
    with start(said(answer, answer, answer)) as (api, _):
        failed = api.post("/strategies", json={"description": "texts", "sample": SAMPLE})
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "model_nonsense")
    assert told in failed.json()["error"]["message"]


@pytest.mark.parametrize(
    "template",
    [
        "{{ name }}{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{{ name }}{{ 'x' * 10 ** 11 }}",
        "{{ name }}{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
    ],
    ids=["without end", "without bounds", "in itself"],
)
def test_a_template_that_takes_too_much_is_corrected_while_others_are_answered(start: Start, template: str) -> None:
    with start(said(DRAFT | {"template": template}, DRAFT)) as (api, _), ThreadPoolExecutor() as threads:
        built = threads.submit(api.post, "/strategies", json={"description": "texts", "sample": SAMPLE})
        assert api.get("/models", timeout=5).status_code == 200
        assert built.result().json()["tries"] == 2


@pytest.mark.parametrize(("model", "room"), [("gpt-4o-mini", 2_000), ("gpt-5-mini", 27_000)])
def test_a_model_that_thinks_has_room_for_it_beside_its_answer(start: Start, model: str, room: int) -> None:
    """What it thinks counts against the limit, and would leave an answer that was paid for cut off."""
    seen = []

    def script(request: AnswerRequest) -> Answer:
        seen.append(request.body["max_completion_tokens"])
        return Answer(dumped(DRAFT))

    with start(script) as (api, _):
        asked = {"description": "texts", "sample": SAMPLE, "model_id": model}
        assert api.post("/strategies", json=asked).status_code == 200
    assert seen == [room]


# Reports


def written(text: str) -> dict[str, Any]:
    return {"title": "A batch of {records}", "sections": [{"heading": "Outcome", "text": text}]}


GOOD = written("Of {records} records {accepted} are accepted ({accepted_share}), for {cost}.")


def test_a_report_states_what_is_stored(start: Start) -> None:
    with start(said(GOOD, GOOD)) as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(1_001))
        told = api.post("/reports", json={"job_id": batch.job_id}).json()
        same = api.post("/reports", json={"batch_id": batch.batch_id}).json()
    figures = {figure["name"]: figure["shown"] for figure in told["figures"]}
    assert figures == {
        "records": "1,001",
        "accepted": "1,001",
        "accepted_share": "100.0 %",
        "cost": f"${dollars(batch.cost_usd)}",
    }
    assert told["markdown"].startswith("# A batch of 1,001\n\n## Outcome\n\nOf 1,001 records 1,001 are accepted")
    assert same["markdown"] == told["markdown"]


@pytest.mark.parametrize(
    "text",
    [
        "About 990 were accepted.",
        "Nearly ninety percent.",
        "{acceptance} of them.",
        "½ of it",
        "٣ records",
        "",
        "It saved a third.",
    ],
)
def test_a_figure_that_nobody_stored_is_not_passed_on(start: Start, text: str) -> None:
    with start(said(written(text), GOOD)) as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(2))
        told = api.post("/reports", json={"job_id": batch.job_id})
        assert told.status_code == 200
        assert "Of 2 records" in told.json()["markdown"]
    with start(said(*[written(text)] * 3)) as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(2))
        failed = api.post("/reports", json={"job_id": batch.job_id})
    assert (failed.status_code, failed.json()["error"]["code"]) == (502, "model_nonsense")


def test_a_report_by_the_simulator_and_on_nothing(start: Start) -> None:
    with start() as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(3))
        assert api.post("/reports", json={"job_id": batch.job_id}).json()["markdown"].startswith("# ")
        assert api.post("/reports", json={"job_id": "nobody"}).status_code == 404
        assert api.post("/reports", json={"batch_id": "nobody-0001"}).status_code == 404
        assert api.post("/reports", json={}).status_code == 422


# Chat


def test_a_question_is_answered_from_what_is_stored(start: Start) -> None:
    with start() as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(7))
        told = api.post("/chat", json={"message": f"How many records has job {batch.job_id}, and what did it cost?"})
        assert told.status_code == 200, told.text
        listed = api.post("/chat", json={"message": "List the newest jobs."}).json()
        spent = api.post("/chat", json={"message": "What was spent by model and month?"}).json()
    assert spent["looked_up"] == ["sum_costs"]
    assert told.json()["looked_up"] == ["get_job"]
    assert "records 7" in told.json()["answer"]
    assert listed["looked_up"] == ["list_jobs"]
    assert batch.job_id in listed["answer"]


def test_an_invented_figure_is_asked_for_again_and_then_told(start: Start) -> None:
    wrong = Answer("It had 991 records, 100 % of them fine.")
    with start(said(called("list_jobs"), wrong, Answer("It had 2 records, 100 % of them fine."))) as (api, pipeline):
        batch = pipeline.run(pipeline.prompts(2))
        told = api.post("/chat", json={"message": f"And {batch.job_id}?"})
    assert told.status_code == 502  # nothing told the second answer's share either
    with start(said(called("list_jobs"), wrong, Answer("It had 2 records."))) as (api, pipeline):
        pipeline.run(pipeline.prompts(2))
        told = api.post("/chat", json={"message": "How many?"})
    assert (told.status_code, told.json()["answer"]) == (200, "It had 2 records.")


@pytest.mark.parametrize(
    "call",
    [
        called("delete_job", job_id="x"),
        called("get_job"),
        called("get_job", job_id="nobody"),
        called("list_jobs", limit=1e9),
    ],
)
def test_a_call_that_cannot_be_carried_out_is_told_to_the_model(start: Start, call: Answer) -> None:
    with start(said(call, Answer("I could not look it up."))) as (api, _):
        told = api.post("/chat", json={"message": "What is stored?"})
    assert (told.json()["answer"], told.json()["looked_up"]) == ("I could not look it up.", [])


def test_a_model_that_calls_without_end_has_to_answer(start: Start) -> None:
    with start(said(*[called("list_jobs")] * 6, Answer("Enough."))) as (api, pipeline):
        assert api.post("/chat", json={"message": "hello"}).json()["answer"] == "Enough."
        assert pipeline.simulator.control.billing()["sync_requests"] == 7


def test_what_was_said_before_is_known(start: Start) -> None:
    seen = []

    def script(request: AnswerRequest) -> Answer:
        seen.append([message["content"] for message in request.body["messages"]][1:])
        return Answer("Yes, 14.")

    with start(script) as (api, _):
        history = [{"role": "user", "content": "I have 14 mugs."}, {"role": "assistant", "content": "Good."}]
        told = api.post("/chat", json={"message": "How many?", "history": history})
    assert told.json()["answer"] == "Yes, 14."
    assert seen == [["I have 14 mugs.", "Good.", "How many?"]]


def test_every_model_of_the_chat_is_asked_so_that_it_takes_tools(start: Start) -> None:
    with start() as (api, _):
        allowed = [model["model_id"] for model in api.get("/models/chat_ops").json()["allowed_models"]]
        for model in allowed:
            told = api.post("/chat", json={"message": "List the newest jobs.", "model_id": model})
            assert (told.status_code, told.json().get("looked_up")) == (200, ["list_jobs"]), (model, told.text)
    assert {"gpt-4o", "gpt-5.6-sol", "gpt-6-sol"} <= set(allowed)
    assert not {"gpt-6-astra", "gpt-6.1-sol"} & set(allowed)


def test_two_models_stand_side_by_side(start: Start) -> None:
    with start(said("gpt-4o costs 2.5, gpt-4o-mini 0.15 a million tokens.")) as (api, _):
        compare = {"kind": "models", "left": "gpt-4o", "right": "gpt-4o-mini"}
        told = api.post("/chat", json={"compare": compare}).json()
        assert api.post("/chat", json={"compare": compare | {"left": "gpt-9"}}).status_code == 400
    rows = {row["property"]: (row["left"], row["right"]) for row in told["comparison"]["rows"]}
    assert rows["input_price_per_1m"] == (2.5, 0.15)
    assert rows["tier"] == ("STANDARD", "MINI")


def test_two_jobs_and_two_strategies_stand_side_by_side(start: Start) -> None:
    with start() as (api, pipeline):
        jobs = [pipeline.run(pipeline.prompts(count, f"{count}.jsonl")).job_id for count in (2, 5)]
        compare = {"kind": "jobs", "left": jobs[0], "right": jobs[1]}
        told = api.post("/chat", json={"compare": compare}).json()
        rows = {row["property"]: (row["left"], row["right"]) for row in told["comparison"]["rows"]}
        assert rows["records"] == (2, 5)
        drafted = api.post("/strategies", json={"description": "texts", "sample": SAMPLE}).json()["declaration_yaml"]
        compare = {"kind": "strategies", "left": drafted, "right": drafted.replace("gpt", "gpt")}
        told = api.post("/chat", json={"compare": compare}).json()
        assert all(row["left"] == row["right"] for row in told["comparison"]["rows"])
        for broken in ("- 1", "[" * 50_000, drafted.replace("prompt:", f"prompt: '{'{{' + '(' * 5_000}'\ncolour:")):
            assert api.post("/chat", json={"compare": compare | {"left": broken}}).status_code == 400


# What it costs


def completion(message: Any, *, reasoning: int = 0) -> Answer:
    """An answer of a server that gives all of them one id, and what it billed for it."""
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    body = {"id": "chatcmpl-0", "choices": [{"message": message}], "usage": usage, "system_fingerprint": "fp_simulator"}
    return Answer(body=body, input_tokens=100, output_tokens=20)


def test_every_call_of_the_services_is_booked_as_it_was_billed(start: Start) -> None:
    fine = completion({"content": "Nothing is stored."}, reasoning=15)
    unreadable = completion(None)
    with start(said(fine, fine, unreadable)) as (api, pipeline):
        statuses = [api.post("/chat", json={"message": "hello"}).status_code for _ in range(3)]
        billed = pipeline.simulator.control.billing()
        entries = list(pipeline.services.ids.costs())
    assert statuses == [200, 200, 502]
    booked = sum((entry.usage for entry in entries), Usage())
    assert (booked.input_tokens, booked.output_tokens) == (billed["input_tokens"], billed["output_tokens"]) == (300, 60)
    assert booked.reasoning_tokens == 30
    assert {(entry.service, entry.simulated) for entry in entries} == {("chat_ops", True)}


# What the model's side does


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (Answer(refusal="No."), 502),
        (Answer("cut", finish_reason="length"), 502),
        (Answer(body={"choices": []}), 502),
        (Answer(body={"choices": [{"message": None}]}), 502),
        (Answer(""), 502),
        (Answer(status=400, error_message="bad"), 502),
    ],
)
def test_what_the_server_says_wrong_is_told(start: Start, answer: Answer, status: int) -> None:
    with start(lambda _: answer) as (api, _):
        assert api.post("/chat", json={"message": "hello"}).status_code == status


@pytest.mark.parametrize(("status", "told"), [(401, 502), (404, 502), (500, 503)])
def test_the_key_that_a_server_repeats_is_not_passed_on(start: Start, status: int, told: int) -> None:
    key = "sk-secret-of-the-team"
    with start(OPENAI_API_KEY=key) as (api, pipeline):
        message = f"Incorrect API key provided: {key}. Find yours on the account page."
        pipeline.simulator.control.fault("chat.completions", "error", status=status, message=message, times="always")
        failed = api.post("/chat", json={"message": "hello"})
    assert failed.status_code == told
    assert "Incorrect API key provided: ***." in failed.json()["error"]["message"]
    assert key not in failed.text


def test_a_server_that_is_away_or_refuses_the_key_is_told(start: Start) -> None:
    with start() as (api, pipeline):
        pipeline.simulator.control.fault("chat.completions", "error", status=401, message="no", times="always")
        assert api.post("/chat", json={"message": "hello"}).status_code == 502
    with start(OPENAI_BASE_URL="http://127.0.0.1:1/v1") as (api, _):
        assert api.post("/chat", json={"message": "hello"}).status_code == 503

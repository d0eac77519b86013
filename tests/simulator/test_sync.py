"""Requests outside a batch, models, and keys."""

import time
from typing import Any

import openai
import pytest
from openai import OpenAI

from batchgen.simulator import Answer

from .lab import Lab, running


def test_a_chat_completion_is_answered(lab: Lab) -> None:
    made = lab.client.chat.completions.create(
        model="gpt-4o-mini", messages=[{"role": "user", "content": "Tell me about rivers"}]
    )
    assert "rivers" in (made.choices[0].message.content or "")
    assert (made.system_fingerprint or "").startswith("fp_simulator")
    assert lab.control.billing()["sync_requests"] == 1


def test_a_response_is_answered_and_marked(lab: Lab) -> None:
    made = lab.client.responses.create(model="gpt-4.1-mini", input="Tell me about rivers", instructions="Be brief.")
    assert "rivers" in made.output_text
    assert made.status == "completed"
    assert str(made.to_dict()["system_fingerprint"]).startswith("fp_simulator")


def test_reasoning_models_report_reasoning_tokens(lab: Lab) -> None:
    made = lab.client.responses.create(model="o4-mini", input="Think")
    assert made.usage is not None
    assert made.usage.output_tokens == 2 * made.usage.output_tokens_details.reasoning_tokens > 0
    assert [item.type for item in made.output] == ["reasoning", "message"]


def test_long_prompts_are_half_cached(lab: Lab) -> None:
    made = lab.client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "abcd" * 2048}])
    assert made.usage is not None
    assert made.usage.prompt_tokens == 2048
    assert made.usage.prompt_tokens_details is not None
    assert made.usage.prompt_tokens_details.cached_tokens == 1024


def test_an_answer_over_the_token_limit_is_cut(lab: Lab) -> None:
    prompt: Any = [{"role": "user", "content": "hello"}]
    chat = lab.client.chat.completions.create(model="gpt-4o", messages=prompt, max_completion_tokens=2)
    assert chat.usage is not None
    assert (chat.choices[0].finish_reason, chat.usage.completion_tokens) == ("length", 2)
    response = lab.client.responses.create(model="gpt-4o", input="hello", max_output_tokens=2)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"


def test_a_refusal_in_a_response_is_a_part_of_its_own() -> None:
    with running(script=lambda _: Answer(refusal="No.")) as lab:
        made: Any = lab.client.responses.create(model="gpt-4o", input="hello")
    assert made.output[0].content[0].refusal == "No."


def test_embeddings_are_unit_vectors_that_depend_on_their_text(lab: Lab) -> None:
    made = lab.client.embeddings.create(model="text-embedding-3-large", input=["a", "b", "a"], dimensions=256)
    first, second, third = (item.embedding for item in made.data)
    assert first == third != second
    assert len(first) == 256
    assert sum(value * value for value in first) == pytest.approx(1.0, abs=1e-5)
    plain = lab.client.embeddings.create(model="text-embedding-3-small", input="a", encoding_format="float")
    assert len(plain.data[0].embedding) == 1536


def test_models_are_listed_and_found(lab: Lab) -> None:
    listed = {model.id for model in lab.client.models.list()}
    assert {"gpt-4o-mini", "gpt-4o", "gpt-4.1-nano", "gpt-5-mini", "o3", "text-embedding-3-small"} <= listed
    assert lab.client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        lab.client.models.retrieve("gpt-imaginary")


def test_small_answers_are_not_held_back_by_the_network(lab: Lab) -> None:
    started = time.monotonic()
    for _ in range(50):
        lab.client.models.retrieve("gpt-4o-mini")
    assert time.monotonic() - started < 50 * 0.03  # Nagle's delay alone would be 40 ms each


@pytest.mark.parametrize("key", ["sk-wrong", "sk-invalid-123"])
def test_wrong_keys_are_refused_without_repeating_them(lab: Lab, key: str) -> None:
    key += "-the-secret-part"
    with (
        OpenAI(base_url=lab.base_url, api_key=key, max_retries=0) as client,
        pytest.raises(openai.AuthenticationError) as refused,
    ):
        client.models.list()
    assert refused.value.code == "invalid_api_key"
    assert "secret-part" not in str(refused.value)


def test_a_missing_key_is_refused(lab: Lab) -> None:
    with (
        OpenAI(base_url=lab.base_url, api_key=" ", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError, match="didn't provide an API key"),
    ):
        client.with_options(default_headers={"authorization": ""}).models.list()


def test_one_key_can_be_the_only_one() -> None:
    with running(config={"api_key": "sk-test"}) as lab:
        assert lab.client.models.list().data
        assert "sk-test" not in str(lab.control.config())
        with (
            OpenAI(base_url=lab.base_url, api_key="sk-other", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError),
        ):
            client.models.list()


def test_an_unknown_path_is_a_404(lab: Lab) -> None:
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        lab.client.post("/nowhere", cast_to=object)

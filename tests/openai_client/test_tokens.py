"""Token counts without a network, never under what OpenAI counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.models import Endpoint, Prompt
from batchgen.openai_client.tokens import REQUEST_OVERHEAD, count_tokens, counter_for


@pytest.mark.parametrize(("model", "tokens"), [("gpt-4o-mini", 8), ("gpt-5", 8), ("gpt-4-turbo", 9)])
def test_words_are_counted_by_the_vocabulary_of_the_model(model: str, tokens: int) -> None:
    line = "お誕生日おめでとう".encode()  # the example of OpenAI's cookbook
    assert counter_for(model)(line) == tokens + REQUEST_OVERHEAD


@pytest.mark.parametrize("model", ["gpt-4", "gpt-4-turbo", "gpt-3.5-turbo"])
def test_older_models_share_a_vocabulary(model: str) -> None:
    line = "안녕하세요".encode()
    assert counter_for(model)(line) > counter_for("gpt-4.1")(line)


def test_control_words_in_a_text_are_just_text() -> None:
    assert counter_for("gpt-4o")(b"<|endoftext|>") > REQUEST_OVERHEAD + 1


@given(st.text(max_size=200))
def test_a_request_counts_at_least_as_much_as_its_text(text: str) -> None:
    count = counter_for("gpt-4o-mini")
    line = Prompt([{"role": "user", "content": text}]).line("job-0001:0", "gpt-4o-mini", Endpoint.CHAT)
    assert count(line) >= count(text.encode()) - REQUEST_OVERHEAD


@given(st.text(max_size=200))
def test_a_text_alone_counts_as_it_does_in_a_request(text: str) -> None:
    encodable = text.encode("utf-8", "replace")
    assert count_tokens(encodable.decode()) == counter_for("gpt-4o")(encodable) - REQUEST_OVERHEAD


@pytest.mark.parametrize("part", ["x = 1\n", "€", " ", "\U0001f9ea", "\x01"])
def test_a_text_may_be_of_any_length(part: str) -> None:
    assert count_tokens("") == 0
    assert 0 < count_tokens(part * 300_000) <= 300_000 * len(part.encode())

"""Who may call, how often, and with how much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.api.background import BackgroundWork

from .receiver import Receiver, serving

KEYS = ("a-key-of-sixteen-characters", "another-key-of-that-length")
MODELS = "/api/v1/gen-ai/models"


@pytest.fixture
def guarded(start_pipeline: StartPipeline, background: BackgroundWork) -> Iterator[Receiver]:
    """A server with two keys, each of which may call three times an hour."""
    pipeline: Pipeline = start_pipeline(BATCHGEN_API_KEYS=", ".join(KEYS), BATCHGEN_API_RATE="3/hour")
    with serving(pipeline, background) as running:
        yield running


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEYS[0]}"},
        {"X-API-Key": KEYS[0][:-1]},
        {"X-API-Key": ", ".join(KEYS)},
        {"X-API-Key": "é"},
    ],
)
def test_without_a_right_key_nothing_is_told(guarded: Receiver, headers: dict[str, str]) -> None:
    encoded = {name.encode(): value.encode() for name, value in headers.items()}
    told = httpx.get(guarded.url + MODELS, headers=encoded)
    assert (told.status_code, told.headers["www-authenticate"]) == (401, "Bearer")
    assert told.json()["error"]["code"] == "unauthorized"
    assert httpx.get(f"{guarded.url}/health").status_code == 200


def test_each_key_has_a_limit_of_its_own(guarded: Receiver) -> None:
    def call(headers: dict[str, str]) -> httpx.Response:
        return httpx.get(guarded.url + MODELS, headers=headers)

    first, second = {"Authorization": f"Bearer {KEYS[0]}"}, {"X-API-Key": KEYS[1]}
    assert [call(first).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = call(first)
    assert 3_000 < int(refused.headers["retry-after"]) <= 3_600
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert call(second).status_code == 200


@pytest.mark.parametrize("said", [True, False])
def test_a_body_that_is_too_large_is_turned_away(receiver: Receiver, said: bool) -> None:
    body = b'{"message": "' + b"x" * 1_000_000 + b'"}'
    content: Any = body if said else iter([body[:500_000], body[500_000:]])
    told = httpx.post(f"{receiver.url}/api/v1/gen-ai/chat", content=content)
    assert (told.status_code, told.json()["error"]["code"]) == (413, "content_too_large")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b'{"message": "\\ud800"}', b'{"message": "x", "more": 1}', b'{"message": 1e999}'],
)
def test_a_body_of_another_form_is_told(receiver: Receiver, body: bytes) -> None:
    told = httpx.post(f"{receiver.url}/api/v1/gen-ai/chat", content=body, headers={"Content-Type": "application/json"})
    assert told.status_code in {400, 422}
    assert told.json()["error"]["remedy"] or told.json()["error"]["message"]

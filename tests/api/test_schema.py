"""The HTTP API is what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pipeline import StartPipeline
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from batchgen.api.background import BackgroundWork

from .receiver import SECRET, Receiver, serving

EXAMPLES = 15
"""For each endpoint."""
INTERNAL = 500
HELD = [status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def open_server(start_pipeline: StartPipeline, background: BackgroundWork) -> Iterator[Receiver]:
    """A server that takes as many calls as are made."""
    with serving(start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET, BATCHGEN_API_RATE="9999/second"), background) as running:
        yield running


@pytest.fixture
def document(open_server: Receiver) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{open_server.url}/openapi.json")


def test_every_answer_is_one_that_is_described(document: schemathesis.BaseSchema) -> None:
    tried = set()
    for found in document.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        tried.add(operation.label)

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        def holds(case: schemathesis.Case[Any]) -> None:
            answer = case.call()
            assert answer.status_code != INTERNAL, answer.text
            case.validate_response(answer, checks=HELD)

        holds()
    assert "POST /api/v1/gen-ai/chat" in tried


def test_every_endpoint_and_answer_is_described(receiver: Receiver) -> None:
    document = httpx.get(f"{receiver.url}/openapi.json").json()
    assert set(document["paths"]) == {
        "/health",
        "/ready",
        "/metrics",
        "/webhooks/openai",
        "/api/v1/gen-ai/models",
        "/api/v1/gen-ai/models/{service_name}",
        "/api/v1/gen-ai/strategies",
        "/api/v1/gen-ai/reports",
        "/api/v1/gen-ai/chat",
    }
    for path, methods in document["paths"].items():
        for method in methods.values():
            assert method["description"]
            if path.startswith("/api"):
                assert method["security"]
                assert {"200", "401", "422", "429"} <= method["responses"].keys()

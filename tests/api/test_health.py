"""`GET /ready` tells whether Redis and S3 answer, and which does not; `/health` and `/metrics` answer without them."""

from __future__ import annotations

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pipeline import StartPipeline

from batchgen.api.background import BackgroundWork
from batchgen.api.problems import add_problem_handlers

from .receiver import SECRET, Receiver, serving


def test_it_is_well_while_redis_and_s3_answer(receiver: Receiver) -> None:
    answer = httpx.get(f"{receiver.url}/ready")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "away": []})


def test_it_names_what_is_away(start_pipeline: StartPipeline, background: BackgroundWork) -> None:
    pipeline = start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET, REDIS_URL="redis://127.0.0.1:1/0")
    with serving(pipeline, background) as receiver:
        answer = httpx.get(f"{receiver.url}/ready", timeout=20)
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["Redis"]})


def test_a_redis_that_was_lost_is_not_the_one_it_knows(receiver: Receiver) -> None:
    httpx.get(f"{receiver.url}/ready")
    services = receiver.pipeline.services
    services.ids.for_recovery().begin_epoch()
    answer = httpx.get(f"{receiver.url}/ready")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["Redis"]})


def test_it_names_a_bucket_that_is_gone(start_pipeline: StartPipeline, background: BackgroundWork) -> None:
    pipeline = start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET, BATCHGEN_S3_BUCKET="nowhere")
    with serving(pipeline, background) as receiver:
        answer = httpx.get(f"{receiver.url}/ready", timeout=20)
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["S3"]})


def test_the_process_answers_though_all_is_away(start_pipeline: StartPipeline, background: BackgroundWork) -> None:
    pipeline = start_pipeline(REDIS_URL="redis://127.0.0.1:1/0")
    with serving(pipeline, background) as receiver:
        assert httpx.get(f"{receiver.url}/health").json() == {"ok": True, "away": []}
        figures = httpx.get(f"{receiver.url}/metrics", timeout=20)
    assert figures.status_code == 200
    assert "batchgen_batches{" not in figures.text


def test_methods_that_somebody_makes_up_are_counted_as_one(receiver: Receiver) -> None:
    for method in ("MADE", "UP"):
        assert httpx.request(method, f"{receiver.url}/health").status_code == 405
    figures = httpx.get(f"{receiver.url}/metrics").text
    assert 'batchgen_http_requests_total{method="other",route="/health",status="405"} 2.0' in figures
    assert "MADE" not in figures


def test_a_defect_is_told_in_the_form_of_every_other_error() -> None:
    app = FastAPI()
    add_problem_handlers(app)

    @app.get("/")
    def broken() -> None:
        raise RuntimeError("sk-secret")

    told = TestClient(app, raise_server_exceptions=False).get("/")
    assert (told.status_code, told.json()["error"]["code"]) == (500, "internal_error")
    assert "secret" not in told.text


def test_requests_and_batches_are_counted(receiver: Receiver) -> None:
    receiver.ended()
    for path in ("/health", "/nowhere/1", "/nowhere/2"):
        httpx.get(receiver.url + path)
    told = httpx.get(f"{receiver.url}/metrics").text
    assert 'batchgen_http_requests_total{method="GET",route="/health",status="200"} 1.0' in told
    assert 'batchgen_http_requests_total{method="GET",route="none",status="404"} 2.0' in told
    assert 'batchgen_batches{status="PROCESSING"} 1.0' in told

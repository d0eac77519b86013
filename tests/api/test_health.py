"""`GET /health` tells whether Redis and S3 answer, and which does not."""

from __future__ import annotations

import httpx
from pipeline import StartPipeline

from batchgen.api.background import BackgroundWork

from .receiver import SECRET, Receiver, serving


def test_it_is_well_while_redis_and_s3_answer(receiver: Receiver) -> None:
    answer = httpx.get(f"{receiver.url}/health")
    assert (answer.status_code, answer.json()) == (200, {"ok": True, "away": []})


def test_it_names_what_is_away(start_pipeline: StartPipeline, background: BackgroundWork) -> None:
    pipeline = start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET, REDIS_URL="redis://127.0.0.1:1/0")
    with serving(pipeline, background) as receiver:
        answer = httpx.get(f"{receiver.url}/health", timeout=20)
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["Redis"]})


def test_a_redis_that_was_lost_is_not_the_one_it_knows(receiver: Receiver) -> None:
    httpx.get(f"{receiver.url}/health")
    services = receiver.pipeline.services
    services.ids.for_recovery().begin_epoch()
    answer = httpx.get(f"{receiver.url}/health")
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["Redis"]})


def test_it_names_a_bucket_that_is_gone(start_pipeline: StartPipeline, background: BackgroundWork) -> None:
    pipeline = start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET, BATCHGEN_S3_BUCKET="nowhere")
    with serving(pipeline, background) as receiver:
        answer = httpx.get(f"{receiver.url}/health", timeout=20)
    assert (answer.status_code, answer.json()) == (503, {"ok": False, "away": ["S3"]})

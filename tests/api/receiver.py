"""A running server of a pipeline, and OpenAI's side of a webhook: events signed as Standard Webhooks says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
from pipeline import Pipeline
from waiting import wait_until

from batchgen.api.app import build_app
from batchgen.api.background import BackgroundWork
from batchgen.api.server import ApiServer
from batchgen.models import Batch
from batchgen.stages.intake import JobRequest

KEY = secrets.token_bytes(32)
SECRET = "whsec_" + base64.b64encode(KEY).decode()


@dataclass(frozen=True)
class Event:
    """One delivery: the body and the headers that vouch for it."""

    body: bytes
    headers: dict[str, str]


def signed(body: bytes, *, key: bytes = KEY, age_s: float = 0) -> Event:
    """A body as OpenAI would have sent it so many seconds ago."""
    name, sent_at = f"wh_{secrets.token_hex(8)}", str(int(time.time() - age_s))
    digest = hmac.new(key, f"{name}.{sent_at}.".encode() + body, hashlib.sha256).digest()
    signature = f"v1,{base64.b64encode(digest).decode()}"
    return Event(body, {"webhook-id": name, "webhook-timestamp": sent_at, "webhook-signature": signature})


def event(openai_batch_id: str | None, kind: str = "batch.completed", **how: Any) -> Event:
    """The event that a batch has ended."""
    document = {
        "id": f"evt_{secrets.token_hex(8)}",
        "object": "event",
        "created_at": int(time.time()),
        "type": kind,
        "data": {"id": openai_batch_id},
    }
    return signed(orjson.dumps(document), **how)


@dataclass(frozen=True)
class Receiver:
    """A server at work on a pipeline."""

    pipeline: Pipeline
    url: str

    def post(self, delivery: Event) -> int:
        """Deliver; returns the status of the answer."""
        return httpx.post(f"{self.url}/webhooks/openai", content=delivery.body, headers=delivery.headers).status_code

    def ended(self, status: str = "completed") -> Batch:
        """A batch of two records that has ended at OpenAI, and that nobody has looked at since it was submitted."""
        job = self.pipeline.services.processor.create_job(JobRequest("prompt", self.pipeline.prompts(2)))
        batch = self.pipeline.services.processor.submit(job.batch_ids[0])
        control = self.pipeline.simulator.control
        wait_until(lambda: [each["status"] for each in control.billing()["batches"]] == [status])
        return batch

    def now(self, batch: Batch) -> Batch:
        """The batch as it stands."""
        return self.pipeline.services.ids.get(batch.batch_id)


@contextmanager
def serving(pipeline: Pipeline, background: BackgroundWork) -> Iterator[Receiver]:
    """A server in a thread; at the end its work is finished before the block is left."""
    server, ready = ApiServer(build_app(pipeline.services, background), host="127.0.0.1", port=0), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(ready=ready.set)))
    thread.start()
    try:
        assert ready.wait(10)
        yield Receiver(pipeline, server.url)
    finally:
        server.exit()
        thread.join()

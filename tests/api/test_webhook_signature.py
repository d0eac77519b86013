"""What OpenAI did not sign, or signed long ago, is refused, and nothing moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import httpx
import pytest

from batchgen.models import Batch

from .receiver import SECRET, Event, Receiver, event, signed


def without(name: str) -> Callable[[Event], Event]:
    return lambda good: Event(good.body, {key: value for key, value in good.headers.items() if key != name})


def with_header(name: str, value: str) -> Callable[[Event], Event]:
    return lambda good: Event(good.body, {**good.headers, name: value})


FORGERIES: dict[str, Callable[[Event], Event]] = {
    "another key": lambda good: signed(good.body, key=b"another"),
    "no key at all": lambda good: signed(good.body, key=b""),
    "sent six minutes ago": lambda good: signed(good.body, age_s=360),
    "sent in six minutes": lambda good: signed(good.body, age_s=-360),
    "tampered body": lambda good: dataclasses.replace(good, body=good.body.replace(b"completed", b"cancelled")),
    "another id": with_header("webhook-id", "wh_other"),
    "a time that is no number": with_header("webhook-timestamp", "today"),
    "no signature": without("webhook-signature"),
    "an empty signature": with_header("webhook-signature", ""),
    "no id": without("webhook-id"),
    "no time": without("webhook-timestamp"),
    "signed, but no JSON": lambda _: signed(b"batch.completed"),
    "signed, but no text": lambda _: signed(b"\xff\xfe"),
}


@pytest.fixture
def batch(receiver: Receiver) -> Batch:
    return receiver.ended()


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_it_is_refused_and_nothing_moves(receiver: Receiver, batch: Batch, forge: Callable[[Event], Event]) -> None:
    assert receiver.post(forge(event(batch.current.openai_batch_id))) == 400
    assert receiver.now(batch) == batch
    assert "batches.retrieve" not in receiver.pipeline.simulator.control.requests()


def test_a_signature_that_is_not_ascii_is_refused(receiver: Receiver, batch: Batch) -> None:
    good = event(batch.current.openai_batch_id)
    headers = {name.encode(): value.encode() for name, value in good.headers.items()}
    headers[b"webhook-signature"] = b"v1,\xe4"
    assert httpx.post(f"{receiver.url}/webhooks/openai", content=good.body, headers=headers).status_code == 400


@pytest.mark.parametrize(
    "document",
    [
        b"[]",
        b"null",
        b"{}",
        b'"batch.completed"',
        b'{"type": "batch.completed"}',
        b'{"type": "batch.completed", "data": {}}',
        b'{"type": "batch.completed", "data": {"id": ""}}',
        b'{"type": "batch.completed", "data": {"id": 1}}',
        b'{"type": "batch.completed", "data": ["batch_1"]}',
    ],
)
def test_a_signed_document_of_another_shape_is_ignored(
    receiver: Receiver, log: pytest.LogCaptureFixture, document: bytes
) -> None:
    assert receiver.post(signed(document)) == 200
    assert "webhook_ignored" in log.text
    assert "webhook_taken" not in log.text


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_a_megabyte_is_refused(receiver: Receiver, *, chunked: bool) -> None:
    large = signed(b" " * 1_000_001)
    body = iter([large.body]) if chunked else large.body
    assert httpx.post(f"{receiver.url}/webhooks/openai", content=body, headers=large.headers).status_code == 413


def test_neither_secret_nor_body_is_logged(receiver: Receiver, batch: Batch, log: pytest.LogCaptureFixture) -> None:
    receiver.post(event(batch.current.openai_batch_id, "batch.invented"))
    receiver.post(signed(b'{"private": "words"}', key=b"another"))
    receiver.post(signed(b"private words"))
    assert "webhook_refused" in log.text
    assert "private" not in log.text
    assert SECRET not in log.text

"""A pipeline with a webhook, and its server in a thread."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from pipeline import Pipeline, StartPipeline

from batchgen.api.background import BackgroundWork
from batchgen.logging import configure_library_logging

from .receiver import SECRET, Receiver, serving


@pytest.fixture
def hooked(start_pipeline: StartPipeline) -> Pipeline:
    """A pipeline whose settings know the webhook's secret."""
    return start_pipeline(OPENAI_WEBHOOK_SECRET=SECRET)


@pytest.fixture
def background() -> Iterator[BackgroundWork]:
    """Two threads and a short queue."""
    with BackgroundWork(threads=2, waiting=4) as work:
        yield work


@pytest.fixture
def receiver(hooked: Pipeline, background: BackgroundWork) -> Iterator[Receiver]:
    """The server, ready."""
    with serving(hooked, background) as running:
        yield running


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All events of batchgen, whatever a command before has made of its logger."""
    configure_library_logging()
    ours = logging.getLogger("batchgen")
    before = ours.handlers, ours.level, ours.propagate
    ours.handlers, ours.propagate = [caplog.handler], False
    ours.setLevel(logging.DEBUG)
    yield caplog
    ours.handlers, level, ours.propagate = before
    ours.setLevel(level)

"""`batchgen serve` as a process: what it needs, what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from command_line import Run
from pipeline import Pipeline
from waiting import wait_until

from batchgen.lifecycle import BatchStatus

from .receiver import SECRET, Receiver, event

COMMAND = [sys.executable, "-m", "batchgen.cli", "serve", "--port", "0", "--json"]


@contextmanager
def process(pipeline: Pipeline) -> Iterator[tuple[subprocess.Popen[str], Receiver]]:
    """The running command, once it has printed its document."""
    environment = {**os.environ, **pipeline.environment}
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout is not None
            document = json.loads("".join(iter(started.stdout.readline, "}\n")) + "}")
            assert document["webhook_url"] == document["url"] + "/webhooks/openai"
            yield started, Receiver(pipeline, document["url"])
        finally:
            started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_work_finish(hooked: Pipeline, number: signal.Signals) -> None:
    hooked.simulator.control.fault("files.content", "delay", seconds=1)
    with process(hooked) as (running, receiver):
        batch = receiver.ended()
        assert receiver.post(event(batch.current.openai_batch_id)) == 200
        wait_until(lambda: receiver.now(batch).status is BatchStatus.PRE_COMPLETED)
        running.send_signal(number)
        assert running.wait(timeout=20) == 0
        assert running.stdout is not None
        assert running.stdout.read() == ""
    assert receiver.now(batch).status is BatchStatus.READY_FOR_REVIEW


@pytest.mark.usefixtures("configured")
def test_without_keys_it_listens_on_this_machine_alone(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")  # nobody is asked before
    told = run("serve", "--host", "0.0.0.0", "--port", "0", "--json")  # noqa: S104 - refused
    assert (told.code, told.document["error"]["code"]) == (2, "usage")
    assert "BATCHGEN_API_KEYS" in told.document["error"]["remedy"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("name", "value"), [("BATCHGEN_API_KEYS", "short"), ("BATCHGEN_API_RATE", "often")])
def test_a_key_that_can_be_guessed_and_a_rate_that_is_none_are_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    told = run("doctor", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "invalid_setting")
    assert name in told.document["error"]["message"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("secret", ["whsec_", "whsec_!!!!", "whsec_QUJD!", " ", "whsec_geh\u00e4im"])
def test_a_secret_that_cannot_be_openais_is_refused(run: Run, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", secret)
    told = run("doctor", "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "invalid_setting")


@pytest.mark.usefixtures("configured")
def test_a_port_in_use_is_said_in_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_WEBHOOK_SECRET", SECRET)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        told = run("serve", "--port", str(taken.getsockname()[1]), "--json")
    assert (told.code, told.document["error"]["code"]) == (2, "usage")
    assert "in use" in told.document["error"]["message"]

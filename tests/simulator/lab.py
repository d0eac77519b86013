"""A running simulator with the SDK pointed at it, and the few steps that most tests need."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from openai import OpenAI
from openai.types import Batch

from batchgen.simulator import SimulatorServer

CHAT = "/v1/chat/completions"
FINAL = {"completed", "failed", "expired", "cancelled"}
DEADLINE_S = 20.0
Line = dict[str, Any]


def chat_line(custom_id: str, text: str = "Say something.", *, model: str = "gpt-4o-mini", **body: Any) -> Line:
    return request_line(custom_id, CHAT, model=model, messages=[{"role": "user", "content": text}], **body)


def request_line(custom_id: str, url: str, **body: Any) -> Line:
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": body}


def chat_lines(count: int) -> list[Line]:
    return [chat_line(f"id-{number}", f"Record {number}") for number in range(count)]


class Lab:
    def __init__(self, server: SimulatorServer, client: OpenAI) -> None:
        self.client = client
        self.control = server.control
        self.base_url = server.base_url

    def upload(self, lines: Iterable[Line | bytes]) -> str:
        raw = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines]
        return self.client.files.create(file=("input.jsonl", b"\n".join(raw)), purpose="batch").id

    def start(self, lines: Iterable[Line | bytes], *, endpoint: Any = CHAT, metadata: Any = None) -> Batch:
        return self.client.batches.create(
            input_file_id=self.upload(lines), endpoint=endpoint, completion_window="24h", metadata=metadata
        )

    def run(self, lines: Iterable[Line | bytes], *, endpoint: Any = CHAT, metadata: Any = None) -> Batch:
        return self.ended(self.start(lines, endpoint=endpoint, metadata=metadata))

    def ended(self, batch: Batch) -> Batch:
        return self.until(batch, lambda found: found.status in FINAL)

    def until(self, batch: Batch, condition: Callable[[Batch], bool]) -> Batch:
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            found = self.client.batches.retrieve(batch.id)
            if condition(found):
                return found
        raise AssertionError(f"{batch.id} stayed {found.status}: {found.request_counts}")

    def lines(self, file_id: str | None) -> list[Any]:
        """The parsed lines of an output or error file; none where there is no file."""
        if file_id is None:
            return []
        return [json.loads(line) for line in self.client.files.content(file_id).read().splitlines()]

    def output(self, batch: Batch) -> list[Any]:
        return self.lines(batch.output_file_id)

    def errors(self, batch: Batch) -> list[Any]:
        return self.lines(batch.error_file_id)

    def answers(self, batch: Batch) -> dict[str, str]:
        """custom_id → the text of its chat answer."""
        return {
            line["custom_id"]: line["response"]["body"]["choices"][0]["message"]["content"]
            for line in self.output(batch)
        }


@contextmanager
def running(**options: Any) -> Iterator[Lab]:
    """A simulator of its own, for tests that need a script or a data directory."""
    with (
        SimulatorServer(**options) as server,
        OpenAI(base_url=server.base_url, api_key="sk-test", max_retries=0) as client,
    ):
        yield Lab(server, client)

"""The data type `prompt` on a file of a given content."""

from pathlib import Path
from typing import Any

import orjson

from batchgen.data_types import parse_options
from batchgen.data_types.contract import BadRow, Feedback, Record
from batchgen.data_types.prompt import PROMPT
from batchgen.data_types.prompt.options import PromptOptions
from batchgen.models import Endpoint
from batchgen.sources.opened import OpenedSource


def options(**values: Any) -> PromptOptions:
    parsed = parse_options(PROMPT, values)
    assert isinstance(parsed, PromptOptions)
    return parsed


def fetch(folder: Path, name: str, content: str, **values: Any) -> list[Record | BadRow]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return list(PROMPT.fetcher().fetch(OpenedSource(name, path), options(**values)))


def fetch_rows(folder: Path, *rows: dict[str, Any], **values: Any) -> list[Record | BadRow]:
    lines = "".join(orjson.dumps(row).decode() + "\n" for row in rows)
    return fetch(folder, "prompts.jsonl", lines, **values)


def fetch_one(folder: Path, row: dict[str, Any], **values: Any) -> Record:
    [record] = fetch_rows(folder, row, **values)
    assert isinstance(record, Record), record
    return record


def body(record: Record, feedback: Feedback | None = None, **values: Any) -> dict[str, Any]:
    """The request for the record, as it is sent."""
    prompt = PROMPT.prompt_generator(options(**values)).prompt(record, feedback)
    sent: dict[str, Any] = orjson.loads(prompt.line("id", "m", Endpoint.CHAT))["body"]
    return sent

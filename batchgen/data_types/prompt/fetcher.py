"""Reads ready prompts: of each row only the columns that make the request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from batchgen.data_types.contract import BadRow, DataFetcherStrategy, Record
from batchgen.data_types.json_schema import as_schema
from batchgen.data_types.prompt.options import PromptOptions
from batchgen.data_types.tabular import RowProblem, is_missing, records
from batchgen.sources.opened import OpenedSource

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


class PromptFetcher(DataFetcherStrategy[PromptOptions]):
    """Rows with `prompt` or `messages`, and optionally `system`, `schema` and `max_output_tokens`."""

    def fetch(self, source: OpenedSource, options: PromptOptions) -> Iterator[Record | BadRow]:
        """Yield a record for each row; see docs/data-types.md for the columns."""
        return records(source, options, pick, names=COLUMNS)


def pick(values: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of the request that the row has."""
    prompt = values.get("prompt")
    if isinstance(prompt, str) and prompt and not prompt.isspace() and OTHERS.isdisjoint(values):
        return {"prompt": prompt}  # most rows of most sources; the rest of this costs a microsecond
    messages = values.get("messages")
    data: dict[str, Any]
    if is_missing(messages):
        data = {"prompt": text(prompt)}
    elif is_missing(prompt):
        data = {"messages": chat_messages(messages)}
    else:
        raise RowProblem("it has both prompt and messages")
    for name, check in EXTRAS:
        value = values.get(name)
        if not is_missing(value):
            try:
                data[name] = check(value)
            except ValueError as error:
                raise RowProblem(f"{name}: {error}") from None
    return data


def text(value: Any) -> str:
    """Return the prompt's text."""
    if is_missing(value):
        raise RowProblem("it has neither prompt nor messages")
    if not isinstance(value, str):
        raise RowProblem("prompt: it is not text")
    return value


def chat_messages(value: Any) -> list[dict[str, Any]]:
    """Return the chat messages, which a CSV holds as JSON text."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise RowProblem(f"messages: it is not JSON ({error.msg})") from None
    if not isinstance(value, list) or not value:
        raise RowProblem("messages: it is not a list of messages")
    for position, message in enumerate(value, 1):
        if problem := message_problem(message):
            raise RowProblem(f"messages: number {position} {problem}")
    return value


def message_problem(message: Any) -> str | None:
    """Say why this is no chat message, or None where it is one."""
    if not isinstance(message, dict):
        return "is not an object"
    role, content = message.get("role"), message.get("content")
    if not isinstance(role, str) or role not in ROLES:
        return f"has the role {role!r}, not one of {', '.join(sorted(ROLES))}"
    if not isinstance(content, str | list) and not message.get("tool_calls"):
        return "has no content"
    return None


def system_message(value: Any) -> str:
    """Return the text of the system message."""
    if not isinstance(value, str):
        raise ValueError("it is not text")  # noqa: TRY004 - as the checks beside it
    return value


def token_limit(value: Any) -> int:
    """Return the number of tokens; Parquet and CSV may hold it as 200.0 or text."""
    try:
        tokens = float(value)
    except (TypeError, ValueError):
        tokens = 0.0
    if isinstance(value, bool) or tokens < 1 or not tokens.is_integer():
        raise ValueError("it is not a whole number above 0")
    return int(tokens)


EXTRAS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("system", system_message),
    ("schema", as_schema),
    ("max_output_tokens", token_limit),
)
COLUMNS = ("prompt", "messages", *(name for name, _ in EXTRAS))
OTHERS = frozenset(COLUMNS) - {"prompt"}

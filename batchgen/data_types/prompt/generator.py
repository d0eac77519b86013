"""Turns a row into its request: the row's own values first, then the options'."""

from __future__ import annotations

from typing import Any

import orjson

from batchgen.data_types.contract import Feedback, PromptGenerator, Record
from batchgen.data_types.feedback import feedback_message
from batchgen.data_types.prompt.options import PromptOptions
from batchgen.models import Prompt


class ReadyPromptGenerator(PromptGenerator[PromptOptions]):
    """Sends what the row says."""

    def __init__(self, options: PromptOptions) -> None:
        super().__init__(options)
        self.system = options.system
        self.max_output_tokens = options.max_output_tokens
        self.plain = options.system is None and options.answer_schema is None and options.max_output_tokens is None
        # Serialised once, not for every record.
        self.schema = None if options.answer_schema is None else orjson.Fragment(orjson.dumps(options.answer_schema))

    def prompt(self, record: Record, feedback: Feedback | None = None) -> Prompt:
        """Return the request; with feedback, one more user message says what was wrong."""
        data = record.data
        messages: list[dict[str, Any]]
        if len(data) == 1 and self.plain and feedback is None:  # most rows of most sources
            return Prompt(data.get("messages") or [{"role": "user", "content": data["prompt"]}])
        get = data.get
        messages = get("messages") or [{"role": "user", "content": data["prompt"]}]
        system = get("system", self.system)
        if system:
            messages = [{"role": "system", "content": system}, *messages]
        if feedback is not None:
            messages = [*messages, feedback_message(feedback)]
        return Prompt(
            messages,
            schema=get("schema", self.schema),
            max_output_tokens=get("max_output_tokens", self.max_output_tokens),
        )

"""Keeps the answer as it came; where a schema was asked for, the answer must satisfy it."""

from __future__ import annotations

import orjson

from batchgen.data_types.contract import Accepted, Feedback, Record, Refused, ResultStrategy, Workplace
from batchgen.data_types.json_schema import AnswerSchema
from batchgen.data_types.prompt.options import PromptOptions


class PromptResultStrategy(ResultStrategy[PromptOptions]):
    """Refuses `invalid_json` and `schema_violation`, and those only where there is a schema."""

    def __init__(self, options: PromptOptions, workplace: Workplace | None = None) -> None:
        super().__init__(options, workplace)
        self.schema = None if options.answer_schema is None else AnswerSchema.of(options.answer_schema)

    def judge(self, record: Record, text: str, former: Feedback | None = None) -> Accepted | Refused:
        """Accept the text itself."""
        own = record.data.get("schema")
        schema = self.schema if own is None else AnswerSchema.of(own)
        if schema is None:
            return Accepted(text)
        try:
            answer = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            return Refused("invalid_json", f"The answer is not JSON: {error}")
        violation = schema.violation(answer)
        return Accepted(text) if violation is None else Refused("schema_violation", violation)

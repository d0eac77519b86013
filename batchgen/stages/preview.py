"""Asks for a few records through the ordinary API, and judges what comes: nothing is recorded, nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from batchgen.data_types import get_data_type, parse_options
from batchgen.data_types.contract import Accepted, BadRow, Record, ResultStrategy, Workplace
from batchgen.errors import BadSourceRow
from batchgen.models import Prompt
from batchgen.openai_client.answers import Answer, Failure, read_body
from batchgen.openai_client.policies import ModelPolicies
from batchgen.sources import open_source
from batchgen.stages.intake import JobRequest
from batchgen.stages.model_choice import choose_model
from batchgen.stages.workspace import Workspace

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from batchgen.openai_client.sync_calls import SyncCalls


@dataclass(frozen=True, slots=True)
class Previewed:
    """One record with its prompt, its answer and the verdict on it."""

    record_id: str
    messages: list[dict[str, Any]]
    answer: str = ""
    accepted: bool = False
    reason: str = ""
    detail: str = ""
    output: Any = None
    input_tokens: int = 0
    output_tokens: int = 0
    simulated: bool = False

    def document(self) -> dict[str, Any]:
        """The record as `--json` prints it."""
        return {
            "record_id": self.record_id,
            "messages": self.messages,
            "answer": self.answer,
            "accepted": self.accepted,
            "reason": self.reason,
            "detail": self.detail,
            "output": self.output,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens},
            "simulated": self.simulated,
        }


class Previewer:
    """Looks at a job before it is one."""

    def __init__(
        self, *, calls: SyncCalls, policies: ModelPolicies, workspace: Workspace, s3: Callable[[], S3Client]
    ) -> None:
        """Take the connections."""
        self._calls = calls
        self._policies = policies
        self._workspace = workspace
        self._s3 = s3

    def preview(self, request: JobRequest, count: int) -> Iterator[Previewed]:
        """Yield the first records, asked one by one; raises InputError, Unavailable, AccessDenied, RequestRefused."""
        data_type = get_data_type(request.data_type, request.options)
        options = parse_options(data_type, request.options)
        model = choose_model(request, data_type, self._policies).model
        workplace = Workplace(self._workspace.cache)
        generator = data_type.prompt_generator(options)
        strategy = data_type.result_strategy(options, workplace)
        client = self._s3() if request.source.startswith("s3://") else None
        with (
            self._workspace.folder("preview") as folder,
            open_source(request.source, work_dir=folder, s3=client) as source,
        ):
            fetched = data_type.fetcher(workplace).fetch(source, options)
            for record in islice(_good(fetched, source.location, skip=request.skip_bad_rows), count):
                prompt = generator.prompt(record)
                body = self._calls.ask(
                    prompt.body(model, request.endpoint, request.max_output_tokens),
                    request.endpoint,
                    service=data_type.name,
                    purpose="preview",
                )
                yield _judged(record, prompt, read_body(body, request.endpoint), strategy)


def _good(fetched: Iterator[Record | BadRow], location: str, *, skip: bool) -> Iterator[Record]:
    for row in fetched:
        if isinstance(row, Record):
            yield row
        elif not skip:
            raise BadSourceRow(source=location, place=row.place, problem=row.problem.rstrip("."))


def _judged(record: Record, prompt: Prompt, answer: Answer | Failure, strategy: ResultStrategy[Any]) -> Previewed:
    seen = Previewed(record.record_id, prompt.messages)
    if isinstance(answer, Failure):
        return replace(seen, reason=answer.code, detail=answer.message)
    seen = replace(
        seen,
        answer=answer.text,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        simulated=answer.simulated,
    )
    if answer.problem is not None:
        return replace(seen, reason=answer.problem, detail=answer.detail)
    judged = strategy.judge(record, answer.text)
    if isinstance(judged, Accepted):
        return replace(seen, accepted=True, output=judged.output)
    return replace(seen, reason=judged.reason, detail=judged.detail)

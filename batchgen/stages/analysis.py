"""One CSV file at once: stored in S3, fetched where the work happens, profiled, analysed; the answer stored, too."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from batchgen.data_types.contract import Accepted, Feedback, Record, Refused
from batchgen.data_types.csv_analysis import CSV_ANALYSIS
from batchgen.data_types.csv_analysis.fetcher import profile_of
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.errors import AnalysisFailed, AnalysisTooSlow, SourceNotFound
from batchgen.models import Endpoint
from batchgen.openai_client.answers import Failure, read_body
from batchgen.openai_client.model_config import ModelCapability
from batchgen.openai_client.policies import ModelPolicies
from batchgen.sources.opened import OpenedSource
from batchgen.sources.opening import existing
from batchgen.stages.time_limit import OutOfTime, within
from batchgen.stages.workspace import Workspace
from batchgen.storage import object_names as names
from batchgen.storage.uploads import BatchUploadManager

if TYPE_CHECKING:
    from batchgen.openai_client.sync_calls import SyncCalls

_TRIES = 2
_LEAST_S = 1.0
_MOST_S = 86_400.0
"""What platforms wait for has an end: seconds beyond it are errors."""


class CsvAnalyzer:
    """Analyses files one by one, through the ordinary API."""

    def __init__(
        self, *, uploads: BatchUploadManager, calls: SyncCalls, policies: ModelPolicies, workspace: Workspace
    ) -> None:
        """Take the connections."""
        self._uploads = uploads
        self._calls = calls
        self._policies = policies
        self._workspace = workspace

    def analyze(
        self, path: Path, options: CsvAnalysisOptions, *, model: str | None, time_limit_s: float
    ) -> dict[str, Any]:
        """Return the analysis of a local CSV file, with where it is stored.

        Raises SourceNotFound, SourceUnreadable, SourceEmpty, AnalysisFailed, AnalysisTooSlow, Unavailable,
        AccessDenied, BucketMissing.
        """
        time_limit_s = min(time_limit_s, _MOST_S)
        ends_at = time.monotonic() + time_limit_s
        try:
            return within(
                time_limit_s + _LEAST_S,
                lambda: self._analyze(path, options, model=model, ends_at=ends_at),
                name="analysis",
            )
        except OutOfTime:
            raise AnalysisTooSlow(file=path.name, seconds=f"{time_limit_s:g}") from None

    def _analyze(self, path: Path, options: CsvAnalysisOptions, *, model: str | None, ends_at: float) -> dict[str, Any]:
        path = existing(str(path), path)
        if path.is_dir():
            raise SourceNotFound(source=str(path), problem="it is a folder, and a file is analysed at once")
        name = f"analysis-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        chosen = self._policies.choose(model, CSV_ANALYSIS.name, needs=frozenset({ModelCapability.CHAT})).model
        key = names.analysis_input_key(name, path.suffix.lower())
        self._uploads.send(path, key)
        with self._workspace.folder(name) as folder:
            local = self._uploads.download(key, folder / f"input{path.suffix.lower()}")
            left = _left(ends_at)
            bounded = options.model_copy(update={"profile_time_s": min(options.profile_time_s, left)})
            profile = profile_of(OpenedSource(path.name, local), bounded)
        record = Record(path.name, {"file": path.name, "question": "".join(options.questions[:1]), "profile": profile})
        output, usage = self._ask(record, options, chosen, ends_at)
        result = {"analysis_id": name, "model": chosen, **usage, "analysis": output, "profile": profile}
        stored = self._uploads.put(
            orjson.dumps(result, option=orjson.OPT_INDENT_2), names.public_key(CSV_ANALYSIS.name, name, "analysis.json")
        )
        return result | {"url": stored.url, "key": stored.key}

    def _ask(
        self, record: Record, options: CsvAnalysisOptions, model: str, ends_at: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        generator = CSV_ANALYSIS.prompt_generator(options)
        strategy = CSV_ANALYSIS.result_strategy(options)
        feedback: Feedback | None = None
        refused = Refused("no_answer", "nothing was asked")
        tokens = {"input_tokens": 0, "output_tokens": 0}
        for _ in range(_TRIES):
            body = generator.prompt(record, feedback).body(model, Endpoint.CHAT)
            said = self._calls.ask(
                body, Endpoint.CHAT, service=CSV_ANALYSIS.name, timeout_s=_left(ends_at), purpose="analysis"
            )
            answer = read_body(said, Endpoint.CHAT)
            if isinstance(answer, Failure):
                refused = Refused(answer.code, answer.message)
                continue
            tokens["input_tokens"] += answer.input_tokens
            tokens["output_tokens"] += answer.output_tokens
            judged = (
                strategy.judge(record, answer.text)
                if answer.problem is None
                else Refused(answer.problem, answer.detail)
            )
            if isinstance(judged, Accepted):
                return judged.output, {"usage": tokens, "simulated": answer.simulated}
            refused, feedback = judged, Feedback(judged.reason, judged.detail)
        raise AnalysisFailed(file=record.record_id, reason=refused.reason, detail=refused.detail)


def _left(ends_at: float) -> float:
    """Seconds until the limit; a step always gets a little."""
    return max(_LEAST_S, ends_at - time.monotonic())

"""`run_analysis_pipeline`: one call that analyses a CSV file and tells what came of it; it never raises.

Made to be called from a web view or any thread: it starts no process, forks nothing, and every step of it has a limit.
`python -m batchgen.pipeline_orchestrator FILE` prints the result as JSON.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from pathlib import Path
from typing import Any, Literal, get_args

import orjson
from pydantic import ValidationError
from structlog.stdlib import get_logger

from batchgen.data_types.csv_analysis import CSV_ANALYSIS
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.errors import BatchgenError, InvalidOption, SourceNotFound
from batchgen.services import Services
from batchgen.settings import Settings
from batchgen.stages.intake import JobRequest

log = get_logger(__name__)

Mode = Literal["sync", "batch"]
_KNOWN = "question, language, model, mode, time_limit_s"


def run_analysis_pipeline(
    path: str | bytes | os.PathLike[str],
    *,
    question: str = "",
    language: str | None = None,
    model: str | None = None,
    mode: Mode = "sync",
    time_limit_s: float | None = None,
    settings: Settings | None = None,
) -> tuple[dict[str, Any] | None, str | None]:
    """Analyse a CSV file; returns `(result, None)` or `(None, error)`, the error a line that says what to do.

    `sync` asks the ordinary API and returns the analysis in seconds: `analysis`, `profile`, `url`, `usage`. `batch`
    records a job at batch price, of a file, a folder or an s3:// prefix, sends it and returns its summary; `batchgen
    advance` (or Prefect's schedules) and a review bring it to its end. Connections come from the environment, or from
    `settings`; so does the limit on the time that `sync` takes, where none is given.
    """
    try:
        place = _place(path)
        _check_choices(mode, time_limit_s)
        options = _options(question, language, model)
        with Services(settings or Settings.load()) as services:
            if mode == "batch":
                return _submitted(services, place, options, model), None
            limit_s = services.settings.analysis_time_limit_s if time_limit_s is None else time_limit_s
            return services.analyzer.analyze(Path(place), options, model=model, time_limit_s=limit_s), None
    except BatchgenError as error:
        return None, str(error)
    except Exception as error:
        log.exception("analysis_failed", path=repr(path))
        return None, f"Unexpected {type(error).__name__}: {error}. Please report it with the log."


def _place(path: Any) -> str:
    """Return a path as text; raises SourceNotFound for what is none."""
    try:
        place = os.fsdecode(path)
        place.encode()
    except TypeError:
        raise SourceNotFound(source=repr(path), problem="it is no path") from None
    except UnicodeEncodeError:
        raise SourceNotFound(source=ascii(path), problem="its name is not UTF-8, rename it") from None
    return place


def _check_choices(mode: Any, time_limit_s: Any) -> None:
    """Refuse what a caller without a type checker may give; raises InvalidOption."""
    if mode not in get_args(Mode):
        raise _invalid(f"mode is {' or '.join(get_args(Mode))}, not {mode!r}")
    number = isinstance(time_limit_s, int | float) and 0 < time_limit_s < math.inf
    if time_limit_s is not None and not number:
        raise _invalid(f"time_limit_s is a number of seconds above 0, not {time_limit_s!r}")


def _invalid(problem: str) -> InvalidOption:
    return InvalidOption(data_type=CSV_ANALYSIS.name, problem=problem, known=_KNOWN)


def _options(question: Any, language: str | None, model: Any) -> CsvAnalysisOptions:
    if not isinstance(model, str | None):
        raise _invalid(f"model is the name of a model, not {model!r}")
    if isinstance(question, str):
        try:
            question.encode()
        except UnicodeEncodeError:
            raise _invalid("the question is no Unicode text") from None
    try:
        return CsvAnalysisOptions(questions=(question,) if question else (), language=language)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise _invalid(problem) from None


def _submitted(services: Services, source: str, options: CsvAnalysisOptions, model: str | None) -> dict[str, Any]:
    values = options.model_dump(mode="json", exclude_defaults=True)
    job = services.processor.create_job(JobRequest("csv_analysis", source, model=model, options=values))
    for batch_id in services.processor.due(job.job_id):
        services.processor.submit(batch_id)
    return services.summary(job.job_id)


def main(arguments: list[str] | None = None) -> int:
    """Analyse the file that is named; prints one JSON document. 0: done, 1: not."""
    parser = argparse.ArgumentParser(prog="python -m batchgen.pipeline_orchestrator", description=__doc__)
    parser.add_argument("file", help="a CSV file")
    parser.add_argument("--question", default="", help="what to answer from it")
    parser.add_argument("--language", help="the language to write in, e.g. Korean")
    parser.add_argument("--model", help="a model of the catalogue, or auto")
    parser.add_argument("--mode", choices=("sync", "batch"), default="sync")
    given = parser.parse_args(arguments)
    result, error = run_analysis_pipeline(
        given.file, question=given.question, language=given.language, model=given.model, mode=given.mode
    )
    document = result if error is None else {"error": error}
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return 0 if error is None else 1


if __name__ == "__main__":
    sys.exit(main())

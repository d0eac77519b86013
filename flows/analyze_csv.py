"""Analyse a CSV file at once: the same pipeline as a call from Python, as a run with its result as an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from pydantic import Field

from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from flows.artifacts import show_analysis
from flows.parameters import Text
from flows.run import TASK_OPTIONS, run_services, tag_run


@task(name="analyse file", **TASK_OPTIONS)
def analyse_file(path: str, question: str, language: str, model: str) -> dict[str, Any]:
    """Store, profile and analyse one file; returns the analysis and where it is stored."""
    options = CsvAnalysisOptions(questions=(question,) if question else (), language=language or None)
    with run_services() as services:
        limit_s = services.settings.analysis_time_limit_s
        return services.analyzer.analyze(Path(path), options, model=model or None, time_limit_s=limit_s)


@flow(name="analyze_csv", flow_run_name="analyse {path}", validate_parameters=True)
def analyze_csv(
    path: Annotated[str, Field(min_length=1)], question: Text = "", language: Text = "", model: Text = ""
) -> dict[str, Any]:
    """Analyse a CSV file through the ordinary API, in seconds.

    Args:
        path: A CSV file on the worker's machine.
        question: What to answer from it. Empty: a general analysis.
        language: The language to write in, for example Korean. Empty: English.
        model: A model of the catalogue, or auto for the cheapest that can do it. Empty: the data type's own.
    """
    tag_run("type:csv_analysis")
    with run_services():
        result = analyse_file(path, question or "", language or "", model or "")
        show_analysis(result)
        return {name: value for name, value in result.items() if name != "profile"}

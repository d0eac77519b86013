"""Analyses of CSV files: each is profiled locally, and a model reads the profile."""

from __future__ import annotations

from batchgen.data_types.contract import DataType
from batchgen.data_types.csv_analysis.fetcher import CsvAnalysisFetcher
from batchgen.data_types.csv_analysis.generator import CsvAnalysisPromptGenerator
from batchgen.data_types.csv_analysis.options import CsvAnalysisOptions
from batchgen.data_types.csv_analysis.strategy import CsvAnalysisResultStrategy

CSV_ANALYSIS = DataType(
    name="csv_analysis",
    summary="What CSV files hold and show: summary, findings, data quality, answers to your questions.",
    source_help="a CSV file, a folder of them, or s3://bucket/prefix/",
    options_type=CsvAnalysisOptions,
    fetcher=CsvAnalysisFetcher,
    prompt_generator=CsvAnalysisPromptGenerator,
    result_strategy=CsvAnalysisResultStrategy,
    default_max_retries=2,
)

__all__ = ["CSV_ANALYSIS"]

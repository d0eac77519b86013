"""The data type `prompt`: ready prompts, answers kept as they came. The plainest type, and the one to copy."""

from __future__ import annotations

from batchgen.data_types.contract import DataType
from batchgen.data_types.prompt.fetcher import PromptFetcher
from batchgen.data_types.prompt.generator import ReadyPromptGenerator
from batchgen.data_types.prompt.options import PromptOptions
from batchgen.data_types.prompt.strategy import PromptResultStrategy

PROMPT = DataType(
    name="prompt",
    summary="Ready prompts, one a row; the answers are stored as they come.",
    source_help="CSV, JSONL or Parquet (a path or s3:// address) with a column prompt or messages",
    options_type=PromptOptions,
    fetcher=PromptFetcher,
    prompt_generator=ReadyPromptGenerator,
    result_strategy=PromptResultStrategy,
)

__all__ = ["PROMPT"]

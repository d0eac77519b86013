"""Data types that a team declares in YAML: columns in, fields out, rules and a prompt; no Python."""

from __future__ import annotations

from batchgen.data_types.contract import DataType
from batchgen.data_types.declared.declaration import Declaration
from batchgen.data_types.declared.fetcher import DeclaredFetcher
from batchgen.data_types.declared.generator import DeclaredPromptGenerator
from batchgen.data_types.declared.options import DeclaredOptions
from batchgen.data_types.declared.strategy import DeclaredResultStrategy
from batchgen.openai_client.policies import DECLARED

__all__ = ["declared_type"]


def declared_type(declaration: Declaration) -> DataType[DeclaredOptions]:
    """Return the data type that a declaration stands for."""
    return DataType(
        name=declaration.name,
        summary=declaration.summary or f"declared: {', '.join(spec.name for spec in declaration.fields)}",
        source_help="a table with " + (", ".join(declaration.required_columns()) or "any columns"),
        options_type=DeclaredOptions,
        fetcher=DeclaredFetcher,
        prompt_generator=DeclaredPromptGenerator,
        result_strategy=DeclaredResultStrategy,
        default_model=declaration.model,
        default_max_retries=declaration.max_retries,
        fallback_policy=DECLARED,
    )

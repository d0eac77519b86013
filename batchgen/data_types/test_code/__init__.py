"""Tests for Python code: a function or class of a source tree a record, a file of pytest tests the answer."""

from __future__ import annotations

from batchgen.data_types.contract import DataType
from batchgen.data_types.test_code.fetcher import TestCodeFetcher
from batchgen.data_types.test_code.generator import TestCodePromptGenerator
from batchgen.data_types.test_code.options import TestCodeOptions
from batchgen.data_types.test_code.strategy import TestCodeResultStrategy

__all__ = ["TEST_CODE", "TestCodePromptGenerator"]

TEST_CODE = DataType(
    name="test_code",
    summary="pytest tests for the functions and classes of a Python code base",
    source_help="a folder of Python files, a package, a wheel or sdist, git+https://…@ref, or package:NAME",
    options_type=TestCodeOptions,
    fetcher=TestCodeFetcher,
    prompt_generator=TestCodePromptGenerator,
    result_strategy=TestCodeResultStrategy,
    default_max_retries=1,
)
